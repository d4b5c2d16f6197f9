"""What was selected for a patient, as later stages need it.

What lives here: from the verified objects and the image summary to the instances to retrieve. What does not: how it
came to be selected (`verification`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pdcp_dagster.domain.candidates import instance_records
from pdcp_dagster.domain.ct_slices import is_localiser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

Role = Literal["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"]
SELECTED = "selected"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SelectedObject:
    """An instance to retrieve; `orthanc_id` is Orthanc's instance ID, `file_size` is in bytes.

    file_uuid: Orthanc's name of the stored file, another one when the instance is overwritten; "" where unknown.
    """

    sop_instance_uid: str
    series_instance_uid: str
    orthanc_id: str
    file_size: int
    file_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected for a patient: the slices in the order of the image summary, RT objects by UID."""

    study_instance_uid: str
    ct_series_uid: str
    frame_of_reference_uid: str | None
    ct_instances: tuple[SelectedObject, ...]
    """The slices, without localisers."""
    rtstructs: tuple[SelectedObject, ...] = ()
    rtplans: tuple[SelectedObject, ...] = ()
    rtdoses: tuple[SelectedObject, ...] = ()

    def by_role(self) -> dict[Role, tuple[SelectedObject, ...]]:
        """Return what was selected by role."""
        return {"CT": self.ct_instances, "RTSTRUCT": self.rtstructs, "RTPLAN": self.rtplans, "RTDOSE": self.rtdoses}


def selection_from(verified: pd.DataFrame, summary: pd.DataFrame) -> Selection | None:
    """Return what the verified study selected, with what the image summary knows of it; None where nothing was.

    Both tables may come from a Parquet file.
    """
    return select(verified, instance_records(summary))


def select(verified: pd.DataFrame, rows: Iterable[Mapping[str, Any]]) -> Selection | None:
    """Return the same from the summary's rows as `instance_records` gives them."""
    chosen = verified[verified["verdict"] == SELECTED]
    series = chosen[chosen["role"] == "CT"]
    if len(series) != 1:
        return None
    study_uid, series_uid = str(series["study_instance_uid"].iloc[0]), str(series["series_uid"].iloc[0])
    return gather(study_uid, series_uid, frozenset(chosen["orthanc_id"]), rows)


def gather(
    study_uid: str, ct_series_uid: str, instances: frozenset[str], rows: Iterable[Mapping[str, Any]]
) -> Selection:
    """Return a CT series without its localisers, and the RT objects with these of Orthanc's instance IDs."""
    found: dict[str, list[SelectedObject]] = {"CT": [], "RTSTRUCT": [], "RTPLAN": [], "RTDOSE": []}
    frames: list[str] = []
    for row in rows:
        role = row["modality"]
        if role == "CT":
            its_slice = row["series_instance_uid"] == ct_series_uid and row["study_instance_uid"] == study_uid
            wanted = its_slice and not is_localiser(row["image_type"])
        else:
            wanted = role in found and row["instance_identifier"] in instances
        if wanted:
            found[role].append(_selected(row))
            frames += [row["frame_of_reference_uid"]] if role == "CT" and row["frame_of_reference_uid"] else []
    return Selection(
        study_instance_uid=study_uid,
        ct_series_uid=ct_series_uid,
        frame_of_reference_uid=frames[0] if frames else None,
        ct_instances=tuple(found["CT"]),
        rtstructs=_by_uid(found["RTSTRUCT"]),
        rtplans=_by_uid(found["RTPLAN"]),
        rtdoses=_by_uid(found["RTDOSE"]),
    )


def _by_uid(objects: list[SelectedObject]) -> tuple[SelectedObject, ...]:
    return tuple(sorted(objects, key=lambda each: (each.sop_instance_uid, each.orthanc_id)))


def _selected(row: Mapping[str, Any]) -> SelectedObject:
    return SelectedObject(
        sop_instance_uid=row["sop_instance_uid"] or "",
        series_instance_uid=row["series_instance_uid"] or "",
        orthanc_id=row["instance_identifier"] or "",
        file_size=row["file_size"] or 0,
        file_uuid=row["file_uuid"] or "",
    )
