"""What the image summary offers for linkage: a CT series, or one RT object, each with the facts that decide about it.

What lives here: from rows of the summary to candidates. What does not: which of them may take part (`studies`,
`verification`), or how they are linked (`linkage`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdcp_dagster.domain.ct_slices import count_positions, is_localiser

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

RT_OBJECTS = frozenset({"RTSTRUCT", "RTPLAN", "RTDOSE"})
"""Modalities of which each instance stands for itself; of all others the series does."""

_REFERENCES = ("referenced_series_uids", "referenced_structure_set_uids", "referenced_plan_uids")
_SCALARS = (
    "patient_id",
    "patient_name",
    "modality",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "instance_identifier",
    "series_identifier",
    "file_size",
    "file_uuid",
    "frame_of_reference_uid",
    "study_description",
    "series_description",
    "study_date",
    "structure_set_date",
    "plan_intent",
    "approval_status",
    "longitudinal_temporal_information_modified",
    "image_type",
    "number_of_frames",
    "slice_location",
)
_IMAGES = ("referenced_image_uids", "referenced_image_counts", "referenced_image_classes")
_LISTS = (
    *_REFERENCES,
    *_IMAGES,
    "frame_of_reference_uids",
    "roi_names",
    "image_position_patient",
    "image_orientation_patient",
    "frame_numbers",
    "frame_positions_mm",
)


@dataclass(frozen=True, slots=True)
class Node:
    """What may be linked.

    uid: what others name it by: SOPInstanceUID of an RT object, else SeriesInstanceUID.
    orthanc_id: Orthanc's instance ID of an RT object, else its series ID.
    names: by column of the image summary, the UIDs that this object names.
    frames: the frames of reference it lies in; of a series only one that all its instances have.
    """

    role: str
    uid: str
    study_uid: str
    series_uid: str
    orthanc_id: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False, compare=False)
    frames: tuple[str, ...] = field(default=(), hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node with the facts that decide about it.

    slices: the number of positions of a series, localisers aside.
    instance_uids: the SOP instances of a series, localisers included; of an RT object itself.
    image_uids: the images that a structure set names, in all its series.
    image_counts: how many of these it names in each of its series, in the order of `referenced_series_uids`.
    image_classes: the SOP class of these images, "" where it is not said, in the same order.
    study_date: None, too, where the dates were removed; dates_shifted: whether they were modified in anonymising.
    several_frames: whether the instances of a series lie in more than one frame of reference.
    file_size: bytes of an RT object, None where unknown.
    rows: where its instances stand in the image summary, localisers aside.
    patient_names: the PatientID and PatientName that it carries.
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
    image_classes: tuple[str, ...]
    file_size: int | None
    rows: tuple[int, ...]
    patient_names: tuple[str, ...]
    dates_shifted: bool
    several_frames: bool


def instance_records(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of an image summary as plain values: null is None, lists are tuples, also after Parquet.

    `row` is the number of the row.
    """
    columns: dict[str, list[Any]] = {name: _values(summary[name]) for name in _SCALARS}
    columns |= {name: [_as_tuple(value) for value in summary[name].tolist()] for name in _LISTS}
    columns["row"] = list(range(len(summary)))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(column: pd.Series) -> list[Any]:
    if column.dtype == object:
        return [_plain(value) for value in column.tolist()]
    absent: Any = None
    values: list[Any] = column.to_numpy(dtype=object, na_value=absent).tolist()
    return values


def _as_tuple(value: Any) -> tuple[Any, ...] | None:
    # Parquet gives lists back as arrays.
    return None if value is None else tuple(value.tolist() if isinstance(value, np.ndarray) else value)


def cells(summary: pd.DataFrame, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return some cells of an image summary as plain values, a record per row."""
    values = {name: [_plain(value) for value in summary[name].iloc[list(rows)].tolist()] for name in columns}
    return [dict(zip(values, record, strict=True)) for record in zip(*values.values(), strict=True)]


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
    images = rows if single else [row for row in rows if not is_localiser(row["image_type"])]
    return Candidate(
        node=Node(
            role=first["modality"] or "",
            uid=first["sop_instance_uid" if single else "series_instance_uid"] or "",
            study_uid=first["study_instance_uid"] or "",
            series_uid=first["series_instance_uid"] or "",
            orthanc_id=first["instance_identifier" if single else "series_identifier"] or "",
            names={column: first[column] or () for column in _REFERENCES} if single else {},
            frames=first["frame_of_reference_uids"] or () if single else _common_frame(images),
        ),
        study_description=first["study_description"],
        series_description=first["series_description"],
        study_date=None if _dates(first) == _REMOVED else first["study_date"],
        roi_names=first["roi_names"] or (),
        plan_intent=first["plan_intent"],
        approval_status=first["approval_status"],
        slices=0 if single else count_positions(images),
        instance_uids=frozenset(row["sop_instance_uid"] for row in rows if row["sop_instance_uid"]),
        image_uids=first["referenced_image_uids"] or (),
        image_counts=first["referenced_image_counts"] or (),
        image_classes=first["referenced_image_classes"] or (),
        file_size=first["file_size"] if single else None,
        rows=tuple(row["row"] for row in images),
        dates_shifted=_dates(first) == _MODIFIED,
        several_frames=not single and len({row["frame_of_reference_uid"] for row in images} - {None}) > 1,
        patient_names=tuple(name for name in (first["patient_id"], first["patient_name"]) if name),
    )


_REMOVED, _MODIFIED = "REMOVED", "MODIFIED"


def _dates(row: Mapping[str, Any]) -> str:
    """Return what became of the dates in anonymising (LongitudinalTemporalInformationModified, PS3.3 C.12.1.1.7)."""
    return (row["longitudinal_temporal_information_modified"] or "").upper()


def _common_frame(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    frames = {row["frame_of_reference_uid"] for row in rows}
    return tuple(frames) if len(frames) == 1 and None not in frames else ()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | list | tuple):
        # Parquet gives lists back as arrays, with numbers of its own.
        return list(value.tolist() if isinstance(value, np.ndarray) else value)
    return None if value is None or value is pd.NA or value != value else value  # noqa: PLR0124 # NaN differs from itself
