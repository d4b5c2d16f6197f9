"""What the stage structure_masks tells of a patient's structures.

What lives here: from filled ROIs to findings. What does not: the rules that they rest on (domain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.contours import stack_volume_cm3
from pdcp_dagster.domain.laterality import MISMATCH, PlacedRoi, SideCheck, check_sides
from pdcp_dagster.domain.roi_kind import ROI_KINDS, is_external, roi_kind
from pdcp_dagster.domain.studies import is_asked_for
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.structure_rows import FilledRoi


_CONTRADICTIONS = (
    {"cut_by_crossing"},
    {"rois_of_one_number_joined"},
    {"xor_contours", "duplicate_contour_dropped"},
    {"xor_contours", "near_duplicate_contour_dropped"},
)
"""Flags, alone or together, of contours that cannot all be meant: what is left of them is not known to be the ROI.

By XOR a contour twice is none (PS3.3 C.8.8.6.3); it is kept, as a file that doubles a contour is likelier.
"""


def side_checks(rois: Sequence[FilledRoi]) -> list[SideCheck | None]:
    """Return for each ROI what its place says against its name; sides are compared within one structure set.

    The middle is that of the set's largest outline, else of another set's on the same CT. Points, outlines and what is
    no part of the patient (bolus, couch, fixation, isodoses) have no side.
    """
    outlines = [one for one in rois if is_external(one.roi) and one.planar.polygons and one.centroid_mm]
    found: dict[tuple[str, int], SideCheck] = {}
    for uid in dict.fromkeys(one.structure_set.sop_instance_uid for one in rois):
        own = [one for one in rois if one.structure_set.sop_instance_uid == uid]
        outline = _largest([one for one in outlines if one.structure_set.sop_instance_uid == uid] or outlines)
        middle = outline.centroid_mm[0] if outline is not None and outline.centroid_mm else None
        placed = [
            PlacedRoi(one.roi.number, one.roi.name, one.centroid_mm[0])
            for one in own
            if one.centroid_mm is not None
            and one.planar.polygons
            and not is_external(one.roi)
            and not roi_kind(one.roi)
        ]
        found |= {(uid, check.number): check for check in check_sides(placed, middle)}
    return [found.get((one.structure_set.sop_instance_uid, one.roi.number)) for one in rois]


def _largest(outlines: Sequence[FilledRoi]) -> FilledRoi | None:
    """Return the outline of most volume: systems also type air, skin or a second body EXTERNAL."""
    if len(outlines) <= 1:
        return next(iter(outlines), None)
    return max(outlines, key=lambda one: stack_volume_cm3(one.planar))


def findings_of(
    cohort: Cohort, rois: Sequence[FilledRoi], table: pd.DataFrame, checks: Sequence[SideCheck | None]
) -> tuple[Finding, ...]:
    """Return the findings; one alone, which excludes, where no ROI has a mask."""
    filled = int(table["file"].notna().sum())
    if not filled:
        strangers = sum("other_frame_of_reference" in flags for flags in table["flags"])
        why = f"; {strangers} of them in another frame of reference than the CT" if strangers else ""
        return (Finding("XIV_EXEC_002", f"{len(table)} ROIs, none with a closed contour on the CT{why}"),)
    flagged = sum(bool(set(flags) - ROI_KINDS) for flags in table["flags"])
    odd = (Finding("XIV_NOTE_001", f"{flagged} of {len(table)} ROIs"),) if flagged else ()
    told = [check.told for check in checks if check is not None and check.flag == MISMATCH]
    sides = (Finding("XIV_REV_001", some(told)),) if told else ()
    found = *odd, *_of_asked_for(cohort, rois), *sides, *_of_contradictions(rois)
    return (Finding("XIV_SUCC_001", f"{filled} masks"), *found)


def _of_contradictions(rois: Sequence[FilledRoi]) -> tuple[Finding, ...]:
    """Return what to tell of ROIs whose contours cannot all be meant; the couch and its like do no harm."""
    doubtful = [
        one.roi.name
        for one in rois
        if one.planar.polygons and not roi_kind(one.roi) and any(c.issubset(one.planar.flags) for c in _CONTRADICTIONS)
    ]
    return (Finding("XIV_REV_003", some(doubtful)),) if doubtful else ()


def _of_asked_for(cohort: Cohort, rois: Sequence[FilledRoi]) -> tuple[Finding, ...]:
    """Return what to tell of ROIs that the cohort asks for by name and that nobody drew, or not on this CT."""
    asked = [one for one in rois if is_asked_for(one.roi.name, cohort)]
    missing = [one.roi.name for one in asked if not one.planar.polygons or "outside_image" in one.planar.flags]
    if not missing:
        return ()
    code = "XIV_REV_002" if len(missing) == len(asked) else "XIV_NOTE_002"
    return (Finding(code, some(missing)),)
