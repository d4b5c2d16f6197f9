"""What a person sees of each candidate: the evidence as a table, and where a choice is open a picture each.

What lives here: the stage candidate_studies of one patient. What does not: what tags tell of a candidate
(`domain.evidence`), which slice shows it (`domain.candidate_view`), how it is drawn (`adapters.pictures`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from pdcp_dagster.adapters.ct_series import read_ct_slice
from pdcp_dagster.adapters.orthanc import ArchivedInstance
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.pictures import (
    CandidateScene,
    candidate_panel,
    contact_sheet,
    draw_candidate_picture,
    save_png,
)
from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.candidate_view import PLACE_COLUMNS, focus_of, outlines_on, place_slices
from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.ct_slices import each_slice, is_localiser
from pdcp_dagster.domain.dicom_values import DicomReadError
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.domain.volume import Volume
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.outcome import Kept, Picture, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from pdcp_dagster.domain.candidate_view import Focus, Outline
    from pdcp_dagster.domain.candidates import Node
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.dose_grid import RtDose
    from pdcp_dagster.domain.linkage import Chain
    from pdcp_dagster.domain.structures import StructureSet
    from pdcp_dagster.domain.volume import Grid
    from pdcp_dagster.stages.outcome import Shown
    from pdcp_dagster.stages.patient import Patient

_Read = TypeVar("_Read")
_Row = dict[str, Any]

_OPEN = "open"
_FOLDER = "candidate_studies"
_MOST_SHOWN = 50
_SHEET_PICTURES = 12
_LONGEST_LABEL = 30
_LONGEST_TEXT = 120
_DOT = "  ·  "


@dataclass(frozen=True, slots=True)
class _Look:
    """What the files of one candidate tell; problems: what could not be read, in words."""

    dose_maximum_gy: float | None
    picture: Image | None
    problems: tuple[str, ...]


def show_candidates(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Write a row per complete chain; where a person must choose, look at each open one and draw it.

    Nothing is downloaded otherwise, nor for a candidate in quarantine, and no DICOM file is kept. A file that cannot be
    read is told of in its row. It finds nothing of its own.
    """
    verification = patient.verification
    table = verification.candidates.copy()
    sheet: list[tuple[str, Image]] = []
    if verification.choice.open and patient.candidate is None:
        for number, look in _looks(patient, table, target):
            told = f"{number}.png" if look.picture is not None else None
            answer = [look.dose_maximum_gy, told, "; ".join(look.problems) or None]
            table.loc[number - 1, ["dose_maximum_gy", "picture", "picture_problem"]] = pd.array(answer, dtype="object")
            if look.picture is not None:
                save_png(look.picture, target / _FOLDER / f"{number}.png")
                date = str(table.loc[number - 1, "study_date"] or "no date")
                sheet.append((f"{number}  ·  {date}", candidate_panel(look.picture)))
    write_table(table, target / f"{_FOLDER}.parquet")
    return Kept(_shown(patient, table, sheet)), ()


def _shown(patient: Patient, table: pd.DataFrame, sheet: Sequence[tuple[str, Image]]) -> dict[str, Shown]:
    shown: dict[str, Shown] = {
        "candidates": len(table),
        "open": int((table["verdict"] == _OPEN).sum()),
        "evidence": Rows(tuple(_told(row) for row in _records(table.head(_MOST_SHOWN)))),
    }
    if sheet:
        content = contact_sheet(sheet[:_SHEET_PICTURES])
        shown["contact_sheet"] = Picture("image/jpeg", content, "The candidates among which to choose")
        shown["all_pictures"] = patient.folder.path / _FOLDER
    return shown


def _told(row: Mapping[str, Any]) -> dict[str, str | int | float | None]:
    """Return a candidate's row as plain values for people."""
    described = [row["study_description"], row["series_description"]]
    return {
        "candidate": row["candidate"],
        "study_date": str(row["study_date"] or ""),
        "description": _short(_DOT.join(each for each in described if each)),
        "ct_slices": row["ct_slices"],
        "plan": _short(", ".join(row["plan_labels"])),
        "approval": _short(", ".join(row["approval_statuses"])),
        "fractions": row["fractions_planned"],
        "prescription_gy": row["prescription_gy"],
        "dose_maximum_gy": None if row["dose_maximum_gy"] is None else round(float(row["dose_maximum_gy"]), 3),
        "rois": _short(f"{len(row['roi_names'])}: {some(row['roi_names'])}"),
        "linked_by": ", ".join(row["linked_by"]),
        "verdict": row["verdict"],
        "reason": _short(row["reason"] or ""),
    }


