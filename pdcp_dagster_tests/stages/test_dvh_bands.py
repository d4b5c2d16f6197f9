"""The cohort's bands from files: whose curves count, and that they are the patients' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, Origin
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import STAGES
from pdcp_dagster.stages.dvh_bands import MOST_STRUCTURES, cohort_bands, curves_of, dvh_bands

if TYPE_CHECKING:
    from pathlib import Path

COHORT = Cohort(name="bands")
PASSED = {stage: [{"code": "I_SUCC_001", "detail": ""}] for stage in STAGES}
REVIEW = {**PASSED, "dvh_table": [{"code": "XXV_REV_001", "detail": ""}]}


def box(name: str, dmax_gy: float, **changes: Any) -> dict[str, Any]:
    """A ROI all of which gets one dose; `changes` are cells of its row in dvh.parquet."""
    return {
        "rtstruct_uid": "1.1",
        "roi_name": name,
        "roi_standard_name": None,
        "status": "computed",
        "flags": [],
        "volume_cm3": 1.0,
        "dmax_gy": dmax_gy,
        **changes,
    }


def write_patient(folder: CohortFolder, key: str, *rois: dict[str, Any], stages: Any = None) -> None:
    """Leave a patient's files as the chain does; all other stages are done, and empty."""
    patient = folder.patient(key)
    for asset in STAGES:
        fresh = patient.begin(asset)
        if asset == "dvh_table":
            numbered = [{"roi_number": number, **roi} for number, roi in enumerate(rois, start=1)]
            write_table(pd.DataFrame(numbered), fresh / "dvh.parquet")
            write_table(pd.concat(map(curve, numbered), ignore_index=True), fresh / "dvh_curves.parquet")
        patient.commit(asset, origin=Origin())
    patient.write_notes({"stages": stages or PASSED, "linkage": "CRDP"})


