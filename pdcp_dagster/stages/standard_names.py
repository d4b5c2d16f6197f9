"""What the ROIs of one patient are called by the cohort's map of structure names.

What lives here: the columns and the flag that every table of ROIs has, and the check. What does not: the map
(`domain.structure_names`), or names over a whole cohort (`structure_name_table`).

Two drawn ROIs of one structure set with the same standard name both keep it, with a flag: which of them is meant is not
known, and without the name a query for it would pass the patient over in silence, as if nobody had drawn the organ.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.structure_names import match_wholly
from pdcp_dagster.domain.quality import STRUCTURE_NAMES_MAPPED, Judgement
from pdcp_dagster.domain.structure_names import standard_names
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.quality import checks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.structure_names import NamedRoi
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.outcome import Check
    from pdcp_dagster.stages.patient import Patient

STANDARD_NAME_CONFLICT = "standard_name_conflict"
STANDARD_NAME_COLUMNS: dict[str, str] = {"roi_standard_name": "string", "structure_name_map": "string"}
"""The columns that every table of ROIs has, null where the cohort has no map."""


@dataclass(frozen=True, slots=True)
class StandardNames:
    """The ROIs' standard names, by structure set UID and ROINumber.

    version: the map's; None without a map. shared: drawn ROIs whose standard name another one of their set has.
    """

    version: str | None = None
    named: Mapping[tuple[str, int], NamedRoi] = field(default_factory=dict)
    shared: frozenset[tuple[str, int]] = frozenset()

    def columns(self, structure_set: StructureSet, roi: Roi) -> dict[str, str | None]:
        """Return the cells of `STANDARD_NAME_COLUMNS` of one ROI."""
        return self.columns_of(structure_set.sop_instance_uid, roi.number)

    def columns_of(self, rtstruct_uid: str | None, roi_number: int | None) -> dict[str, str | None]:
        """Return the same of a ROI that is only named by its structure set and number, which may be unknown."""
        named = self.named.get((rtstruct_uid or "", -1 if roi_number is None else roi_number))
        cells = (named.standard_name if named else None, self.version)
        return dict(zip(STANDARD_NAME_COLUMNS, cells, strict=True))

    def flag(self, structure_set: StructureSet, roi: Roi) -> str | None:
        """Return the flag of a ROI whose standard name another one has, too."""
        return STANDARD_NAME_CONFLICT if (structure_set.sop_instance_uid, roi.number) in self.shared else None


def name_rois(patient: Patient) -> StandardNames:
    """Return what the patient's ROIs are called by the cohort's map."""
    structure_names = patient.settings.tables.structure_names
    if structure_names is None:
        return StandardNames()
    rois = patient.rois
    found = standard_names([roi.name for _, roi in rois], structure_names, match_wholly)
    keys = [(structure_set.sop_instance_uid, roi.number) for structure_set, roi in rois]
    named = dict(zip(keys, found, strict=True))
    drawn = [key for key, (_, roi) in zip(keys, rois, strict=True) if roi.contours and named[key].standard_name]
    # Case aside: TG-263 wants names that differ in more than that.
    written = {key: (key[0], str(named[key].standard_name).casefold()) for key in drawn}
    counts = Counter(written.values())
    return StandardNames(
        structure_names.version, named, frozenset(key for key, name in written.items() if counts[name] > 1)
    )


def standard_name_checks(patient: Patient) -> tuple[Check, ...]:
    """Return whether every drawn ROI has one standard name; nothing without a map."""
    names = patient.standard_names
    drawn = [(structure_set, roi) for structure_set, roi in patient.rois if roi.contours]
    if names.version is None or not drawn:
        return ()
    found = [(roi.name, names.named[structure_set.sop_instance_uid, roi.number]) for structure_set, roi in drawn]
    conflicts = [f"{name} ({named.reason})" for name, named in found if named.state == "conflict"]
    unmapped = [name for name, named in found if named.state == "unmapped"]
    shared = [
        f"{roi.name} ({names.columns(structure_set, roi)['roi_standard_name']})"
        for structure_set, roi in drawn
        if names.flag(structure_set, roi)
    ]
    return checks_of({STRUCTURE_NAMES_MAPPED: _judged(names.version, len(drawn), (conflicts, shared, unmapped))})


_WRONG = ("a standard name would be wrong", "the same standard name as another ROI", "no standard name")


def _judged(version: str, drawn: int, wrong: tuple[list[str], ...]) -> Judgement:
    told = [f"{words}: {some(rois)}" for words, rois in zip(_WRONG, wrong, strict=True) if rois]
    if not told:
        return Judgement(
            passed=True, said=f"Each of {drawn} drawn ROIs has its standard name, or needs none, by {version}."
        )
    text = "; ".join(told)
    return Judgement(passed=False, said=f"{text[0].upper()}{text[1:]} (by {version}).")
