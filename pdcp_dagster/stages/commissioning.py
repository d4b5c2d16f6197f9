"""One patient's DVHs under each convention, beside those that the planning system wrote into the RTDOSE.

What lives here: who can be compared, the DVHs from contours and dose, and the rows of commissioning.parquet. What does
not: tolerances and verdicts (`domain.commissioning`), the report as files (`commissioning_report`).

Only what is in the store is read, and nothing of the patient is changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.commissioning import (
    CONVENTIONS,
    FAILED,
    NOT_COMPARED,
    Convention,
    Differences,
    differences,
    judge,
)
from pdcp_dagster.domain.dvh import compute_dvh
from pdcp_dagster.domain.roi_kind import is_external
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.dvh_rows import settings_of
from pdcp_dagster.stages.inputs import configurations_of
from pdcp_dagster.stages.naming import without_patient_id
from pdcp_dagster.stages.one_thread import in_one_thread
from pdcp_dagster.stages.parser_warnings import without_parser_warnings
from pdcp_dagster.stages.patient import Patient
from pdcp_dagster.stages.planning_system import NO_VOLUME, planning_dvhs
from pdcp_dagster.stages.standard_names import STANDARD_NAME_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.adapters.store import PatientFolder
    from pdcp_dagster.domain.commissioning_tolerances import Tolerances
    from pdcp_dagster.stages.outcome import PatientTask
    from pdcp_dagster.stages.patient import ChainSettings
    from pdcp_dagster.stages.planning_system import PlanningDvh

Cell = str | float | int | bool | None
Row = dict[str, Cell]
NO_HISTOGRAMS = "the RTDOSE holds no histograms of the planning system"
_PREPARED = frozenset({Status.SUCCESS, Status.REVIEW})

_TEXT, _NUMBER = "string", "Float64"
COLUMNS: dict[str, str] = {
    **dict.fromkeys(("patient_id", "partition_key", "tps", "plan_label", "rtstruct_uid"), _TEXT),
    "roi_number": "Int64",
    "roi_name": _TEXT,
    **STANDARD_NAME_COLUMNS,
    **dict.fromkeys(("dose_uid", "end_caps", "dose_interpolation"), _TEXT),
    "is_cohorts_own": "boolean",
    **dict.fromkeys(
        (
            *("tps_volume_cm3", "volume_cm3", "volume_difference_pct", "volume_tolerance_pct"),
            *("tps_dmean_gy", "dmean_gy", "dmean_difference_gy"),
            *("tps_d95_gy", "d95_gy", "d95_difference_gy", "tps_d50_gy", "d50_gy", "d50_difference_gy"),
            *("tps_d2_gy", "d2_gy", "d2_difference_gy", "dose_tolerance_gy"),
            *("largest_gap_pct", "largest_gap_at_gy", "gap_beyond_tolerance_pct", "gap_tolerance_pct"),
        ),
        _NUMBER,
    ),
    "within_tolerance": "boolean",
    "out_of_tolerance": _TEXT,
    **dict.fromkeys(("verdict", "reason", "config_hash", "software_version"), _TEXT),
}
"""Columns of commissioning.parquet and their types: a row per patient, ROI and convention.

is_cohorts_own: whether the cohort file asks for this convention. largest_gap_pct, gap_beyond_tolerance_pct: see
dvh_comparison.parquet; volume_tolerance_pct is null where the volume is not judged. verdict, reason: of the ROI, the
same in all its rows. What could not be compared has one row, without a convention, and without a ROI if it concerns the
whole patient.
"""


def commission_patient(
    task: PatientTask, settings: ChainSettings, archive: Orthanc, tolerances: Tolerances
) -> list[Row]:
    """Return the patient's rows; never raises, trouble of one patient is a row of the verdict `failed`.

    archive: it is asked for nothing.
    """
    folder = settings.store.cohort(settings.cohort.name).patient(task.partition_key)
    patient = Patient(task, settings, archive, folder)
    try:
        reason = _reason_against(patient)
        if reason:
            return [_not_compared(patient, reason)]
        with without_parser_warnings(), in_one_thread(), folder.locked():
            return _rows(patient, tolerances)
    except Exception as error:  # noqa: BLE001 - one patient's trouble, whatever it is, must not touch another's
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        told = without_patient_id(settings.cohort, told, task.patient_id, task.partition_key)
        return [_not_compared(patient, told) | {"verdict": FAILED}]


def commissioning_table(rows: list[Row]) -> pd.DataFrame:
    """Return the rows of all patients in the columns and types of `COLUMNS`."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def own_convention(settings: ChainSettings) -> Convention:
    """Return the convention of the cohort file."""
    return Convention(settings.cohort.dvh.end_caps, settings.cohort.dvh.dose_interpolation)


def _reason_against(patient: Patient) -> str:
    """Return in words why nothing of the patient can be compared, "" if something may be, from small files alone."""
    if not patient.folder.path.exists():
        return "Not run yet."
    standing = standing_of(patient.folder, configurations_of(patient.cohort))
    if standing.status not in _PREPARED:
        return standing.reason
    if patient.folder.manifest("dvh_table") is None:
        return f"No histograms were computed. {standing.reason}"
    return "" if len(read_table(_comparison(patient.folder))) else NO_HISTOGRAMS


