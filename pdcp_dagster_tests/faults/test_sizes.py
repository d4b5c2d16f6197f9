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


def test_of_a_structure_set_of_36_mb_the_summary_reads_only_the_beginning(hospital: Hospital) -> None:
    name = "many contours"
    rois = tuple(replace(roi, vertices=24_000) for roi in tiny_rois(name)[:6])
    hospital.admit(name, rois=rois)
    (structure_set,) = hospital.phantom(name).glob("RTSTRUCT*.dcm")
    size = structure_set.stat().st_size
    assert size > 36 * MB
    task = replace(hospital.tasks[name], selected=frozenset({"image_summary", "verified_study"}))
    hospital.tasks["summary only"] = task
    outcome = hospital.run("contours", "summary only", timeout_s=30)["many contours"]
    assert outcome.failure is None, outcome.reason
    assert sum(hospital.proxy.sent.values()) < WINDOW_BYTES < size / 4
    summary = read_table(hospital.folder(name, "contours").file("image_summary"))
    assert (summary["modality"] == "RTSTRUCT").sum() == 1


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
