"""What the patient's tables say, as the patient's page tells it.

What lives here: from the columns of one table to rows of the page. What does not: which tables there are
(`patient_panel`), HTML (adapters).

All columns are those of `read_columns`: lists, None where null; what an older table lacks is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.patient_panel import PanelCurve, PanelObject, PanelPicture, PanelPlan, PanelRoi
from pdcp_dagster.domain.prescription import is_target_by
from pdcp_dagster.domain.selection import SELECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pdcp_dagster.stages.dvh_bands import Curve


MOST_CURVES = 30
MOST_ROIS = 80
NUMBERS = {
    "volume_cm3": "Volume / cm³",
    "dmean_gy": "Dmean / Gy",
    "dmax_gy": "Dmax / Gy",
    "d2_gy": "D2 / Gy",
    "d95_gy": "D95 / Gy",
    "d98_gy": "D98 / Gy",
    "v5gy_pct": "V5Gy / %",
    "v20gy_pct": "V20Gy / %",
    "v40gy_pct": "V40Gy / %",
}
"""The numbers of a ROI that the page has, with their heads."""
ROI_COLUMNS = (
    "rtstruct_uid",
    "roi_number",
    "roi_name",
    "roi_standard_name",
    "interpreted_type",
    "volume_cm3",
    "flags",
    "structure_set_label",
)
DOSE_COLUMNS = ("rtstruct_uid", "roi_number", "flags", "prescription_gy", *NUMBERS)
OBJECT_COLUMNS = ("role", "series_uid", "sop_instance_uid", "linked_to", "linked_by", "verdict", "reason")
PLAN_FACTS = {
    "approval_status": "Approval",
    "intent": "Intent",
    "date": "Date",
    "prescription_gy": "Prescribed / Gy",
    "fractions_planned": "Fractions planned",
    "technique": "Technique",
    "radiation_type": "Radiation",
    "energies": "Energies",
    "treatment_beams": "Treatment beams",
    "machine": "Machine",
    "meterset": "Meterset of a fraction",
    "tps": "Planning system",
    "summation_type": "Dose of a",
    "dose_type": "Dose type",
    "grid_spacing_mm": "Dose grid / mm",
    "maximum_gy": "Dose maximum / Gy",
    "reason": "Verdict",
}
PLAN_COLUMNS = ("label", "name", "verdict", *PLAN_FACTS)
_UNNAMED = "(no name)"


def records(columns: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table."""
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def shown(value: Any) -> str:
    """Return a value in few characters; "" where it is not known."""
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value)
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") if value == value else ""  # noqa: PLR0124 - NaN differs from itself
    return "" if value is None else str(value)


def objects_of(columns: Mapping[str, list[Any]], told: Callable[[str], str]) -> Iterator[PanelObject]:
    """Yield the objects that were considered; told: what may be shown of a text."""
    for row in records(columns):
        yield PanelObject(
            role=shown(row["role"]),
            uid=told(shown(row["sop_instance_uid"] or row["series_uid"])),
            linked_to=told(shown(row["linked_to"])),
            linked_by=shown(row["linked_by"]),
            selected=row["verdict"] == SELECTED,
            reason=told(shown(row["reason"])),
        )


def plans_of(columns: Mapping[str, list[Any]], told: Callable[[str], str]) -> Iterator[PanelPlan]:
    """Yield each plan that was considered with each of its doses."""
    for row in records(columns):
        title = " · ".join(shown(row.get(part)) for part in ("label", "name") if row.get(part))
        facts = {head: told(shown(row.get(name))) for name, head in PLAN_FACTS.items()}
        yield PanelPlan(told(title) or "No label", row.get("verdict") == SELECTED, facts)


@dataclass(frozen=True, slots=True)
class Histograms:
    """The ROIs of the page with their curves, targets first."""

    rois: tuple[PanelRoi, ...]
    further_rois: int
    curves: tuple[PanelCurve, ...]
    further_curves: int


