"""PDCP's folder of one patient: DICOM, NIfTI files, masks and dosimetry, as copies of the store's files.

What lives here: which file of the store goes where, and under which name. What does not: whether the patient's data
may be exported at all (`patient`), or the dosimetry table (`dosimetry`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.ct_slices import is_localiser
from pdcp_dagster.domain.keys import uid_name
from pdcp_dagster.domain.stack import SliceGeometry, stack
from pdcp_dagster.stages.legacy_export.dosimetry import write_dosimetry
from pdcp_dagster.stages.legacy_export.kept import NotExportableError, kept_files, place

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.store import PatientFolder

DIRECTORIES = {
    "ct_directory": "CT",
    "rtdoses_directory": "RTDOSE",
    "rtstruct_directory": "RTSTRUCT",
    "masks_directory": "masks",
    "nifti_directory": "CTnifti",
    "rtdosesnifti_directory": "RTDOSEnifti",
}
"""PDCP's key in the notes -> folder below the patient's."""


def write_data(patient: PatientFolder, target: Path, name: str) -> None:
    """Write what there is of the patient's data; parts that the cohort does not ask for (no dose) stay out."""
    dicom = kept_files(patient, "retrieved_dicom")
    slices = _ordered_slices(patient, [file for file in dicom if file.parent.name == "CT"])
    for index, (file, _) in enumerate(slices):
        place(file, target / "CT" / f"{index}.dcm")
    for file in dicom:
        if file.parent.name == "RTSTRUCT":
            place(file, target / "RTSTRUCT" / f"{file.stem}_rtstruct.dcm")
        if file.parent.name == "RTDOSE":
            place(file, target / "RTDOSE" / file.name)
    for file in kept_files(patient, "ct_volume") if slices else ():
        place(file, target / "CTnifti" / f"{name}_{uid_name(slices[0][1])}.nii.gz")
    _write_masks(patient, target / "masks", name)
    for file in kept_files(patient, "dose_volume"):
        if file.parent.name == "doses":
            place(file, target / "RTDOSEnifti" / file.name)
    tables = {file.name: file for file in kept_files(patient, "dvh_table")}
    if tables:
        write_dosimetry(tables, target / "dosimetrydata" / f"{name}_.csv")


def directories_of(written: Path, final: Path) -> dict[str, str]:
    """Return PDCP's key -> folder for what was written; each path is absolute and ends with a slash.

    final: where the folder `written` will lie in the end.
    """
    if not written.exists():
        return {}
    there = {key: folder for key, folder in DIRECTORIES.items() if (written / folder).exists()}
    return {"thedir": f"{final.as_posix()}/", **{key: f"{(final / name).as_posix()}/" for key, name in there.items()}}


def _write_masks(patient: PatientFolder, target: Path, name: str) -> None:
    for file in kept_files(patient, "structure_masks"):
        if file.suffix == ".gz":
            place(file, target / file.parent.name / f"patient_{name}_{file.name.replace(' ', '_')}")


def _ordered_slices(patient: PatientFolder, files: list[Path]) -> list[tuple[Path, str]]:
    """Return the CT's files with their SeriesInstanceUID, ascending along the normal as ct.nii.gz has them."""
    if not files:
        return []
    by_name = {file.stem: file for file in files}
    rows: dict[str, dict[Any, Any]] = {}
    for row in read_table(patient.file("image_summary")).to_dict("records"):
        if row["modality"] == "CT":
            rows.setdefault(uid_name(str(row["sop_instance_uid"])), row)
    if not by_name.keys() <= rows.keys():
        raise NotExportableError("there are CT files that the image summary does not know. Run this patient again.")
    slices = [rows[name] for name in by_name if not is_localiser(rows[name]["image_type"])]
    order = stack([_geometry(row) for row in slices]).order
    if not order:
        raise NotExportableError("the CT slices have no common direction to be numbered along")
    ordered = [slices[index] for index in order]
    return [(by_name[uid_name(str(row["sop_instance_uid"]))], str(row["series_instance_uid"])) for row in ordered]


def _geometry(row: dict[Any, Any]) -> SliceGeometry:
    try:
        x, y, z = map(float, row["image_position_patient"])
        a, b, c, d, e, f = map(float, row["image_orientation_patient"])
        between_rows, between_columns = map(float, row["pixel_spacing"])
        size = int(row["rows"]), int(row["columns"])
    except (TypeError, ValueError) as error:
        raise NotExportableError(f"the tags of slice {row['sop_instance_uid']} do not say where it lies") from error
    return SliceGeometry(
        sop_instance_uid=str(row["sop_instance_uid"]),
        position_mm=(x, y, z),
        row_cosines=(a, b, c),
        column_cosines=(d, e, f),
        pixel_spacing_mm=(between_rows, between_columns),
        rows=size[0],
        columns=size[1],
    )
