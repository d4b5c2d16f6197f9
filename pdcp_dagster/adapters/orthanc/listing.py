"""What Orthanc's index says of one patient, and the fingerprint by which a change shows.

What lives here: records by Orthanc ID and what can be said from them alone. What does not: asking for them (`client`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.orthanc.connection import require_orthanc_id
from pdcp_dagster.adapters.orthanc.errors import OrthancAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Record = dict[str, Any]
_FINGERPRINT_BYTES = 16
_CHANGED = "the patient is changing, or Orthanc's index is damaged"


@dataclass(frozen=True, slots=True)
class PatientListing:
    """The studies, series and instances of one patient, by Orthanc ID.

    Raises OrthancAnswerError where the series' own records name other instances than are listed: never is a part taken
    for the whole.
    """

    patient_id: str
    studies: Mapping[str, Record]
    series: Mapping[str, Record]
    instances: Mapping[str, Record]

    def __post_init__(self) -> None:
        listed = Counter(str(record.get("ParentSeries")) for record in self.instances.values())
        if strays := set(listed) - set(self.series):
            raise OrthancAnswerError(f"series {min(strays)} has instances, but is not listed: {_CHANGED}")
        for series_id, series in self.series.items():
            said = series.get("Instances")
            if isinstance(said, list) and len(said) != listed[series_id]:
                raise OrthancAnswerError(
                    f"series {series_id} has {len(said)} instances, but {listed[series_id]} are listed: {_CHANGED}"
                )

    @property
    def fingerprint(self) -> str:
        """What changes when an instance comes, goes or is overwritten, and only then: 32 hex digits."""
        return fingerprint_of(self.instances.values())

    def instances_of(self, series_id: str) -> list[str]:
        """Return the instance IDs of a series, as listed."""
        return [key for key, record in self.instances.items() if record.get("ParentSeries") == series_id]

    def patient_tags(self, instance_id: str) -> dict[str, Any]:
        """Return PatientID as Orthanc's index has it."""
        study = self.studies[self.series[self.instances[instance_id]["ParentSeries"]]["ParentStudy"]]
        tags = study.get("PatientMainDicomTags")
        return {"PatientID": tags["PatientID"]} if isinstance(tags, dict) and "PatientID" in tags else {}

    def origin(self, instance_id: str) -> dict[str, Any]:
        """Return the lower-case keys of `Orthanc.instance_tags`."""
        try:
            instance = self.instances[instance_id]
            series = self.series[instance["ParentSeries"]]
            study = self.studies[series["ParentStudy"]]
            return {
                "instance_identifier": instance_id,
                "series_identifier": series["ID"],
                "study_identifier": study["ID"],
                "orthanc_id": self.patient_id,
                "file_size": int(instance["FileSize"]),
                "file_uuid": str(instance["FileUuid"]),
                "study_tags": main_tags(study),
                "series_tags": main_tags(series),
            }
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise OrthancAnswerError(f"Orthanc's record of instance {instance_id} is incomplete: {error!r}") from error


def fingerprint_of(instances: Iterable[Mapping[str, Any]]) -> str:
    """Return 32 hex digits over instance ID, FileUuid and FileSize of all records, in whatever order they come.

    FileUuid is new whenever an instance is stored anew. Raises OrthancAnswerError where a record lacks one of them.
    """
    try:
        files = sorted(
            (require_orthanc_id(each["ID"]), str(each["FileUuid"]), int(each["FileSize"])) for each in instances
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OrthancAnswerError(f"Orthanc's record of an instance is incomplete: {error!r}") from error
    return hashlib.blake2b(json.dumps(files).encode(), digest_size=_FINGERPRINT_BYTES).hexdigest()


def main_tags(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags that Orthanc keeps in its index; raises OrthancAnswerError where there are none."""
    tags = record.get("MainDicomTags")
    if not isinstance(tags, dict):
        raise OrthancAnswerError("a record of Orthanc has no MainDicomTags")
    return tags
