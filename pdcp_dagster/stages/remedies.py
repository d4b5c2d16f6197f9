"""What a person can do about a failure, by its kind; codes have their remedies in the registry.

What lives here: one sentence per kind of error. What does not: the errors themselves.
"""

from __future__ import annotations

from pdcp_dagster.adapters.decisions_file import DecisionsFileError
from pdcp_dagster.adapters.nifti import NiftiReadError
from pdcp_dagster.adapters.orthanc import (
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    OrthancAnswerError,
    OrthancDenied,
    OrthancSettingsError,
    OrthancUnreachable,
)
from pdcp_dagster.adapters.own_rules import OwnRuleNotFound
from pdcp_dagster.adapters.parquet import TableError
from pdcp_dagster.adapters.store import PatientBusyError, StoreError
from pdcp_dagster.domain.dicom_values import DicomReadError
from pdcp_dagster.domain.study_rules import OwnRuleError
from pdcp_dagster.domain.verdict import NoSuchCandidateError

_RESTORE = "Have the stored file restored, or the patient exported again, then run this patient again."
_REMAKE = "Run this patient again from the stage that made it."
_ODD_ANSWER = (
    "Check that ORTHANC_URL is an Orthanc, or wait until the archive stops receiving this patient, "
    "then run this patient again."
)
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (OrthancUnreachable, "Check that Orthanc runs and can be reached, then run this patient again."),
    (OrthancDenied, "Check ORTHANC_USERNAME and ORTHANC_PASSWORD, then run this patient again."),
    (OrthancSettingsError, "Correct the setting, then run this patient again."),
    (OrthancAnswerError, _ODD_ANSWER),
    (ObjectGone, "It was deleted or replaced meanwhile: list the patients again, then run this one again."),
    (ObjectUnreadable, _RESTORE),
    (ObjectDamaged, _RESTORE),
    (DicomReadError, "Ask for a re-export of this object, then run this patient again."),
    (NiftiReadError, _REMAKE),
    (TableError, _REMAKE),
    (DecisionsFileError, "Correct decisions.yaml in the cohort's folder of the store, then run this patient again."),
    (OwnRuleNotFound, "Correct eligibility.rules in the cohort file, then run this patient again."),
    (NoSuchCandidateError, "The archive has changed: run this patient again, then `pdcp review show`."),
    (OwnRuleError, "Correct the rule, then run this patient again."),
    (PatientBusyError, "Wait for the other run, then run this patient again."),
    (StoreError, _REMAKE),
    (MemoryError, "Give each worker more (PDCP_WORKER_MEMORY_GB) or lower --jobs, then run this patient again."),
    (OSError, "Check that the store's disk has space and can be written to, then run this patient again."),
)


def remedy_for(error: Exception) -> str:
    """Return what to do about an error, "" where nothing general can be said."""
    return next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "")
