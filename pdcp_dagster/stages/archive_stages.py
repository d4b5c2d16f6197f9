"""From the archive to a verified, retrieved study.

What lives here: the stages image_summary, verified_study and retrieved_dicom of one patient. What does not: the rules
(`domain.verification`), or HTTP (`adapters.orthanc`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import ArchivedInstance
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.keys import uid_name
from pdcp_dagster.domain.study_facts import study_facts
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import verify
from pdcp_dagster.stages.outcome import Kept, Rows
from pdcp_dagster.stages.patient import StageRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.linkage import SelectedObject, Selection
    from pdcp_dagster.stages.patient import Patient, Role


def summarise_images(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Ask the archive for the tags of every instance of the patient; nothing is downloaded.

    A read error is an exception; "nothing there" is the code I_EXEC_003.
    """
    modalities = patient.cohort.summarised_modalities
    rows = patient.archive.instance_tags(patient.task.orthanc_id, modalities=modalities)
    foreign = {row.get("PatientID") for row in rows} - {patient.task.patient_id, None, ""}
    if foreign:
        raise StageRefusedError(
            "the archive answered with instances of another PatientID; the patient list is out of date"
        )
    summary = summarise(rows)
    patient.summary = summary
    status = "SUCCESS" if len(summary) else "IMAGINGDATANOTFOUND"
    write_table(summary, target / "image_summary.parquet", {"status": status})
    counts = summary.groupby("modality")["series_instance_uid"].agg(["nunique", "size"])
    shown = Rows(
        tuple(
            {"modality": str(modality), "series": int(row["nunique"]), "instances": int(row["size"])}
            for modality, row in counts.iterrows()
        )
    )
    findings = () if len(summary) else (Finding("I_EXEC_003"),)
    return Kept({"instances": len(summary), "modalities": shown}), findings


def verify_study(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Decide from the tags which objects belong together, and whether the patient belongs to the cohort."""
    verification = verify(patient.summary, patient.cohort)
    patient.verified = verification.verified
    patient.selection = verification.selection
    write_table(verification.verified, target / "verified_study.parquet")
    verified = verification.verified
    shown = Rows(
        tuple(
            {
                key: _text(row[key])
                for key in ("role", "series_uid", "sop_instance_uid", "linked_by", "verdict", "reason")
            }
            for row in verified.head(_SHOWN_OBJECTS).to_dict("records")
        )
    )
    kept = Kept(
        {"selected": int((verified["verdict"] == "selected").sum()), "considered": len(verified), "objects": shown},
        {
            "list_of_values": verification.list_of_values,
            "raw_images_summary": verification.raw_images_summary,
            "verified_images_summary": verification.verified_images_summary,
            "facts": study_facts(patient.summary, verification.selection),
        },
    )
    return kept, verification.findings


def retrieve_dicom(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Download what was selected, every byte checked, as `dicom/<role>/<SOPInstanceUID>.dcm`."""
    folder = target / "dicom"
    pairs = [
        (_instance(selected, role), folder / role / f"{uid_name(selected.sop_instance_uid)}.dcm")
        for role, objects in _by_role(patient.selected).items()
        for selected in objects
    ]
    if len({path for _, path in pairs}) < len(pairs):
        raise StageRefusedError("two of the selected objects have the same SOPInstanceUID; ask for a re-export")
    for _, path in pairs:
        path.parent.mkdir(parents=True, exist_ok=True)
    size = sum(patient.archive.download_all(pairs))
    counts: dict[str, int] = {role: len(objects) for role, objects in _by_role(patient.selected).items()}
    for cached in ("ct", "structure_sets", "contours", "plan", "doses", "dose_decision"):
        patient.__dict__.pop(cached, None)
    findings = (
        Finding("XI_SUCC_001", f"{counts['CT']} slices"),
        Finding("XIII_SUCC_001", f"{counts['RTSTRUCT']} structure set(s)"),
        Finding("XV_SUCC_001", f"{counts['RTPLAN']} plan(s)"),
        Finding("XVI_SUCC_001", f"{counts['RTDOSE']} dose(s)"),
    )
    return Kept({"files": len(pairs), "size_mb": round(size / 1e6, 1), **counts}), findings


_SHOWN_OBJECTS = 50


def _by_role(selection: Selection) -> dict[Role, tuple[SelectedObject, ...]]:
    return {
        "CT": selection.ct_instances,
        "RTSTRUCT": selection.rtstructs,
        "RTPLAN": selection.rtplans,
        "RTDOSE": selection.rtdoses,
    }


def _instance(selected: SelectedObject, role: Role) -> ArchivedInstance:
    return ArchivedInstance(
        orthanc_id=selected.orthanc_id,
        sop_instance_uid=selected.sop_instance_uid,
        series_instance_uid=selected.series_instance_uid,
        modality=role,
        file_size=selected.file_size,
    )


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN differs from itself
