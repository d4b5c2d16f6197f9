"""What the image summary offers for linkage: a CT series, or one RT object, each with the facts that decide about it.

What lives here: from rows of the summary to candidates. What does not: which of them may take part (`studies`,
`verification`), or how they are linked (`linkage`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from pdcp_dagster.domain.ct_slices import count_positions, is_localiser

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

RT_OBJECTS = frozenset({"RTSTRUCT", "RTPLAN", "RTDOSE"})
"""Modalities of which each instance stands for itself; of all others the series does."""

_REFERENCES = ("referenced_series_uids", "referenced_structure_set_uids", "referenced_plan_uids")
_SCALARS = (
    "patient_id",
    "modality",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "instance_identifier",
    "series_identifier",
    "file_size",
    "frame_of_reference_uid",
    "study_description",
    "series_description",
    "study_date",
    "structure_set_date",
    "plan_intent",
    "approval_status",
    "image_type",
    "number_of_frames",
    "slice_location",
)
_IMAGES = ("referenced_image_uids", "referenced_image_counts")
_LISTS = (*_REFERENCES, *_IMAGES, "roi_names", "image_position_patient", "image_orientation_patient")


@dataclass(frozen=True, slots=True)
class Node:
    """What may be linked.

    uid: what others name it by: SOPInstanceUID of an RT object, else SeriesInstanceUID.
    orthanc_id: Orthanc's instance ID of an RT object, else its series ID.
    names: by column of the image summary, the UIDs that this object names.
    """

    role: str
    uid: str
    study_uid: str
    series_uid: str
    orthanc_id: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node with the facts that decide about it.

    slices: the number of positions of a series, localisers aside.
    instance_uids: the SOP instances of a series, localisers included; of an RT object itself.
    image_uids: the images that a structure set names, in all its series.
    image_counts: how many of these it names in each of its series, in the order of `referenced_series_uids`.
    file_size: bytes of an RT object, None where unknown.
    """

    node: Node
    study_description: str | None
    series_description: str | None
    study_date: dt.date | None
    roi_names: tuple[str, ...]
    plan_intent: str | None
    approval_status: str | None
    slices: int
    instance_uids: frozenset[str]
    image_uids: tuple[str, ...]
    image_counts: tuple[int, ...]
    file_size: int | None


def instance_records(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of an image summary as plain values: null is None, lists are tuples, also after Parquet."""
    columns = {name: [_plain(value) for value in summary[name].tolist()] for name in _SCALARS}
    columns |= {name: [None if value is None else tuple(value) for value in summary[name]] for name in _LISTS}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def candidates_from(rows: Sequence[Mapping[str, Any]]) -> tuple[Candidate, ...]:
    """Return the candidates of a patient, sorted by role, study, series and UID whatever the order of the rows."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        series = (row["modality"] or "", row["study_instance_uid"] or "", row["series_instance_uid"] or "")
        each = (row["sop_instance_uid"] or "", row["instance_identifier"] or "") if series[0] in RT_OBJECTS else ()
        groups.setdefault((*series, *each), []).append(row)
    return tuple(_candidate(groups[key]) for key in sorted(groups))


def _candidate(rows: Sequence[Mapping[str, Any]]) -> Candidate:
    first = min(rows, key=lambda row: (row["sop_instance_uid"] or "", row["instance_identifier"] or ""))
    single = first["modality"] in RT_OBJECTS
    return Candidate(
        node=Node(
            role=first["modality"] or "",
            uid=first["sop_instance_uid" if single else "series_instance_uid"] or "",
            study_uid=first["study_instance_uid"] or "",
            series_uid=first["series_instance_uid"] or "",
            orthanc_id=first["instance_identifier" if single else "series_identifier"] or "",
            names={column: first[column] or () for column in _REFERENCES} if single else {},
        ),
        study_description=first["study_description"],
        series_description=first["series_description"],
        study_date=first["study_date"],
        roi_names=first["roi_names"] or (),
        plan_intent=first["plan_intent"],
        approval_status=first["approval_status"],
        slices=0 if single else count_positions(row for row in rows if not is_localiser(row["image_type"])),
        instance_uids=frozenset(row["sop_instance_uid"] for row in rows if row["sop_instance_uid"]),
        image_uids=first["referenced_image_uids"] or (),
        image_counts=first["referenced_image_counts"] or (),
        file_size=first["file_size"] if single else None,
    )


def _plain(value: Any) -> Any:
    return None if value is None or value is pd.NA or value != value else value  # noqa: PLR0124 # NaN differs from itself
