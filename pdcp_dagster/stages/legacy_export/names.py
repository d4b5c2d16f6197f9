"""What a patient is called in the names of files and folders.

What lives here: the PatientID where that is safe, else the store's own name for it. What does not: the names inside
files, where PatientIDs stand to the letter.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pdcp_dagster.domain.keys import folder_of, is_device_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
"""No dot first (hidden) and none last (Windows drops it)."""
_ENCODED = re.compile(r".*--[0-9a-f]{16}")
"""How the store ends a name that it had to change: a PatientID that looks so is not plain."""


def file_names(keys: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each PatientID, no two equal on a disk that ignores case.

    keys: partition key by PatientID, of all patients of the cohort: who else there is can change a name.
    """
    plain = {patient_id: patient_id for patient_id in keys if _is_plain(patient_id)}
    shared = Counter(patient_id.lower() for patient_id in plain)
    names = {
        patient_id: patient_id if patient_id in plain and shared[patient_id.lower()] == 1 else folder_of(key)
        for patient_id, key in keys.items()
    }
    taken = Counter(name.lower() for name in names.values())
    return {
        patient_id: folder_of(keys[patient_id]) if taken[name.lower()] > 1 else name
        for patient_id, name in names.items()
    }


def _is_plain(patient_id: str) -> bool:
    return (
        _PLAIN.fullmatch(patient_id) is not None
        and _ENCODED.fullmatch(patient_id) is None
        and not is_device_name(patient_id.partition(".")[0])
    )
