"""The evidence by which a person chooses: a row per candidate, and a picture where a choice is open."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.adapters.pictures.candidate_picture import CANDIDATE_PANEL_PX, LEFT_PX, TOP_PX
from pdcp_dagster.adapters.pictures.panel import OUTLINE
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.evidence import CANDIDATE_COLUMNS
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.patient import read_truth
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned
from pdcp_dagster.stages.candidate_stage import show_candidates
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.outcome import Picture, Rows
from pdcp_dagster.stages.patient import Patient

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdcp_dagster.stages.outcome import PatientOutcome, Shown
    from pdcp_dagster_tests.stages.conftest import Ward

EVIDENCE = ("image_summary", "verified_study", "candidate_studies")
PX_PER_MM = CANDIDATE_PANEL_PX / 200
"""The CT is 192 mm wide, less than the 200 mm that a picture shows at least: it stands in the middle."""


def table(ward: Ward, patient_id: str, store: str = "store") -> pd.DataFrame:
    return pd.read_parquet(ward.folder(patient_id, store).file("candidate_studies"))


def shown(outcome: PatientOutcome) -> dict[str, Shown]:
    (asset,) = [asset for asset in outcome.assets if asset.asset == "candidate_studies"]
    return dict(asset.shown)


def panel(ward: Ward, patient_id: str, number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(ward.folder(patient_id).path / "candidate_studies" / f"{number}.png") as image:
        whole = np.asarray(image.convert("RGB"))
    return whole[TOP_PX : TOP_PX + CANDIDATE_PANEL_PX, LEFT_PX : LEFT_PX + CANDIDATE_PANEL_PX]


def files_of(ward: Ward, patient_id: str, modality: str) -> list[Path]:
    files = sorted(ward.phantom(patient_id).glob("*.dcm"))
    return [file for file in files if pydicom.dcmread(file, stop_before_pixels=True).Modality == modality]


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modalities of what is downloaded, in any order."""
    seen: list[str] = []
    original: Callable[..., Any] = Orthanc.download

    def download(self: Orthanc, instance: Any, destination: Path, **options: Any) -> Any:
        seen.append(instance.modality)
        return original(self, instance, destination, **options)

    monkeypatch.setattr(Orthanc, "download", download)
    return seen


@pytest.fixture(scope="module")
def two_studies(ward: Ward) -> PatientOutcome:
    ward.admit("CA-TWO", studies=2)
    return ward.run("CA-TWO")


def test_each_of_two_complete_studies_has_a_row_in_order_of_their_dates(
    ward: Ward, two_studies: PatientOutcome
) -> None:
    assert (two_studies.status, two_studies.code) == (Status.REVIEW, "I_REV_004")
    rows = table(ward, "CA-TWO")
    assert list(rows.columns) == list(CANDIDATE_COLUMNS)
    assert rows["candidate"].tolist() == [1, 2]
    assert rows["verdict"].tolist() == ["open", "open"]
    assert rows["study_date"].is_monotonic_increasing
    assert rows["ct_slices"].tolist() == [12, 12]
    assert rows["plan_labels"].map(list).tolist() == [["Breast 1-1"], ["Breast 2-1"]]
    assert rows["fractions_planned"].tolist() == [25, 25]
    assert rows["prescription_gy"].tolist() == [50.0, 50.0]


@pytest.mark.usefixtures("two_studies")
def test_the_dose_maximum_is_that_of_the_file(ward: Ward) -> None:
    truth = read_truth(ward.phantom("CA-TWO"))
    assert table(ward, "CA-TWO")["dose_maximum_gy"].tolist() == pytest.approx([truth.max_dose_gy] * 2, abs=0.01)


@pytest.mark.usefixtures("two_studies")
def test_the_picture_outlines_the_targets_where_they_were_drawn(ward: Ward) -> None:
    rows, columns = np.nonzero((panel(ward, "CA-TWO", 1) == OUTLINE).all(axis=2))
    # The PTV's middle is z = 6 mm; slices lie 6 mm apart at 3 and 9 mm, on both it is as large.
    ptv, ctv = [roi.solid.section_radii_mm(3.0) for roi in tiny_rois("CA-TWO")[1:3] if roi.solid]
    assert ptv is not None
    assert ctv is not None
    solid = tiny_rois("CA-TWO")[1].solid
    assert solid is not None
    centre = (CANDIDATE_PANEL_PX - 1) / 2 + np.array(solid.centre_mm[1::-1]) * PX_PER_MM
    radii = np.hypot(rows - centre[0], columns - centre[1]) / PX_PER_MM
    on_ptv, on_ctv = np.abs(radii - ptv[0]) < 1, np.abs(radii - ctv[0]) < 1
    assert (on_ptv | on_ctv).all()
    for line in (on_ptv, on_ctv):
        angles = np.degrees(np.arctan2(rows - centre[0], columns - centre[1]))[line] // 15
        assert len(np.unique(angles)) == 24


