"""Which patients are new in the archive or hold something else there than what was run: by fingerprint, not by hearsay.

What lives here: the look at some patients (after a hint of the feed) and at all of a list. What does not: the feed
(`feed`), and what else makes a patient due, as a changed cohort file does (`currency`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import ObjectGone, OrthancError
from pdcp_dagster.stages.archive_list import key_of, wanted_ids
from pdcp_dagster.stages.inputs import ARCHIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder
    from pdcp_dagster.domain.cohort import Cohort


@dataclass
class Differences:
    """What the archive holds beside what was run, as partition keys by Orthanc's IDs where not said otherwise.

    new: never run. changed: something else than what was run. unchanged: how many are as they were run.
    gone: Orthanc's IDs that the archive does not have (any more). of_others: how many are not of the cohort.
    arriving: Orthanc's IDs of patients of whom more came just now.
    not_seen: why Orthanc could not tell of a patient, who is named there as far as is known.
    """

    new: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)
    of_others: int = 0
    not_seen: dict[str, str] = field(default_factory=dict)
    arriving: list[str] = field(default_factory=list)

    @property
    def due(self) -> list[str]:
        """The partition keys to be run, those first that were run before."""
        return [*self.changed.values(), *self.new.values()]


def run_with(folder: PatientFolder) -> str | None:
    """Return the fingerprint of what the archive held when the patient's image summary was made, None where never."""
    mark = folder.mark("image_summary")
    return None if mark is None else mark.made_with.get(ARCHIVE)


def differences_of(
    archive: Orthanc, cohort: Cohort, cohort_folder: Path, folder: CohortFolder, orthanc_ids: Iterable[str]
) -> Differences:
    """Look at these patients of the archive.

    cohort_folder: where a relative path of the cohort file's `patients` starts.
    """
    found = Differences()
    wanted = wanted_ids(cohort, cohort_folder)
    keys: dict[str, str] = {}
    for orthanc_id in orthanc_ids:
        try:
            patient = archive.patient(orthanc_id)
        except ObjectGone:
            found.gone.append(orthanc_id)
            continue
        except OrthancError as error:
            found.not_seen[orthanc_id] = f"{orthanc_id}: {error}"
            continue
        if wanted is not None and patient.patient_id not in wanted:
            found.of_others += 1
        elif not patient.is_stable:
            found.arriving.append(orthanc_id)
        else:
            keys[orthanc_id] = key_of(cohort, patient)
    compare(archive, folder, keys, found)
    return found


def compare(archive: Orthanc, folder: CohortFolder, keys: Mapping[str, str], found: Differences) -> None:
    """Add to `found` how the archive stands to what was run; `keys` are partition keys by Orthanc's IDs."""
    for orthanc_id, fingerprint in archive.fingerprints(keys):
        key = keys[orthanc_id]
        if isinstance(fingerprint, ObjectGone):
            found.gone.append(orthanc_id)
        elif isinstance(fingerprint, OrthancError):
            found.not_seen[orthanc_id] = f"{key}: {fingerprint}"
        else:
            try:
                before = run_with(folder.patient(key))
            except OSError:  # who cannot be looked at is run, and the chain says what is wrong
                before = ""
            _sort_in(found, orthanc_id, key, before, fingerprint)


def _sort_in(found: Differences, orthanc_id: str, key: str, before: str | None, now: str) -> None:
    if before is None:
        found.new[orthanc_id] = key
    elif before != now:
        found.changed[orthanc_id] = key
    else:
        found.unchanged += 1
