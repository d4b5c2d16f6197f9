"""What a patient is called where people read: the PatientID, or the partition key where PatientIDs must not show.

What lives here: names for terminals, logs and pages, and whom a name typed at the terminal means. What does not: files
of the store, in which the PatientID stands by contract.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pdcp_dagster.domain.cohort import Cohort

_NOT_LISTED = "(not in the archive)"


def told_name(cohort: Cohort, patient_id: str, key: str) -> str:
    """Return what the patient is called: the PatientID, or the partition key where the cohort hides PatientIDs."""
    return key if cohort.hides_patient_ids else patient_id


def keys_by_name(cohort: Cohort, listed: pd.DataFrame) -> dict[str, str]:
    """Return the partition key by every name that a person may type, in the order of the patient list.

    listed: rows with patient_id and partition_key, that of `patient_ids`. The name is a PatientID, or, where the cohort
    hides those, a partition key, too; what is both is taken for the key, which is all that such a cohort ever shows.
    """
    pairs = zip(listed["patient_id"], listed["partition_key"], strict=True)
    names = {str(patient_id): str(key) for patient_id, key in pairs}
    if cohort.hides_patient_ids:
        names |= {str(key): str(key) for key in listed["partition_key"]}
    return names


def told_missing(cohort: Cohort, missing: Sequence[str]) -> tuple[str, ...]:
    """Return the PatientIDs that the archive does not have, or only how many where the cohort hides them."""
    if not cohort.hides_patient_ids or not missing:
        return tuple(missing)
    return (f"{len(missing)} of the cohort's list (cohort_report.parquet names them)",)


def as_told(cohort: Cohort, report: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort report as it may be shown: with what patients are called in the place of PatientIDs."""
    if not cohort.hides_patient_ids:
        return report
    return report.assign(patient_id=report["partition_key"].fillna(_NOT_LISTED))


def without_patient_id(cohort: Cohort, text: str, patient_id: str, key: str) -> str:
    """Return a text from outside, such as the message of a rule that broke, without the PatientID where it is hidden.

    Only whole words are replaced: a PatientID of "1" does not take a digit out of a number.
    """
    if not cohort.hides_patient_ids or not patient_id:
        return text
    return re.sub(rf"(?<!\w){re.escape(patient_id)}(?!\w)", lambda _: key, text)