@pytest.mark.usefixtures("two_studies")
def test_the_store_holds_a_table_and_pictures_and_nothing_of_dicom(ward: Ward) -> None:
    files = ward.files("CA-TWO")
    assert {name for name in files if "candidate" in name} == {
        "candidate_studies.parquet",
        "candidate_studies/1.png",
        "candidate_studies/2.png",
        "manifests/candidate_studies.json",
    }
    assert all(content[128:132] != b"DICM" for content in files.values())
    assert max(len(content) for name, content in files.items() if name.endswith(".png")) <= 150_000
    assert table(ward, "CA-TWO")["picture"].tolist() == ["1.png", "2.png"]


def test_the_ui_gets_plain_rows_a_small_sheet_and_the_way_to_the_pictures(
    ward: Ward, two_studies: PatientOutcome
) -> None:
    seen = shown(two_studies)
    assert (seen["candidates"], seen["open"]) == (2, 2)
    rows, sheet = seen["evidence"], seen["contact_sheet"]
    assert isinstance(rows, Rows)
    assert isinstance(sheet, Picture)
    assert all(isinstance(value, str | int | float) for record in rows.records for value in record.values())
    assert rows.records[0]["rois"] == "4: BODY, PTV_50, CTV, Lung_L"
    assert rows.records[0]["reason"] == "several studies are eligible and no rule chooses one"
    assert len(sheet.content) <= 15_000
    assert Image.open(io.BytesIO(sheet.content)).format == "JPEG"
    assert seen["all_pictures"] == ward.folder("CA-TWO").path / "candidate_studies"


@pytest.mark.usefixtures("two_studies")
def test_the_same_archive_gives_the_same_bytes(ward: Ward) -> None:
    ward.run("CA-TWO", store="again")
    first, second = ward.files("CA-TWO"), ward.files("CA-TWO", store="again")
    assert {name: first[name] == second[name] for name in first if name.startswith("candidate")} == {
        "candidate_studies.parquet": True,
        "candidate_studies/1.png": True,
        "candidate_studies/2.png": True,
    }


@pytest.mark.usefixtures("two_studies")
def test_alone_the_stage_works_on_what_is_stored(ward: Ward) -> None:
    before = ward.files("CA-TWO")
    assert ward.run("CA-TWO", "candidate_studies").failure is None
    after = ward.files("CA-TWO")
    assert after["candidate_studies/2.png"] == before["candidate_studies/2.png"]
    assert after["candidate_studies.parquet"] == before["candidate_studies.parquet"]


def test_of_a_candidate_only_its_structure_set_its_dose_and_one_slice_are_downloaded(
    ward: Ward, downloads: list[str]
) -> None:
    ward.admit("CA-LOADS", chains_per_study=2)
    outcome = ward.run("CA-LOADS", *EVIDENCE)
    assert outcome.code == "II_REV_003"
    assert sorted(downloads) == ["CT", "CT", "RTDOSE", "RTDOSE", "RTSTRUCT", "RTSTRUCT"]


def test_what_candidates_share_is_downloaded_once(ward: Ward, downloads: list[str]) -> None:
    ward.admit("CA-SHARE", studies=planned(PlanSpec(), PlanSpec(label="Boost", share=0.5)))
    outcome = ward.run("CA-SHARE", *EVIDENCE)
    assert outcome.code == "II_REV_004"
    assert sorted(downloads) == ["CT", "RTDOSE", "RTDOSE", "RTSTRUCT"]
    first, second = sorted(table(ward, "CA-SHARE")["dose_maximum_gy"])
    assert second == pytest.approx(2 * first, rel=1e-4)


def test_of_several_doses_the_largest_maximum_is_told(ward: Ward) -> None:
    study = StudySpec(plans=(PlanSpec(doses=(DoseSpec(share=0.25), DoseSpec(share=0.75))),))
    ward.admit("CA-DOSES", studies=(study, StudySpec()))
    ward.run("CA-DOSES", *EVIDENCE)
    quarter = read_truth(ward.phantom("CA-DOSES")).max_dose_gy
    maxima = table(ward, "CA-DOSES").set_index("study_date")["dose_maximum_gy"].sort_values().tolist()
    assert maxima == pytest.approx([3 * quarter, 4 * quarter], abs=0.01)


def test_a_patient_that_passes_downloads_nothing_here(ward: Ward, downloads: list[str]) -> None:
    ward.admit("CA-ONE")
    outcome = ward.run("CA-ONE", *EVIDENCE)
    assert outcome.status is Status.SUCCESS
    assert downloads == []
    (row,) = table(ward, "CA-ONE").to_dict("records")
    assert row["verdict"] == "selected"
    assert all(pd.isna(row[column]) for column in ("dose_maximum_gy", "picture", "picture_problem"))
    assert "contact_sheet" not in shown(outcome)


