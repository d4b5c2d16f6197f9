"""The cohort as tables: a row per patient, and the DVHs of those whose current status lets them count.

What lives here: gathering from the patients' small files. What does not: the HTML page (adapters), Dagster (defs).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from pdcp_dagster.adapters.parquet import concatenate_tables, read_table
from pdcp_dagster.adapters.store import PATIENT_FILES, tombstones
from pdcp_dagster.domain.codes import Finding, Status, in_words
from pdcp_dagster.domain.study_facts import DATES
from pdcp_dagster.stages.current import NOT_ASKED, standing_of
from pdcp_dagster.stages.inputs import configurations_of
from pdcp_dagster.stages.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.snapshot import PatientSnapshot

_TEXT, _NUMBER, _COUNT, _DATE = "string", "Float64", "Int64", "object"
OUTSIDE = {"outside_dose_grid", "partly_outside_dose_grid"}
"""Flags of ROIs of which too much lies outside the dose grid to know their statistics."""
REPORT_COLUMNS: dict[str, str] = {
    "patient_id": _TEXT,
    "partition_key": _TEXT,
    "status": _TEXT,
    "codes": "object",
    "reason": _TEXT,
    "study_instance_uid": _TEXT,
    "study_date": _DATE,
    "latest_study_date": _DATE,
    "modalities": _TEXT,
    "ct_date": _DATE,
    "structure_set_date": _DATE,
    "plan_date": _DATE,
    "dose_date": _DATE,
    "ct_to_plan_days": _COUNT,
    "dates_status": _TEXT,
    "ct_series_uid": _TEXT,
    "ct_slices": _COUNT,
    "slice_spacing_mm": _NUMBER,
    "slice_thickness_mm": _NUMBER,
    "pixel_mm": _NUMBER,
    "extent_mm": _NUMBER,
    "kvp": _NUMBER,
    "kernel": _TEXT,
    "scanner": _TEXT,
    "patient_position": _TEXT,
    "rois": _COUNT,
    "rtstructs": _COUNT,
    "plans": _COUNT,
    "doses": _COUNT,
    "max_dose_gy": _NUMBER,
    **dict.fromkeys(PATIENT_FILES, _TEXT),
}
"""The contract of cohort_report.parquet; a column per stage says `done` or `-`."""


def cohort_report_table(folder: CohortFolder, wanted: Iterable[str] = (), cohort: Cohort | None = None) -> pd.DataFrame:
    """Return the report: a row per patient in the order of the patient list, from files alone.

    Patients who were deleted from the archive follow (I_EXEC_012).
    wanted: PatientIDs that the cohort names; those that are not in the archive come last (I_EXEC_001).
    cohort: as its file says today, where that is known: patients whom it says something else to since are PENDING.
    """
    today = configurations_of(cohort) if cohort is not None else NOT_ASKED
    patients = read_table(folder.file("patient_ids"))
    rows = [_row(folder, str(row.patient_id), str(row.partition_key), today) for row in patients.itertuples()]
    deleted = [each for each in tombstones(folder) if each.partition_key not in {*patients["partition_key"]}]
    rows += [_row(folder, each.patient_id, each.partition_key, today) for each in deleted]
    known = {*patients["patient_id"], *(each.patient_id for each in deleted)}
    rows += [_missing_row(patient_id) for patient_id in sorted({*wanted} - known)]
    return pd.DataFrame(rows, columns=list(REPORT_COLUMNS)).astype(REPORT_COLUMNS)


def report_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the table as records for the page: plain values, None where nothing is known."""
    return [
        {
            str(key): value if isinstance(value, list) else (None if pd.isna(value) else value)
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def cohort_dvh_table(folder: CohortFolder, *, include_review: bool, cohort: Cohort | None = None) -> pd.DataFrame:
    """Return the DVH rows of all patients who count, taken by their current status, never by whatever files there are.

    Rows of ROIs that reach too far outside the dose grid stay out (`OUTSIDE`). cohort: see `cohort_report_table`.
    """
    counting = counting_patients(folder, include_review=include_review, cohort=cohort)
    table = concatenate_tables(patient.file("dvh_table") for _, patient in counting)
    if table is None:
        return pd.DataFrame({"patient_id": pd.array([], dtype="string"), "roi_name": pd.array([], dtype="string")})
    outside = table["flags"].map(lambda flags: bool(OUTSIDE & set(flags)))
    return table[~outside].reset_index(drop=True) if outside.any() else table


def counting_patients(
    folder: CohortFolder, *, include_review: bool, cohort: Cohort | None = None
) -> Iterator[tuple[str, PatientSnapshot]]:
    """Yield the partition key and the folder of each patient whose DVHs count, in the order of the patient list.

    cohort: see `cohort_report_table`.
    """
    today = configurations_of(cohort) if cohort is not None else NOT_ASKED
    counting = {Status.SUCCESS, Status.REVIEW} if include_review else {Status.SUCCESS}
    for key in read_table(folder.file("patient_ids"))["partition_key"]:
        patient = snapshot_of(folder.patient(str(key)))
        if patient.manifest("dvh_table") is not None and standing_of(patient, today).status in counting:
            yield str(key), patient


def _row(folder: CohortFolder, patient_id: str, key: str, today: Mapping[str, str]) -> dict[str, Any]:
    patient = snapshot_of(folder.patient(key))
    standing = standing_of(patient, today)
    details = _details(patient, "verified_study")
    facts = details.get("facts", {})
    ct = _details(patient, "ct_volume")
    spacing, size = ct.get("spacing_mm"), ct.get("size")
    return {
        **dict.fromkeys(REPORT_COLUMNS),
        **{name: value for name, value in facts.items() if name in REPORT_COLUMNS},
        **{name: dt.date.fromisoformat(facts[name]) for name in DATES if name in facts},
        **_of_archive(details),
        "patient_id": patient_id,
        "partition_key": key,
        "status": str(standing.status),
        "codes": [finding.code for finding in standing.findings],
        "reason": standing.reason,
        "slice_spacing_mm": spacing[2] if spacing else None,
        "extent_mm": spacing[2] * size[2] if spacing and size else None,
        "rois": _details(patient, "structure_masks").get("rois"),
        "max_dose_gy": _details(patient, "dose_volume").get("max_dose_gy"),
        **{asset: "done" if patient.manifest(asset) is not None else "-" for asset in PATIENT_FILES},
    }


def _of_archive(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the archive held of the patient, whatever was selected; nothing where nobody looked."""
    archive = details.get("archive")
    if archive is None:
        return {}
    latest = archive.get("latest_study_date")
    return {
        "modalities": " ".join(archive["modalities"]),
        "latest_study_date": dt.date.fromisoformat(latest) if latest else None,
    }


def _missing_row(patient_id: str) -> dict[str, Any]:
    finding = Finding("I_EXEC_001")
    return {
        **dict.fromkeys(REPORT_COLUMNS),
        "patient_id": patient_id,
        "status": str(Status.EXCLUDE),
        "codes": [finding.code],
        "reason": in_words(finding),
        **dict.fromkeys(PATIENT_FILES, "-"),
    }


def _details(patient: PatientFolder, asset: str) -> dict[str, Any]:
    manifest = patient.manifest(asset)
    return dict(manifest.details) if manifest is not None else {}
