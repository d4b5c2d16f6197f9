"""Whether a patient's ROIs are what a cohort can work with: names told apart, drawn, and on the CT.

What lives here: judgements on ROIs and their contours. What does not: contours and their flags (`contours`), what a
person must decide (codes).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.roi_kind import roi_kind
from pdcp_dagster.domain.studies import is_asked_for
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.structures import Roi
    from pdcp_dagster.domain.volume import Grid

_BORDER = 0.5
"""A CT ends half a voxel beyond the centres of its outer voxels."""
_ROUNDING = 1e-6
_ELSEWHERE = "other_frame_of_reference"


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRoi:
    """One ROI with its contours on the CT's planes; `structure_set` counts from 1."""

    roi: Roi
    planar: PlanarContours
    structure_set: int = 1


def judge_names(rois: Sequence[DrawnRoi]) -> Judgement | None:
    """Judge whether names are unique within each structure set, case and outer blanks aside; None without ROIs."""
    if not rois:
        return None
    named: dict[tuple[int, str], list[Roi]] = defaultdict(list)
    for one in rois:
        named[one.structure_set, one.roi.name.strip().casefold()].append(one.roi)
    shared = [of_name for of_name in named.values() if len(of_name) > 1]
    if not shared:
        return Judgement(passed=True, said=f"{_rois(len(rois))}, no two with the same name.")
    told = [
        f"{' and '.join(dict.fromkeys(roi.name for roi in of_name))} (ROI numbers "
        f"{', '.join(str(roi.number) for roi in of_name)})"
        for of_name in sorted(shared, key=len, reverse=True)
    ]
    return Judgement(passed=False, said=f"Names that more than one ROI has, case aside: {some(told)}.")


def judge_keywords(cohort: Cohort, rois: Sequence[DrawnRoi]) -> Judgement | None:
    """Judge whether a ROI with one of the cohort's keywords was drawn on this CT; None where it has no keywords."""
    if not cohort.roi_keywords:
        return None
    words = f"roi_keywords: {', '.join(cohort.roi_keywords)}"
    asked = [one for one in rois if is_asked_for(one.roi.name, cohort)]
    if not asked:
        return Judgement(passed=False, said=f"No ROI has a name that the cohort asks for ({words}).")
    missing = [one.roi.name for one in asked if not one.planar.polygons or "outside_image" in one.planar.flags]
    drawn = [one.roi.name for one in asked if one.planar.polygons and "outside_image" not in one.planar.flags]
    if not drawn:
        return Judgement(
            passed=False, said=f"Not drawn on this CT: {some(missing)}; nothing else is asked for ({words})."
        )
    others = f" Not drawn on this CT: {some(missing)}." if missing else ""
    return Judgement(passed=True, said=f"Drawn, of what the cohort asks for: {some(drawn)}.{others}")


def judge_inside(rois: Sequence[DrawnRoi], grid: Grid) -> Judgement | None:
    """Judge whether contours lie within the CT; None where no contour was drawn.

    Couch, bolus, fixation and isodoses may reach beyond it. A ROI in another frame of reference has no known place.
    """
    judged = [one for one in rois if one.roi.contours and not roi_kind(one.roi)]
    elsewhere = [one.roi.name for one in judged if _ELSEWHERE in one.planar.flags]
    placed = [one for one in judged if one.planar.polygons]
    if not placed and not elsewhere:
        return None
    out = [(one.roi.name, *points_outside(one.planar, grid)) for one in placed]
    out = sorted((each for each in out if each[1]), key=lambda each: -each[1] / each[2])
    said = [f"{name} ({100 * outside / points:.1f} % of {points} points)" for name, outside, points in out]
    parts = [f"outside the CT: {some(said)}"] if out else []
    if elsewhere:
        parts.append(f"in another frame of reference than the CT: {some(elsewhere)}")
    if parts:
        text = "; ".join(parts)
        return Judgement(passed=False, said=f"{text[0].upper()}{text[1:]}.")
    return Judgement(passed=True, said=f"The contours of {_rois(len(placed))} lie within the CT.")


def points_outside(planar: PlanarContours, grid: Grid) -> tuple[int, int]:
    """Return how many points of a ROI's contours lie beyond the outer borders of the CT's voxels, and how many it has.

    A plane on the lower border of the first slice is outside, as for the flag `partly_outside_image`.
    """
    last = np.array(grid.size) - _BORDER
    outside = total = 0
    for plane, vertices in planar.polygons:
        k = planar.planes_mm[plane] / grid.spacing_mm[2]
        at = vertices / np.array(grid.spacing_mm[:2])
        beyond = (at < -_BORDER).any(axis=1) | (at > last[:2]).any(axis=1)
        if k <= -_BORDER + _ROUNDING or k > last[2]:
            beyond[:] = True
        outside += int(beyond.sum())
        total += len(vertices)
    return outside, total


def _rois(count: int) -> str:
    return "1 ROI" if count == 1 else f"{count} ROIs"
