"""Absurdly large patients: a structure set of 36 MB and a CT of 2000 slices, each through the whole chain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster_tests.faults.conftest import SEED, Hospital

MB = 1_000_000
ALLOWED = {"minimum": 50, "review_above": 2500, "maximum": 3000, "action": "exclude"}
WINDOW_BYTES = 8 * MB
"""What the two sockets of a loopback connection may hold of an answer that nobody reads any more."""


def peak_bytes() -> int:
    """Return the largest resident memory of this process since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def forget_peak() -> int:
    """Start a new peak and return the memory now in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def test_of_a_structure_set_of_36_mb_the_summary_reads_only_the_beginning_and_the_conversion_all(
    hospital: Hospital,
) -> None:
    name = "many contours"
    # pydicom writes at most 64 kB of ContourData with its VR: many contours, then, rather than endless ones.
    rois = tuple(replace(roi, vertices=2300) for roi in tiny_rois(name))
    hospital.admit(name, slices=110, rois=rois)
    (structure_set,) = hospital.phantom(name).glob("RTSTRUCT*.dcm")
    size = structure_set.stat().st_size
    assert size > 36 * MB
    (instance,) = [
        each["Instances"][0]
        for each in hospital.orthanc.get(f"/patients/{hospital.tasks[name].orthanc_id}/series")
        if each["MainDicomTags"]["Modality"] == "RTSTRUCT"
    ]
    file = f"/instances/{instance}/file"
    before = forget_peak()
    outcome = hospital.run("contours", name, timeout_s=30, cohort={"ct_instances": ALLOWED})[name]
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert peak_bytes() - before < 600 * MB
    # Once whole, for the conversion; what was sent besides is what the summary read.
    assert 0 < hospital.proxy.sent[file] - size < WINDOW_BYTES < size / 4
    assert not [path for _, path in hospital.proxy.requests if "instances-tags" in path and instance in path]
    folder = hospital.folder(name, "contours")
    assert set(read_table(folder.file("structure_masks"))["roi_name"]) == {roi.name for roi in rois}


def admit_long(hospital: Hospital) -> None:
    """Bring in a patient with 2000 slices, of 16 x 16 pixels each; the ROIs lie within the middle 30 mm."""
    if "long" not in hospital.tasks:
        size = (16, 16, 2000)
        spec = tiny_spec("long", SEED, slices=2000, rois=tiny_rois("long")[1:3])
        hospital.admit_spec(replace(spec, size=size, pixel_mm=12.0, slice_mm=1.0))


def test_a_ct_of_2000_slices_is_excluded_where_the_cohort_allows_fewer_and_nothing_is_downloaded(
    hospital: Hospital,
) -> None:
    admit_long(hospital)
    hospital.proxy.forget()
    outcome = hospital.run("long-excluded", "long", timeout_s=30)["long"]
    assert outcome.failure is None, outcome.reason
    assert outcome.status is Status.EXCLUDE
    assert "2000" in outcome.reason
    asked = [path for _, path in hospital.proxy.requests]
    assert [path for path in asked if "instances-tags" in path]
    assert [path for path in asked if path.endswith("/info")] == []
    assert not hospital.folder("long", "long-excluded").file("retrieved_dicom").exists()


def test_a_ct_of_2000_slices_is_a_volume_of_2000_slices_where_the_cohort_allows_them(hospital: Hospital) -> None:
    admit_long(hospital)
    before = forget_peak()
    outcome = hospital.run("long", "long", timeout_s=30, cohort={"ct_instances": ALLOWED})["long"]
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert peak_bytes() - before < 300 * MB
    folder = hospital.folder("long", "long")
    assert len(list((folder.file("retrieved_dicom") / "CT").iterdir())) == 2000
    image = sitk.ReadImage(str(folder.file("ct_volume")))
    assert (image.GetSize(), image.GetSpacing()) == ((16, 16, 2000), (12.0, 12.0, 1.0))
    assert read_table(folder.file("dvh_table"))["roi_name"].nunique() == 2