def curve(roi: dict[str, Any]) -> pd.DataFrame:
    dose_gy = np.round(np.arange(round((roi["dmax_gy"] or 0) * 10) + 1) / 10, 1)
    return pd.DataFrame(
        {
            "rtstruct_uid": roi["rtstruct_uid"],
            "roi_number": roi["roi_number"],
            "dose_gy": dose_gy,
            "volume_pct": 100.0,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> CohortFolder:
    return CohortFolder(tmp_path / "bands")


def list_patients(folder: CohortFolder, *keys: str) -> None:
    write_table(pd.DataFrame({"patient_id": keys, "partition_key": keys}), folder.file("patient_ids"))


def test_each_patients_curve_is_its_own_and_the_median_is_that_of_the_middle_patient(folder: CohortFolder) -> None:
    list_patients(folder, "c", "a", "b")
    for key, dmax_gy in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        write_patient(folder, key, box("BODY", 4.0), box("Heart", dmax_gy))
    bands = dvh_bands(folder, COHORT, {"c": "Third"})
    assert [(band.structure, band.patients) for band in bands] == [
        ("BODY", ("Third", "a", "b")),
        ("Heart", ("Third", "a", "b")),
    ]
    axis = bands[1].dose_gy
    for of_patient, dmax_gy in zip(bands[1].curves_pct, (3.0, 1.0, 2.0), strict=True):
        assert of_patient == pytest.approx(np.where(axis <= dmax_gy, 100.0, 0.0))
    assert bands[1].median_pct == pytest.approx(np.where(axis <= 2.0, 100.0, 0.0))
    assert bands[1].curves_pct.dtype == np.float32


def test_patients_to_review_count_only_where_the_cohort_says_so_and_failed_ones_never(folder: CohortFolder) -> None:
    list_patients(folder, "passed", "review", "failed", "never-run")
    for key, stages in (("passed", PASSED), ("review", REVIEW), ("failed", PASSED)):
        write_patient(folder, key, box("Heart", 1.0), stages=stages)
    folder.patient("failed").write_failure({"stage": "ct_volume", "reason": "damaged"})
    (band,) = dvh_bands(folder, COHORT, {})
    assert band.patients == ("passed",)
    (band,) = dvh_bands(folder, COHORT.model_copy(update={"include_review": True}), {})
    assert band.patients == ("passed", "review")


def test_rois_without_a_dvh_or_beyond_the_dose_grid_stay_out(folder: CohortFolder) -> None:
    list_patients(folder, "a")
    write_patient(
        folder,
        "a",
        box("Heart", 1.0),
        box("Point", 1.0, status="no_closed_contour"),
        box("Brain", 1.0, flags=["partly_outside_dose_grid"]),
        box("Foot", 1.0, flags=["small_for_dose_grid", "outside_dose_grid"]),
    )
    assert [band.structure for band in dvh_bands(folder, COHORT, {})] == ["Heart"]


def test_rois_of_one_number_in_two_structure_sets_are_told_apart(folder: CohortFolder) -> None:
    list_patients(folder, "a")
    write_patient(folder, "a", box("Heart", 1.0, roi_number=5), box("Lung", 2.0, roi_number=5, rtstruct_uid="1.2"))
    heart, lung = dvh_bands(folder, COHORT, {})
    assert heart.median_pct == pytest.approx(np.where(heart.dose_gy <= 1.0, 100.0, 0.0))
    assert lung.median_pct == pytest.approx(np.where(lung.dose_gy <= 2.0, 100.0, 0.0))


def test_structures_beyond_the_24_of_most_patients_are_counted(folder: CohortFolder) -> None:
    list_patients(folder, "a", "b")
    write_patient(folder, "a", *(box(f"ROI {number:02}", 1.0) for number in range(30)))
    write_patient(folder, "b", box("ROI 29", 1.0))
    found = cohort_bands(folder, COHORT, {})
    assert (len(found.bands), found.left_out) == (MOST_STRUCTURES, 6)
    assert (found.bands[0].structure, found.bands[0].patients) == ("ROI 29", ("a", "b"))


def test_one_wrong_dose_does_not_coarsen_everybodys_axis_and_who_has_it_is_told(folder: CohortFolder) -> None:
    list_patients(folder, *"abcdefghi")
    for key in "abcdefgh":
        write_patient(folder, key, box("BODY", 60.0))
    write_patient(folder, "i", box("BODY", 6000.0))
    found = cohort_bands(folder, COHORT, {"i": "Wrong"})
    (body,) = found.bands
    # 5 times 60 Gy; 2 Gy is the first round step with which 300 Gy are at most 200 points.
    assert body.dose_gy == pytest.approx(np.arange(0, 301, 2))
    assert body.median_pct == pytest.approx(np.where(body.dose_gy <= 60.0, 100.0, 0.0))
    assert found.beyond == ("Wrong",)


def test_nobody_is_beyond_an_axis_that_ends_at_the_highest_dose(folder: CohortFolder) -> None:
    list_patients(folder, "a", "b")
    write_patient(folder, "a", box("BODY", 60.0))
    write_patient(folder, "b", box("BODY", 66.0))
    assert cohort_bands(folder, COHORT, {}).beyond == ()


@pytest.mark.parametrize("name", ["dvh.parquet", "dvh_curves.parquet"])
def test_of_files_that_are_damaged_only_their_patient_is_lost_from_the_bands_and_named(
    folder: CohortFolder, name: str
) -> None:
    list_patients(folder, *"abc")
    for key, dmax_gy in (("a", 60.0), ("b", 1.0), ("c", 60.0)):
        write_patient(folder, key, box("BODY", dmax_gy))
    write_patient(folder, "b", box("BODY", 1.0), box("Only B's", 1.0))
    damaged = folder.patient("b").path / name
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    found = cohort_bands(folder, COHORT, {"b": "Bravo"})
    assert found.unread == ("Bravo",)
    (body,) = found.bands
    assert (body.structure, body.patients) == ("BODY", ("a", "c"))
    for line in (body.lower_pct, body.median_pct, *body.curves_pct):
        assert line == pytest.approx(np.where(body.dose_gy <= 60.0, 100.0, 0.0))


def test_a_cohort_of_whom_nobody_counts_has_no_bands(folder: CohortFolder) -> None:
    list_patients(folder)
    assert cohort_bands(folder, COHORT, {}).bands == ()


def test_a_table_without_curves_has_none(tmp_path: Path) -> None:
    empty = np.zeros(0)
    write_table(pd.DataFrame({"roi_number": empty, "dose_gy": empty, "volume_pct": empty}), tmp_path / "curves.parquet")
    assert curves_of(tmp_path / "curves.parquet") == {}
