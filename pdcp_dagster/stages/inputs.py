"""What each stage of a patient is made with, beside the stages before it: archive, cohort file, tables, people, code.

What lives here: the hashes by which a stage knows that it need not be done again. What does not: comparing them with
those of its commit mark (`chain`, `currency`), or what is read by a stage.

A stage that reads one more key of the cohort file must have it here; a test sees to that.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.own_rules import rule_source
from pdcp_dagster.adapters.store import Origin
from pdcp_dagster.domain.decisions import decision_hash
from pdcp_dagster.domain.linkage import RECIPES
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.stages.circumstances import circumstances_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.structure_names import StructureNameMap
    from pdcp_dagster.stages.patient import Patient

ARCHIVE, CODE, CONFIGURATION, DECISION, TABLES, SELECTED, LIMITS = (
    "archive",
    "code",
    "configuration",
    "decision",
    "tables",
    "selected",
    "limits",
)
_LAYOUT = "1"
"""Version of `dicom/<role>/<SOPInstanceUID>.dcm`: what was downloaded stays as it is whatever the code becomes."""
_DIGEST_BYTES = 12

_LABEL = "partition_key"
"""Decides whether a PatientID may be told."""
_VERDICT = (
    _LABEL,
    *("linkage", "fallback_links", "dose_sum", "study_selection", "eligibility", "ct_instances"),
    *("study_description", "phantom", "roi_keywords", "roi_keywords_exclude"),
)
_CT = ("linkage", "ct_geometry")
_DOSES = (*_CT, "dose_type")
CONFIGURED_BY: Mapping[str, tuple[str, ...]] = {
    "image_summary": ("summarised_modalities",),
    "verified_study": _VERDICT,
    "candidate_studies": _VERDICT,
    "retrieved_dicom": ("linkage",),
    "ct_volume": _CT,
    "structure_masks": (*_CT, "roi_keywords", "roi_keywords_exclude", "label_map", "dvh", "structure_names"),
    "dose_volume": (*_DOSES, "dose_max_gy", "dose_on_ct_grid"),
    "plan_table": _DOSES,
    "dvh_table": (
        *_DOSES,
        _LABEL,
        "dose_sum",
        "prescription_gy",
        "dvh",
        "dvh_columns",
        "structure_names",
    ),
    "central_slices": (*_DOSES, _LABEL, "structure_names"),
    "patient_notes": ("linkage", "version"),
}
"""The keys of the cohort file that decide what a stage makes."""


CHECKED_BY: Mapping[str, tuple[str, ...]] = {
    "dose_volume": ("checks.dose_maximum_pct",),
    "dvh_table": ("checks.target_d95_pct",),
}
"""The limits of its checks: another one has the stage made again, and what there is counts until then."""


def configuration_of(cohort: Cohort, asset: str) -> str:
    """Return a hash of what the cohort file says to this stage."""
    return cohort.config_hash(*CONFIGURED_BY[asset])


def configurations_of(cohort: Cohort) -> dict[str, str]:
    """Return the same for all stages of the cohort's linkage and its notes, by asset."""
    return {asset: configuration_of(cohort, asset) for asset in (*stages_of(cohort.linkage), "patient_notes")}


def origin_of(patient: Patient, asset: str, made_from: tuple[str, ...]) -> Origin:
    """Return what the stage would be made of if it were made now."""
    with_these = {CODE: patient.settings.code_version, CONFIGURATION: configuration_of(patient.cohort, asset)}
    if asset in CHECKED_BY:
        with_these[LIMITS] = patient.cohort.config_hash(*CHECKED_BY[asset])
    return Origin(made_from, with_these | _ALSO.get(asset, _nothing_else)(patient))


def _circumstances(patient: Patient) -> dict[str, str]:
    """Return hashes of what a verdict takes into account beside the image summary and the cohort file."""
    around = circumstances_of(patient)
    tables = {
        "approvals": sorted(around.approvals.items()),
        "index_date": str(around.index_date),
        "rules": [(name, rule_source(name)) for name, _ in around.rules],
        "only_candidate": around.only_candidate,
    }
    return {TABLES: hash_of(tables), DECISION: decision_hash(around.decision)}


def hash_of(content: object) -> str:
    """Return a hash of plain values."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _nothing_else(_: Patient) -> dict[str, str]:
    return {}


def _archive(patient: Patient) -> dict[str, str]:
    return {ARCHIVE: patient.fingerprint}


def names_hash(structure_names: StructureNameMap | None) -> str:
    """Return a hash of a map of structure names, in its order: of patterns the first that fits counts."""
    return hash_of(structure_names.model_dump(mode="json") if structure_names is not None else None)


def _structure_names(patient: Patient) -> dict[str, str]:
    return {TABLES: names_hash(patient.settings.tables.structure_names)}


def _prescriptions_and_names(patient: Patient) -> dict[str, str]:
    of_patient = patient.settings.tables.prescriptions.get(patient.task.patient_id, {})
    return {TABLES: hash_of([sorted(of_patient.items()), _map_of(patient)])}


def _map_of(patient: Patient) -> object:
    """Return the map of structure names as plain values, in its order: of patterns the first that fits counts."""
    structure_names = patient.settings.tables.structure_names
    return structure_names.model_dump(mode="json") if structure_names is not None else None


def _selected(patient: Patient) -> dict[str, str]:
    roles = RECIPES[patient.cohort.linkage].roles
    chosen = [
        (role, each.sop_instance_uid, each.orthanc_id, each.file_size, each.file_uuid)
        for role, objects in patient.selected.by_role().items()
        for each in objects
        if role in roles
    ]
    return {SELECTED: hash_of(chosen), CODE: f"layout {_LAYOUT}"}


_ALSO: Mapping[str, Callable[[Patient], dict[str, str]]] = {
    "image_summary": _archive,
    "verified_study": _circumstances,
    "candidate_studies": _circumstances,
    "retrieved_dicom": _selected,
    "structure_masks": _structure_names,
    "dvh_table": _prescriptions_and_names,
    "central_slices": _structure_names,
}