def _looks(patient: Patient, table: pd.DataFrame, target: Path) -> list[tuple[int, _Look]]:
    """Look at each open candidate; what that needs of the archive lies below `target` only meanwhile."""
    with TemporaryDirectory(dir=target) as folder:
        desk = _Desk(patient, Path(folder), _instances(patient.summary), {})
        return [
            (row["candidate"], _look(desk, chain, row))
            for chain, row in zip(patient.verification.chains, _records(table), strict=True)
            if row["verdict"] == _OPEN
        ]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where files of the archive are looked at: each is downloaded once.

    instances: by Orthanc's instance ID.
    """

    patient: Patient
    folder: Path
    instances: Mapping[str, ArchivedInstance]
    files: dict[str, Path]

    def fetch(self, orthanc_ids: Sequence[str]) -> list[Path]:
        """Return the files of instances, every byte checked. Raises OrthancError."""
        wanted = [orthanc_id for orthanc_id in dict.fromkeys(orthanc_ids) if orthanc_id not in self.files]
        numbered = enumerate(wanted, start=len(self.files))
        paths = {orthanc_id: self.folder / f"{number}.dcm" for number, orthanc_id in numbered}
        self.patient.archive.download_all([(self.instances[orthanc_id], path) for orthanc_id, path in paths.items()])
        self.files.update(paths)
        return [self.files[orthanc_id] for orthanc_id in orthanc_ids]

    def read(self, nodes: Sequence[Node], read: Callable[[Path], _Read], problems: list[str]) -> list[_Read]:
        """Read the files of RT objects; what cannot be read is told in `problems`."""
        found = []
        for node, path in zip(nodes, self.fetch([node.orthanc_id for node in nodes]), strict=True):
            try:
                found.append(read(path))
            except DicomReadError as error:
                problems.append(f"{node.role} {node.uid} cannot be read: {error.why}")
        return found


@dataclass(frozen=True, slots=True)
class _Contents:
    """What could be read of a candidate's RT objects; problems: what could not, in words."""

    structure_sets: Sequence[StructureSet]
    doses: Sequence[RtDose]
    problems: list[str]

    @property
    def in_gray(self) -> list[RtDose]:
        """The doses with a grid in Gy."""
        return [dose for dose in self.doses if dose.grid is not None and dose.in_gray]


def _look(desk: _Desk, chain: Chain, row: _Row) -> _Look:
    problems: list[str] = []
    structure_sets = desk.read(chain.of_role("RTSTRUCT"), read_structure_set, problems)
    doses = desk.read(chain.of_role("RTDOSE"), read_dose, problems)
    contents = _Contents(structure_sets, doses, problems)
    # The largest of those that could be read need not be the largest.
    all_read = len(doses) == len(chain.of_role("RTDOSE"))
    highest = [dose.max_gy for dose in contents.in_gray if dose.max_gy is not None]
    maximum = max(highest, default=None) if all_read else None
    picture = _draw(desk, chain, {**row, "dose_maximum_gy": maximum}, contents)
    return _Look(maximum, picture, tuple(problems))


def _draw(desk: _Desk, chain: Chain, row: _Row, contents: _Contents) -> Image | None:
    """Draw the slice on which the target is largest; None where no slice can be shown, as the problems then tell."""
    problems = contents.problems
    slices = _slices(desk.patient.summary, chain.anchor)
    placed = place_slices(slices)
    if placed is None:
        problems.append("no slice of the CT tells where it lies")
        return None
    frame = next(iter(chain.anchor.frames), None)
    rois = [roi for structure_set in contents.structure_sets for roi in structure_set.rois]
    drawn = [(roi, planar_contours(roi, placed.grid, frame)) for roi in rois]
    focus = focus_of(drawn, desk.patient.cohort.roi_keywords)
    number = placed.middle if focus is None else placed.nearest(focus.position_mm)
    outlines = outlines_on(drawn, placed, number)
    notes = _notes_on(focus, outlines, all_read=len(contents.structure_sets) == len(chain.of_role("RTSTRUCT")))
    shown = slices[placed.numbers[number]]
    (path,) = desk.fetch([shown["instance_identifier"]])
    try:
        ct = Volume(placed.grids[number], read_ct_slice(path, shown.get("frame_number")))
    except DicomReadError as error:
        problems.append(f"the CT's slice cannot be read: {error.why}")
        return None
    dose_gy, maximum = _dose_on(placed.grids[number], contents.in_gray, frame, notes)
    if contents.doses and not contents.in_gray:
        notes.append("There is no dose grid in Gy.")
    return draw_candidate_picture(
        CandidateScene(ct, outlines, dose_gy, maximum),
        caption=_caption(row),
        description=_DOT.join(each for each in (row["study_description"], row["series_description"]) if each),
        place=f"slice {number + 1} of {len(placed.grids)}{_DOT}{_why(focus, outlines)}",
        notes=[*notes, *problems],
    )


