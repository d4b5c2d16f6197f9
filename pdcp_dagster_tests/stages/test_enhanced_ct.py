"""A CT that lies in one multi-frame object goes the way that single slices go, and comes to the same results."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import RLELossless

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.adapters.enhanced_ct import enhanced_from

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from pdcp_dagster_tests.stages.conftest import Ward


def put_frames_in_place_of_slices(ward: Ward, patient_id: str, *, legacy: bool = False, objects: int = 1) -> None:
    """Exchange each CT series for one or several multi-frame objects, which the structure sets name instead."""
    folder = ward.phantom(patient_id)
    series: dict[str, list[Dataset]] = defaultdict(list)
    for file in sorted(folder.glob("CT*.dcm"), reverse=True):
        data = pydicom.dcmread(file)
        series[data.SeriesInstanceUID].append(data)
        ward.take_out(file)
    object_of: dict[str, Dataset] = {}
    for uid, slices in series.items():
        share = len(slices) // objects
        for number in range(objects):
            own = slices[number * share : (number + 1) * share]
            made = enhanced_from(own, f"{uid[:50]}.{number}", legacy=legacy)
            made.compress(RLELossless, generate_instance_uid=False)
            object_of |= {each.SOPInstanceUID: made for each in own}
            file = folder / f"frames-{uid[-12:]}-{number}.multi"
            made.save_as(file, enforce_file_format=True)
            with ward.archive() as archive:
                archive.upload(file)

    def name_the_objects(data: Dataset) -> None:
        (frame,) = data.ReferencedFrameOfReferenceSequence
        (named,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
        made = {each.SOPInstanceUID: each for each in map(object_of.__getitem__, uids_of(named))}
        named.ContourImageSequence = [reference_to(each) for each in made.values()]
        for roi in data.ROIContourSequence:
            for contour in roi.get("ContourSequence", ()):
                (uid,) = uids_of(contour)
                contour.ContourImageSequence = [reference_to(object_of[uid])]

    for file in folder.glob("RTSTRUCT*.dcm"):
        ward.exchange(file, name_the_objects)


def uids_of(data: Dataset) -> list[str]:
    return [each.ReferencedSOPInstanceUID for each in data.ContourImageSequence]


def reference_to(data: Dataset) -> Dataset:
    found = pydicom.Dataset()
    found.ReferencedSOPClassUID = data.SOPClassUID
    found.ReferencedSOPInstanceUID = data.SOPInstanceUID
    return found


def results(ward: Ward, patient_id: str, store: str) -> dict[str, bytes]:
    """Return every volume, mask, picture and table that does not speak of files."""
    about_files = {
        *("image_summary.parquet", "verified_study.parquet", "candidate_studies.parquet"),
        *("notes.json", "panel.html"),
    }
    files = ward.files(patient_id, store)
    return {
        name: content
        for name, content in files.items()
        if name not in about_files and name.split("/")[0] not in {"dicom", "manifests"}
    }


@pytest.mark.parametrize(
    ("legacy", "objects"), [(False, 1), (True, 1), (False, 3)], ids=["enhanced", "legacy converted", "three objects"]
)
def test_volumes_masks_and_dvhs_are_those_of_the_single_slices(ward: Ward, legacy: bool, objects: int) -> None:
    patient_id = f"frames-{legacy}-{objects}"
    ward.admit(patient_id)
    assert ward.run(patient_id, store="slices").status is Status.SUCCESS
    put_frames_in_place_of_slices(ward, patient_id, legacy=legacy, objects=objects)
    outcome = ward.run(patient_id, store="frames")
    assert (outcome.status, outcome.reason) == (Status.SUCCESS, ward.run(patient_id, store="frames").reason)
    frames, slices = results(ward, patient_id, "frames"), results(ward, patient_id, "slices")
    assert frames.keys() == slices.keys()
    assert {"ct.nii.gz", "dvh.parquet", "dose.nii.gz"} < frames.keys()
    assert [name for name in frames if frames[name] != slices[name]] == []
    kept = list((ward.folder(patient_id, "frames").file("retrieved_dicom") / "CT").iterdir())
    assert len(kept) == objects


def test_the_image_summary_tells_where_the_frames_lie(ward: Ward) -> None:
    spec_slices = 12
    ward.admit("frames-told")
    put_frames_in_place_of_slices(ward, "frames-told")
    ward.run("frames-told", "image_summary", "verified_study")
    summary = pd.read_parquet(ward.folder("frames-told").file("image_summary"))
    (row,) = summary[summary["modality"] == "CT"].to_dict("records")
    assert row["number_of_frames"] == spec_slices
    assert list(row["frame_numbers"]) == list(range(1, spec_slices + 1))
    positions = np.reshape(row["frame_positions_mm"], (-1, 3))
    # Head first as they were given: 72 mm in 12 slices of 6 mm, the outermost ones at 33 and -33 mm.
    assert positions[:, 2] == pytest.approx(np.arange(33, -34, -6))
    assert list(row["image_orientation_patient"]) == [1, 0, 0, 0, 1, 0]
    assert list(row["pixel_spacing"]) == [3, 3]
    assert (row["rescale_slope"], row["rescale_intercept"], row["slice_thickness"]) == (1, -1024, 6)


def test_where_a_person_must_choose_a_frame_is_shown(ward: Ward) -> None:
    ward.admit("frames-open", studies=2)
    ward.run("frames-open", store="slices")
    put_frames_in_place_of_slices(ward, "frames-open")
    assert ward.run("frames-open", store="frames").code == "I_REV_004"
    tables = [
        pd.read_parquet(ward.folder("frames-open", store).file("candidate_studies")) for store in ("slices", "frames")
    ]
    assert tables[1]["picture_problem"].isna().all()
    assert tables[1]["ct_slices"].tolist() == tables[0]["ct_slices"].tolist() == [12, 12]
    pictures = [ward.files("frames-open", store) for store in ("slices", "frames")]
    for name in ("candidate_studies/1.png", "candidate_studies/2.png"):
        assert pictures[1][name] == pictures[0][name]


def test_a_dose_is_linked_by_its_place_in_a_multi_frame_ct_as_in_single_slices(ward: Ward) -> None:
    def names_nothing(data: Dataset) -> None:
        for keyword in ("ReferencedRTPlanSequence", "ReferencedStructureSetSequence"):
            if keyword in data:
                delattr(data, keyword)

    ward.admit("frames-fallback", size=(72, 72, 32), slice_mm=3.0)
    put_frames_in_place_of_slices(ward, "frames-fallback")
    (file,) = ward.phantom("frames-fallback").glob("RTDOSE*.dcm")
    ward.exchange(file, names_nothing)
    many = {"minimum": 4, "review_above": 40, "maximum": 60, "action": "exclude"}
    keys: dict[str, Any] = {"fallback_links": "accept", "ct_instances": many}
    outcome = ward.run("frames-fallback", **keys)
    assert outcome.status is Status.SUCCESS, outcome.reason
    image: Any = nibabel.Nifti1Image.from_filename(ward.folder("frames-fallback").file("ct_volume"))
    assert image.shape == (72, 72, 32)