def test_a_candidate_passed_over_by_a_rule_is_not_looked_at(ward: Ward, downloads: list[str]) -> None:
    ward.admit("CA-LATEST", studies=2)
    outcome = ward.run("CA-LATEST", *EVIDENCE, study_selection=["latest"])
    assert outcome.status is Status.SUCCESS
    assert downloads == []
    assert table(ward, "CA-LATEST")["verdict"].tolist() == ["refused", "selected"]


def test_in_quarantine_nothing_is_downloaded_here(ward: Ward, downloads: list[str]) -> None:
    task = replace(ward.admit("CA-QUARANTINE", studies=2), selected=frozenset(EVIDENCE))
    with ward.archive() as archive:
        outcome = run_patient(task, ward.settings(), archive, candidate=2)
    assert outcome.failure is None
    assert downloads == []
    folder = ward.settings().store.cohort("ward").candidate(task.partition_key, 2)
    assert pd.read_parquet(folder.file("candidate_studies"))["verdict"].tolist() == ["refused", "selected"]


def test_without_a_complete_chain_the_table_has_its_columns_and_no_row(ward: Ward, tmp_path: Path) -> None:
    task = ward.admit("CA-NONE", modalities=("CT", "RTSTRUCT"))
    ward.run("CA-NONE")
    with ward.archive() as archive:
        kept, findings = show_candidates(Patient(task, ward.settings(), archive, ward.folder("CA-NONE")), tmp_path)
    rows = pd.read_parquet(tmp_path / "candidate_studies.parquet")
    assert (list(rows.columns), len(rows)) == (list(CANDIDATE_COLUMNS), 0)
    assert kept.shown["candidates"] == 0
    assert findings == ()


def without_pixels(data: pydicom.Dataset) -> None:
    data.PixelData = data.PixelData[:100]


def test_a_dose_that_cannot_be_read_is_told_in_its_row_and_the_rest_stands(ward: Ward) -> None:
    ward.admit("CA-DAMAGED", studies=2)
    ward.exchange(files_of(ward, "CA-DAMAGED", "RTDOSE")[0], without_pixels)
    outcome = ward.run("CA-DAMAGED", *EVIDENCE)
    assert outcome.code == "I_REV_004"
    first, second = table(ward, "CA-DAMAGED").to_dict("records")
    assert first["picture_problem"].startswith(f"RTDOSE {first['rtdose_uids'][0]} cannot be read: ")
    assert str(ward.root) not in first["picture_problem"]
    assert pd.isna(first["dose_maximum_gy"])
    assert first["picture"] == "1.png"
    assert (panel(ward, "CA-DAMAGED", 1) == OUTLINE).all(axis=2).any(), "the rest of it is drawn"
    assert pd.isna(second["picture_problem"])
    assert second["dose_maximum_gy"] > 0


def test_the_largest_of_doses_that_could_not_all_be_read_is_not_told(ward: Ward) -> None:
    study = StudySpec(plans=(PlanSpec(doses=(DoseSpec(), DoseSpec(share=0.5))),))
    ward.admit("CA-HALF", studies=(study, StudySpec()))
    ward.exchange(files_of(ward, "CA-HALF", "RTDOSE")[1], without_pixels)
    ward.run("CA-HALF", *EVIDENCE)
    rows = table(ward, "CA-HALF")
    assert sorted(rows["dose_maximum_gy"].isna()) == [False, True]
    assert sorted(rows["picture_problem"].isna()) == [False, True]


def test_a_structure_set_without_contours_leaves_the_middle_slice_without_outlines(ward: Ward) -> None:
    ward.admit("CA-EMPTY", studies=2)

    def without_contours(data: pydicom.Dataset) -> None:
        del data.ROIContourSequence

    ward.exchange(files_of(ward, "CA-EMPTY", "RTSTRUCT")[0], without_contours)
    ward.run("CA-EMPTY", *EVIDENCE)
    rows = table(ward, "CA-EMPTY")
    assert rows["picture"].tolist() == ["1.png", "2.png"]
    assert rows["picture_problem"].isna().all()
    assert not (panel(ward, "CA-EMPTY", 1) == OUTLINE).all(axis=2).any()
    assert (panel(ward, "CA-EMPTY", 2) == OUTLINE).all(axis=2).any()