def _why(focus: Focus | None, outlines: Sequence[Outline]) -> str:
    """Say why it is this slice."""
    if focus is None:
        return "the middle one"
    here = any(outline.name == focus.roi_name for outline in outlines)
    return f"where {one_line(focus.roi_name, _LONGEST_LABEL)} is largest" if here else "the nearest one"


def _notes_on(focus: Focus | None, outlines: Sequence[Outline], *, all_read: bool) -> list[str]:
    """Say what is not outlined; of structure sets that could not be read nothing is claimed."""
    if focus is None:
        return ["No ROI has closed contours that can be placed on this CT."] if all_read else []
    if all(outline.name != focus.roi_name for outline in outlines):
        return [f"{one_line(focus.roi_name, _LONGEST_LABEL)} has no contour within half a slice of any CT slice."]
    return []


def _dose_on(
    grid: Grid, doses: Sequence[RtDose], frame: str | None, notes: list[str]
) -> tuple[NDArray[np.float32] | None, float | None]:
    """Return the dose with the largest maximum on a slice, in Gy, and that maximum; None where none can be shown."""
    placed = [dose for dose in doses if frame is None or dose.frame_of_reference_uid in {None, frame}]
    if doses and not placed:
        notes.append("The dose lies in another frame of reference: its place on this CT is unknown.")
    shown = max(placed, key=lambda dose: (dose.max_gy or 0.0, dose.sop_instance_uid), default=None)
    if shown is None or shown.grid is None:
        return None, None
    if len(doses) > 1:
        notes.append(f"Shown of {len(doses)} doses: the one with the largest maximum ({shown.summation_type}).")
    dose_gy = dose_on_grid(shown.grid, grid)
    if np.isnan(dose_gy).all():
        notes.append("The dose grid does not reach this slice.")
    return dose_gy, shown.max_gy


def _caption(row: Mapping[str, Any]) -> str:
    parts = [f"Candidate {row['candidate']}", str(row["study_date"] or "no date"), f"CT {row['ct_slices']} slices"]
    if row["rtplan_uids"]:
        parts.append(one_line(", ".join(row["plan_labels"]) or "plan without a label", _LONGEST_LABEL))
        fractions, gray = row["fractions_planned"], row["prescription_gy"]
        planned = [f"{fractions} fractions" if fractions else "", f"{gray:g} Gy" if gray else ""]
        parts.append(", ".join(each for each in planned if each) or "prescription unknown")
    if row["rtdose_uids"]:
        maximum = row["dose_maximum_gy"]
        parts.append("maximum unknown" if maximum is None else f"max {maximum:.1f} Gy")
    return _DOT.join(parts)


def _slices(summary: pd.DataFrame, ct: Node) -> list[Mapping[str, Any]]:
    """Return where the slices of a CT lie, by the image summary, frame by frame if need be; localisers aside."""
    own = (
        (summary["modality"] == "CT")
        & (summary["study_instance_uid"].fillna("") == ct.study_uid)
        & (summary["series_instance_uid"].fillna("") == ct.uid)
    )
    rows = _records(summary.loc[own.fillna(value=False).astype(bool), [*PLACE_COLUMNS, "image_type"]])
    return [*each_slice(row for row in rows if not is_localiser(row["image_type"]))]


def _instances(summary: pd.DataFrame) -> dict[str, ArchivedInstance]:
    """Return what can be downloaded, by Orthanc's instance ID."""
    columns = ["instance_identifier", "sop_instance_uid", "series_instance_uid", "modality", "file_size", "file_uuid"]
    return {
        row["instance_identifier"] or "": ArchivedInstance(
            orthanc_id=row["instance_identifier"] or "",
            sop_instance_uid=row["sop_instance_uid"] or "",
            series_instance_uid=row["series_instance_uid"] or "",
            modality=row["modality"] or "",
            file_size=row["file_size"] or 0,
            file_uuid=row["file_uuid"] or "",
        )
        for row in _records(summary[columns])
    }


def _records(table: pd.DataFrame) -> list[_Row]:
    """Return rows as plain values: null is None; lists, in memory or from Parquet, are kept."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _short(text: str) -> str:
    return one_line(text, _LONGEST_TEXT)