def histograms_of(
    structures: Mapping[str, list[Any]],
    doses: Mapping[str, list[Any]],
    curves: Mapping[tuple[str, int], Curve],
    told: Callable[[str], str],
) -> Histograms:
    """Return at most 80 ROIs and at most 30 curves, those of targets first, else in the order of the structure sets.

    structures: of structures.parquet, which has all ROIs. doses: of dvh.parquet, empty without doses.
    """
    of_doses = {(row["rtstruct_uid"], row["roi_number"]): row for row in records(doses)}
    several = len(set(structures.get("rtstruct_uid", ()))) > 1
    every = sorted(records(structures), key=lambda row: not _is_target(row))
    chosen = [row for row in every if (row["rtstruct_uid"], row["roi_number"]) in curves][:MOST_CURVES]
    place = {(row["rtstruct_uid"], row["roi_number"]): position for position, row in enumerate(chosen)}
    rois = [_roi(row, of_doses, place, _name(row, told, several=several), told) for row in every[:MOST_ROIS]]
    drawn = [
        PanelCurve(_name(row, told, several=several), _is_target(row), *curves[row["rtstruct_uid"], row["roi_number"]])
        for row in chosen
    ]
    return Histograms(tuple(rois), len(every) - len(rois), tuple(drawn), len(curves) - len(drawn))


def _roi(
    row: Mapping[str, Any],
    of_doses: Mapping[tuple[str, int], Mapping[str, Any]],
    place: Mapping[tuple[str, int], int],
    name: str,
    told: Callable[[str], str],
) -> PanelRoi:
    key = row["rtstruct_uid"], row["roi_number"]
    dose = of_doses.get(key, {})
    numbers = {"volume_cm3": row.get("volume_cm3"), **{each: dose[each] for each in NUMBERS if each in dose}}
    standard = shown(row.get("roi_standard_name"))
    return PanelRoi(
        name=name,
        standard_name=told(standard) if standard != row.get("roi_name") else "",
        curve=place.get(key),
        numbers=tuple(numbers.get(each) for each in (NUMBERS if of_doses else ("volume_cm3",))),
        flags=", ".join(dict.fromkeys([*(row.get("flags") or ()), *(dose.get("flags") or ())])).replace("_", " "),
    )


def _name(row: Mapping[str, Any], told: Callable[[str], str], *, several: bool) -> str:
    """Return the ROI's name; with several structure sets also which of them it belongs to."""
    label = row.get("structure_set_label") if several else None
    return told(f"{row['roi_name']} ({label})" if label else row["roi_name"]) or _UNNAMED


def _is_target(row: Mapping[str, Any]) -> bool:
    return is_target_by(row.get("interpreted_type"), row["roi_name"])


def pictures_of(columns: Mapping[str, list[Any]], told: Callable[[str], str]) -> Iterator[PanelPicture]:
    """Yield the pictures of ROIs, those that are named as targets first.

    A picture whose file's name may not be told is left out.
    """
    rows = [row for row in records(columns) if row["picture"] and told(row["picture"]) == row["picture"]]
    for row in sorted(rows, key=lambda row: not is_target_by(None, row["roi_name"])):
        yield PanelPicture("central_slices", row["picture"], told(row["roi_name"]) or _UNNAMED)


def candidates_of(columns: Mapping[str, list[Any]], told: Callable[[str], str]) -> Iterator[PanelPicture]:
    """Yield the pictures of the candidates among which a person must choose."""
    for row in records(columns):
        if row["picture"]:
            facts = (row["study_date"], row["study_description"], row["plan_labels"], row["reason"])
            caption = " · ".join([f"Candidate {row['candidate']}", *filter(None, map(shown, facts))])
            yield PanelPicture("candidate_studies", row["picture"], told(caption))


def prescriptions_of(doses: Mapping[str, list[Any]], most: int = 4) -> tuple[float, ...]:
    """Return what was prescribed to any ROI, Gy, ascending; nothing where that is more than a drawing can bear."""
    found = sorted({gy for gy in doses.get("prescription_gy", ()) if gy})
    return tuple(found) if len(found) <= most else ()


def roi_heads(doses: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Return the heads of the ROIs' numbers: without doses only that of the volume."""
    return tuple(NUMBERS.values()) if doses.get("rtstruct_uid") else (NUMBERS["volume_cm3"],)