def test_a_structure_set_that_cannot_be_read_is_told_and_the_middle_slice_is_shown(ward: Ward) -> None:
    ward.admit("CA-UNREAD", studies=2)

    def without_number(data: pydicom.Dataset) -> None:
        del data.ROIContourSequence[0].ReferencedROINumber

    ward.exchange(files_of(ward, "CA-UNREAD", "RTSTRUCT")[1], without_number)
    ward.run("CA-UNREAD", *EVIDENCE)
    rows = table(ward, "CA-UNREAD")
    assert rows["picture"].tolist() == ["1.png", "2.png"]
    assert rows["picture_problem"].isna().tolist() == [True, False]
    assert "ReferencedROINumber is missing" in rows["picture_problem"][1]
    assert rows["dose_maximum_gy"].notna().all()


def test_a_slice_that_cannot_be_read_leaves_the_row_without_a_picture(ward: Ward) -> None:
    ward.admit("CA-SLICE", studies=2)
    for file in files_of(ward, "CA-SLICE", "CT")[:12]:
        ward.exchange(file, without_pixels)
    outcome = ward.run("CA-SLICE", *EVIDENCE)
    rows = table(ward, "CA-SLICE")
    assert rows["picture"].isna().tolist() == [True, False]
    assert rows["picture_problem"][0].startswith("the CT's slice cannot be read: ")
    assert rows["dose_maximum_gy"].notna().all()
    assert "contact_sheet" in shown(outcome)


def test_a_relative_dose_has_no_maximum_in_gy_and_no_colours(ward: Ward) -> None:
    ward.admit("CA-RELATIVE", studies=2)

    def relative(data: pydicom.Dataset) -> None:
        data.DoseUnits = "RELATIVE"

    ward.exchange(files_of(ward, "CA-RELATIVE", "RTDOSE")[0], relative)
    ward.run("CA-RELATIVE", *EVIDENCE)
    rows = table(ward, "CA-RELATIVE")
    assert rows["dose_maximum_gy"].isna().tolist() == [True, False]
    assert rows["picture_problem"].isna().all()
    seen = panel(ward, "CA-RELATIVE", 1).astype(int)
    green = (np.ptp(seen, axis=2) > 20) & ~(seen == OUTLINE).all(axis=2)
    assert not green.any()


@pytest.mark.parametrize(("linkage", "modalities"), [("CRD", ("CT", "RTSTRUCT", "RTDOSE")), ("CR", ("CT", "RTSTRUCT"))])
def test_candidates_without_a_plan_or_a_dose_are_shown_too(
    ward: Ward, linkage: str, modalities: tuple[str, ...]
) -> None:
    patient_id = f"CA-{linkage}"
    study = StudySpec(plans=(PlanSpec(doses=(DoseSpec(names="structure_set"),)),), modalities=modalities)
    ward.admit(patient_id, studies=(study, study))
    outcome = ward.run(patient_id, *EVIDENCE, linkage=linkage, prescription_gy=None)
    assert outcome.code == "I_REV_004"
    rows = table(ward, patient_id)
    assert rows["picture"].tolist() == ["1.png", "2.png"]
    assert rows["picture_problem"].isna().all()
    assert rows["dose_maximum_gy"].notna().tolist() == ["RTDOSE" in modalities] * 2


def test_text_from_the_archive_leads_nowhere_and_changes_no_name(ward: Ward) -> None:
    hostile = "../../<b>\x07" + "W" * 300
    rois = tuple(replace(roi, name=f"{roi.name} ../../<b>") for roi in tiny_rois("CA-HOSTILE")[:4])
    ward.admit("CA-HOSTILE", studies=2, study_description=hostile[:64], rois=rois)
    outcome = ward.run("CA-HOSTILE", *EVIDENCE)
    assert outcome.failure is None
    names = {name for name in ward.files("CA-HOSTILE") if name.endswith(".png")}
    assert names == {"candidate_studies/1.png", "candidate_studies/2.png"}
    evidence = shown(outcome)["evidence"]
    assert isinstance(evidence, Rows)
    assert all(str(value).isprintable() for record in evidence.records for value in record.values())


def test_an_archive_that_cannot_give_a_file_is_a_failure_and_no_result(ward: Ward) -> None:
    ward.admit("CA-FAILED", studies=2)
    ward.damage(files_of(ward, "CA-FAILED", "RTDOSE")[0])
    try:
        outcome = ward.run("CA-FAILED", *EVIDENCE)
    finally:
        ward.mend()
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.stage == "candidate_studies"
    assert not [name for name in ward.files("CA-FAILED") if name.startswith("candidate") or name.endswith(".dcm")]


def test_a_study_without_a_date_is_a_candidate_all_the_same(ward: Ward) -> None:
    dated = StudySpec(date=dt.date(2020, 2, 3))
    ward.admit("CA-UNDATED", studies=(StudySpec(absent_tags=("StudyDate",)), dated))
    ward.run("CA-UNDATED", *EVIDENCE)
    rows = table(ward, "CA-UNDATED")
    assert rows["study_date"].tolist() == [dt.date(2020, 2, 3), None]
    assert rows["picture"].tolist() == ["1.png", "2.png"]