def _comparison(folder: PatientFolder) -> Path:
    return folder.path / "dvh_comparison.parquet"


def _rows(patient: Patient, tolerances: Tolerances) -> list[Row]:
    """Return the rows of all ROIs that the planning system has a DVH of; of several, one that can be compared."""
    told = sorted(planning_dvhs(patient), key=lambda each: bool(each.reason_against))
    of_roi = {(each.rtstruct_uid, each.roi_number): each for each in reversed(told) if each.roi is not None}
    unknown = [each for each in told if each.roi is None]
    rows = [row for each in (*of_roi.values(), *unknown) for row in _of_roi(patient, each, tolerances)]
    return sorted(rows, key=lambda row: (str(row["rtstruct_uid"]), int(row["roi_number"] or 0)))


def _of_roi(patient: Patient, each: PlanningDvh, tolerances: Tolerances) -> list[Row]:
    common = {
        **_common(patient),
        "rtstruct_uid": each.rtstruct_uid,
        "roi_number": each.roi_number,
        "roi_name": each.roi.name if each.roi else None,
        **_standard_names(patient, each),
        "dose_uid": each.dose_uid,
    }
    by_convention = _under_each_convention(patient, each, tolerances)
    if isinstance(by_convention, str):
        return [common | {"verdict": NOT_COMPARED, "reason": by_convention}]
    own = own_convention(patient.settings)
    judgement = judge(by_convention, own)
    common |= {"verdict": judgement.verdict, "reason": judgement.reason}
    found = {one: its for one, its in by_convention.items() if isinstance(its, Differences)}
    return [common | _measured(one, its) | {"is_cohorts_own": one == own} for one, its in found.items()] or [common]


def _standard_names(patient: Patient, each: PlanningDvh) -> dict[str, str | None]:
    of_uid = {structure_set.sop_instance_uid: structure_set for structure_set in patient.structure_sets}
    structure_set = of_uid.get(each.rtstruct_uid or "")
    if structure_set is None or each.roi is None:
        return dict.fromkeys(STANDARD_NAME_COLUMNS)
    return patient.standard_names.columns(structure_set, each.roi)


def _under_each_convention(
    patient: Patient, each: PlanningDvh, tolerances: Tolerances
) -> dict[Convention, Differences | str] | str:
    """Return a ROI's differences, or why there are none, by convention; or why it cannot be compared at all."""
    grid = patient.dose_decision.grid
    if each.reason_against or each.roi is None or each.tps is None or grid is None:
        return each.reason_against
    planar = patient.contours[str(each.rtstruct_uid), each.roi.number]
    found: dict[Convention, Differences | str] = {}
    for convention in CONVENTIONS:
        chosen = replace(settings_of(patient), end_caps=convention.end_caps, interpolation=convention.interpolation)
        dvh = compute_dvh(planar, patient.grid, grid, chosen)
        found[convention] = (
            differences(dvh, each.tps, tolerances, is_external=is_external(each.roi)) if dvh is not None else NO_VOLUME
        )
    return found


def _measured(convention: Convention, found: Differences) -> Row:
    volume, curve = found.volume, found.curve
    row: Row = {
        "end_caps": convention.end_caps,
        "dose_interpolation": convention.interpolation,
        "tps_volume_cm3": volume.theirs,
        "volume_cm3": volume.ours,
        "volume_difference_pct": volume.apart,
        "volume_tolerance_pct": volume.tolerance,
        "dose_tolerance_gy": found.dmean.tolerance,
        "largest_gap_pct": found.largest_gap_pct,
        "largest_gap_at_gy": found.largest_gap_at_gy,
        "gap_beyond_tolerance_pct": curve.apart,
        "gap_tolerance_pct": curve.tolerance,
        "within_tolerance": not found.outside,
        "out_of_tolerance": ", ".join(found.outside),
    }
    for name, dose in (("dmean", found.dmean), ("d95", found.d95), ("d50", found.d50), ("d2", found.d2)):
        row |= {f"tps_{name}_gy": dose.theirs, f"{name}_gy": dose.ours, f"{name}_difference_gy": dose.apart}
    return row


def _not_compared(patient: Patient, reason: str) -> Row:
    names = {"patient_id": patient.task.patient_id, "partition_key": patient.task.partition_key}
    return {**names, "verdict": NOT_COMPARED, "reason": reason}


def _common(patient: Patient) -> Row:
    systems = [
        " ".join(filter(None, (plan.manufacturer, plan.model, plan.software_versions))) for plan in patient.plans
    ]
    return {
        "patient_id": patient.task.patient_id,
        "partition_key": patient.task.partition_key,
        "tps": ", ".join(dict.fromkeys(filter(None, systems))) or None,
        "plan_label": patient.plan_label,
        "config_hash": patient.config_hash,
        "software_version": patient.settings.software_version,
    }
