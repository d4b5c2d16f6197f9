"""From the archive to a verified, retrieved study.

What lives here: the stages image_summary, verified_study and retrieved_dicom of one patient. What does not: the rules
(`domain.verification`), or HTTP (`adapters.orthanc`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.orthanc import ArchivedInstance
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.decisions import decision_hash
from pdcp_dagster.domain.identifiers import left_identifiers
from pdcp_dagster.domain.keys import uid_name
from pdcp_dagster.domain.quality import IDENTIFIERS_REMOVED
from pdcp_dagster.domain.selection import SELECTED
from pdcp_dagster.domain.study_facts import archive_facts, study_facts
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import verify
from pdcp_dagster.stages.circumstances import circumstances_of
from pdcp_dagster.stages.earlier_files import OBJECTS, of_archive, take_over
from pdcp_dagster.stages.inputs import ARCHIVE, DECISION
from pdcp_dagster.stages.notes_stage import findings_table
from pdcp_dagster.stages.outcome import Check, Kept, Rows
from pdcp_dagster.stages.patient import StageRefusedError
from pdcp_dagster.stages.quality import linkage_checks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdcp_dagster.domain.selection import Role, SelectedObject
    from pdcp_dagster.stages.patient import Patient


def summarise_images(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Ask the archive for the tags of every instance of the patient; nothing is downloaded.

    A read error is an exception; "nothing there" is the code I_EXEC_003.
    """
    modalities = patient.cohort.summarised_modalities
    listing = patient.archive.listing(patient.task.orthanc_id)
    rows = patient.archive.instance_tags(patient.task.orthanc_id, modalities, listing)
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
    findings, checks = _of_identifiers(summary) if len(summary) else ((Finding("I_EXEC_003"),), ())
    # Of what was listed for this, which may be more than there was a moment ago.
    made_with = {ARCHIVE: listing.fingerprint}
    return Kept({"instances": len(summary), "modalities": shown}, checks=checks, made_with=made_with), findings


def _of_identifiers(summary: pd.DataFrame) -> tuple[tuple[Finding, ...], tuple[Check, ...]]:
    """Return I_NOTE_014 where objects name a person, and the check of it; neither repeats a name or a date."""
    left = left_identifiers(summary)
    if left.any:
        return (Finding("I_NOTE_014", left.told),), (Check(IDENTIFIERS_REMOVED, passed=False, said=left.told),)
    said = f"no name and no full birth date in {left.objects} objects"
    return (), (Check(IDENTIFIERS_REMOVED, passed=True, said=said),)


def verify_study(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Decide from the tags which objects belong together, and whether the patient belongs to the cohort."""
    around = circumstances_of(patient)
    verification = verify(patient.summary, patient.cohort, around)
    patient.verified = verification.verified
    patient.selection = verification.selection
    patient.verification = verification
    # What a person accepted is part of the content, and who did: later stages are out of date when it changes.
    accepted_by = around.decision.told if around.decision is not None and verification.accepted else ""
    told = {"accepted": "\n".join(sorted(verification.accepted)), "accepted_by": accepted_by}
    write_table(verification.verified, target / "verified_study.parquet", told)
    verified = verification.verified
    kept = Kept(
        {
            "selected": int((verified["verdict"] == SELECTED).sum()),
            "considered": len(verified),
            "findings": findings_table(verification.findings),
            "objects": _shown(verified),
        },
        {
            "list_of_values": verification.list_of_values,
            "raw_images_summary": verification.raw_images_summary,
            "verified_images_summary": verification.verified_images_summary,
            "facts": study_facts(patient.summary, verification.selection),
            "archive": archive_facts(patient.summary),
            "accepted": list(verification.accepted),
            "accepted_by": around.decision.told if around.decision is not None else "",
            "patient_id": patient.task.patient_id,
            "decision": decision_hash(around.decision),
            "evidence": verification.evidence if verification.chains else "",
        },
        checks=linkage_checks(verification),
        made_with={DECISION: decision_hash(around.decision)},
    )
    return kept, verification.findings


def retrieve_dicom(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Download what was selected, every byte checked, as `dicom/<role>/<SOPInstanceUID>.dcm`.

    A file that is here already, as it lies in the archive, is not downloaded again.
    """
    folder = target / "dicom"
    selected_by_role = _by_role(patient)
    pairs = [
        (_instance(selected, role), folder / role / f"{uid_name(selected.sop_instance_uid)}.dcm")
        for role, objects in selected_by_role.items()
        for selected in objects
    ]
    if len({path for _, path in pairs}) < len(pairs):
        raise StageRefusedError("two of the selected objects have the same SOPInstanceUID; ask for a re-export")
    for _, path in pairs:
        path.parent.mkdir(parents=True, exist_ok=True)
    here = {} if patient.task.force else take_over(patient.folder, target, pairs)
    missing = [(instance, path) for instance, path in pairs if path not in here]
    arrived = patient.archive.download_all(missing)
    files = here | {path: of_archive(instance, got.md5) for (instance, path), got in zip(missing, arrived, strict=True)}
    size = sum(instance.file_size for instance, _ in pairs)
    counts: dict[str, int] = {role: len(objects) for role, objects in selected_by_role.items()}
    for cached in READ_FROM_FILES:
        patient.__dict__.pop(cached, None)
    findings = tuple(Finding(_RETRIEVED[role][0], f"{count} {_RETRIEVED[role][1]}") for role, count in counts.items())
    objects = {path.relative_to(target).as_posix(): files[path] for _, path in pairs}
    shown = {"files": len(pairs), "size_mb": round(size / 1e6, 1), **counts}
    return Kept(shown, {OBJECTS: objects}, shown_once={"downloaded": len(missing)}), findings


READ_FROM_FILES = ("ct", "structure_sets", "standard_names", "contours", "plans", "doses", "dose_decision", "_plan_sum")
"""What a patient remembers of retrieved files; it does not outlive them."""
_SHOWN_OBJECTS = 50
_SHOWN_COLUMNS = ("role", "series_uid", "sop_instance_uid", "linked_by", "verdict", "reason")
_RETRIEVED: Mapping[str, tuple[str, str]] = {
    "CT": ("XI_SUCC_001", "slices"),
    "RTSTRUCT": ("XIII_SUCC_001", "structure set(s)"),
    "RTPLAN": ("XV_SUCC_001", "plan(s)"),
    "RTDOSE": ("XVI_SUCC_001", "dose(s)"),
}
"""The code of what was retrieved, and what its number counts."""


def _shown(verified: pd.DataFrame) -> Rows:
    """Return the first objects considered; the RT objects first where CT series would crowd them out."""
    ordered = verified
    if len(verified) > _SHOWN_OBJECTS:
        images = verified["role"] == "CT"
        ordered = pd.concat([verified[~images], verified[images]])
    records = ordered.head(_SHOWN_OBJECTS).to_dict("records")
    return Rows(tuple({key: _text(row[key]) for key in _SHOWN_COLUMNS} for row in records))


def _by_role(patient: Patient) -> dict[Role, tuple[SelectedObject, ...]]:
    """Return what was selected, of the roles that the cohort's linkage asks for."""
    required = patient.cohort.required_modalities
    return {role: objects for role, objects in patient.selected.by_role().items() if role in required}


def _instance(selected: SelectedObject, role: Role) -> ArchivedInstance:
    return ArchivedInstance(
        orthanc_id=selected.orthanc_id,
        sop_instance_uid=selected.sop_instance_uid,
        series_instance_uid=selected.series_instance_uid,
        modality=role,
        file_size=selected.file_size,
        file_uuid=selected.file_uuid,
    )


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN differs from itself
