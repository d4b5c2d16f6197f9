"""The parts of PDCP's notes that count and list a patient's objects, under its keys.

What lives here: `raw_images_summary`, `verified_images_summary` and `list_of_values`. What does not: the rest of the
notes (`notes`).

PDCP counted as verified whatever was left in its table; here it is what was linked, and the PT of the CT's study. Its
StructureSetDate was always missing, for it looked at the CT; here it is the structure set's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.selection import SelectedObject, Selection

_COUNTED = ("CT", "RTSTRUCT", "RTDOSE", "RTPLAN", "PT")
_MISSING = "missing"


def count_images(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the number of studies, and of series and instances of each modality, in the image summary."""
    studies = {row["study_instance_uid"] for row in rows}
    counts: dict[str, Any] = {"PatId": _patient_id(rows), "number_of_patient_studies": len(studies)}
    for modality in _COUNTED:
        series = [
            (row["study_instance_uid"], row["series_instance_uid"]) for row in rows if row["modality"] == modality
        ]
        counts |= _counts(modality, series)
    return counts


def count_selected(rows: Sequence[Mapping[str, Any]], selection: Selection | None) -> dict[str, Any]:
    """Return the same numbers of what was linked, and of the PT of the CT's study; zeros where nothing was linked.

    The studies are those in which the linked objects lie: several where structures or doses lie apart from their CT.
    """
    objects = _objects(selection)
    linked = {each.orthanc_id for of_role in objects.values() for each in of_role}
    studies = {row["study_instance_uid"] for row in rows if row["instance_identifier"] in linked}
    counts: dict[str, Any] = {"PatId": _patient_id(rows), "number_of_patient_studies": len(studies)}
    for modality in _COUNTED:
        series: list[object] = [each.series_instance_uid for each in objects.get(modality, ())]
        if modality == "PT" and selection is not None:
            its = [row for row in rows if row["study_instance_uid"] == selection.study_instance_uid]
            series = [row["series_instance_uid"] for row in its if row["modality"] == "PT"]
        counts |= _counts(modality, series)
    return counts


def list_of_values(
    rows: Sequence[Mapping[str, Any]], selection: Selection | None, ct_orthanc_id: str
) -> dict[str, Any]:
    """Return what was linked by UID and Orthanc's IDs; dates are YYYYMMDD as numbers."""
    values: dict[str, Any] = {"PatId": _patient_id(rows)}
    if selection is None:
        return values
    objects = _objects(selection)
    sets = {each.orthanc_id for each in selection.rtstructs}
    set_dates = [row["structure_set_date"] for row in rows if row["instance_identifier"] in sets]
    images = {each.orthanc_id for each in selection.ct_instances}
    study_dates = [row["study_date"] for row in rows if row["instance_identifier"] in images]
    values |= {
        "CT_SeriesIdentifier": selection.ct_series_uid,
        "RTSTRUCT_SOPInstanceUID": [each.sop_instance_uid for each in selection.rtstructs],
        "StructureSetDate": _first_date(set_dates) or _MISSING,
        "StudyDate": _first_date(study_dates),
        "RTDOSE_SOPInstanceUID": [each.sop_instance_uid for each in selection.rtdoses],
        "RTPLAN_SOPInstanceUID": [each.sop_instance_uid for each in selection.rtplans],
        "CT_orthanc_identifier": ct_orthanc_id,
    }
    for modality in ("RTSTRUCT", "RTDOSE", "RTPLAN"):
        values[f"{modality}_orthanc_identifiers"] = [each.orthanc_id for each in objects[modality]]
    return values


def _objects(selection: Selection | None) -> dict[str, tuple[SelectedObject, ...]]:
    if selection is None:
        return {}
    return {
        "CT": selection.ct_instances,
        "RTSTRUCT": selection.rtstructs,
        "RTDOSE": selection.rtdoses,
        "RTPLAN": selection.rtplans,
    }


def _counts(modality: str, series: Sequence[object]) -> dict[str, int]:
    return {f"number_of_{modality}_series": len(set(series)), f"number_of_{modality}_instances": len(series)}


def _patient_id(rows: Sequence[Mapping[str, Any]]) -> str | None:
    return min((row["patient_id"] for row in rows if row["patient_id"]), default=None)


def _first_date(dates: Sequence[dt.date | None]) -> int | None:
    first = min((date for date in dates if date is not None), default=None)
    return None if first is None else int(first.strftime("%Y%m%d"))
