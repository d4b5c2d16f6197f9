"""The DVH table of one patient: what a cohort file asks for is there, and the planning system is asked what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.circumstances import CohortTables
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.dvh_comparison import COLUMNS
from pdcp_dagster.domain.legacy_dosimetry import dosimetry_columns
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.study_spec import PlanSpec, planned
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.outcome import PatientOutcome
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable
from pdcp_dagster_tests.stages.conftest import Ward

FRACTIONS = 25
"""Of every phantom's plan, which gives 50 Gy."""


def table(ward: Ward, patient_id: str, file: str = "dvh.parquet") -> Any:
    """Return a table; what its cells are is the test's own knowledge."""
    return read_table(ward.folder(patient_id).path / file)


def details(outcome: PatientOutcome) -> dict[str, str]:
    """Return the detail of each finding by its code, from the findings that the notes show."""
    (notes,) = [asset for asset in outcome.assets if asset.asset == "patient_notes"]
    rows: Any = notes.shown["findings"]
    return {str(row["code"]): " ".join(map(str, row.values())) for row in rows.records}


@pytest.fixture(scope="module")
def asked(ward: Ward) -> pd.DataFrame:
    """The DVH table of a cohort that asks for everything."""
    ward.admit("DV-asked")
    ward.run(
        "DV-asked",
        dvh={
            "metrics": ["D0.1cc[Gy]", "V17Gy[%]", "CV12.5Gy[cc]", "D95%[%]"],
            "geud_a": [1, 0.5, -10],
            "alpha_beta_gy": {"default": 3, "ptv_50": 10, "BODY": 2},
        },
        dvh_columns="legacy",
    )
    found: pd.DataFrame = table(ward, "DV-asked").set_index("roi_name", drop=False)
    return found


def test_metrics_of_the_cohort_file_are_columns(asked: pd.DataFrame) -> None:
    target = asked.loc["PTV_50"]
    assert target["d95_pct"] == pytest.approx(100 * target["d95_gy"] / 50)
    assert 0 <= target["cv12_5gy_cm3"] <= target["volume_cm3"]
    assert {"d0_1cc_gy", "v17gy_pct"} <= set(asked.columns)


def test_geud_has_a_column_for_each_a_and_at_one_is_the_mean(asked: pd.DataFrame) -> None:
    means = asked["dmean_gy"].astype(float).to_numpy()
    assert asked["geud_a1_gy"].astype(float).to_numpy() == pytest.approx(means, abs=1e-6)
    assert (asked["geud_am10_gy"] <= asked["geud_a0_5_gy"]).all()
    assert (asked["geud_a0_5_gy"] <= asked["geud_a1_gy"]).all()


def test_eqd2_is_by_the_plans_fractions_and_the_rois_alpha_beta(asked: pd.DataFrame) -> None:
    assert asked["alpha_beta_gy"].to_dict() == {"BODY": 2, "PTV_50": 10, "CTV": 3, "Lung_L": 3}
    assert set(asked["eqd2_fractions"]) == {FRACTIONS}
    for _, roi in asked.iterrows():
        ratio, d50 = roi["alpha_beta_gy"], roi["d50_gy"]
        assert roi["eqd2_d50_gy"] == pytest.approx(d50 * (d50 / FRACTIONS + ratio) / (2 + ratio))


def test_the_originals_columns_come_last_and_agree_with_the_projects(asked: pd.DataFrame) -> None:
    theirs = dosimetry_columns(prescribed=True)[2:]
    assert list(asked.columns[-len(theirs) :]) == theirs
    for name, ours in {"D95.0": "d95_gy", "D2.0": "d2_gy", "VGy_20.0": "v20gy_pct", "mean_dose": "dmean_gy"}.items():
        assert asked[name].astype(float).to_numpy() == pytest.approx(asked[ours].astype(float).to_numpy(), abs=1e-5)
    assert len({name.casefold() for name in asked.columns}) == len(asked.columns)


def test_nobody_who_asks_for_nothing_gets_more_columns(ward: Ward) -> None:
    ward.admit("DV-plain")
    ward.run("DV-plain")
    columns = list(table(ward, "DV-plain").columns)
    assert not [name for name in columns if name.startswith(("geud", "eqd2", "alpha"))]
    assert "mean_dose" not in columns
    assert columns[-1] == "software_version"
    assert table(ward, "DV-plain")["dose_coverage_by_plan"].isna().all()


def test_flags_are_told_once_and_small_rois_are_told(ward: Ward) -> None:
    ward.admit("DV-flags", dose_grid_mm=8.0)
    ward.run("DV-flags")
    flags = {row["roi_name"]: list(row["flags"]) for _, row in table(ward, "DV-flags").iterrows()}
    assert all(len(each) == len(set(each)) for each in flags.values())
    assert "small_for_dose_grid" in flags["CTV"]
    assert "small_for_dose_grid" not in flags["BODY"]


def test_without_fractions_there_is_no_eqd2_and_one_note(ward: Ward) -> None:
    def forget(plan: Dataset) -> None:
        del plan.FractionGroupSequence[0].NumberOfFractionsPlanned

    ward.admit("DV-unfractionated")
    (plan,) = ward.phantom("DV-unfractionated").rglob("RTPLAN*.dcm")
    ward.exchange(plan, forget)
    outcome = ward.run("DV-unfractionated", dvh={"alpha_beta_gy": {"default": 3}})
    found = table(ward, "DV-unfractionated")
    assert found[["eqd2_fractions", "eqd2_dmean_gy"]].isna().all(axis=None)
    assert set(found["alpha_beta_gy"]) == {3}
    assert "does not say how many fractions" in details(outcome)["XXV_NOTE_003"]
    assert "XXV_NOTE_003" not in details(ward.run("DV-unfractionated"))


def with_types(ward: Ward, patient_id: str, types: dict[str, str], **changes: Any) -> Any:
    """Run on a patient whose ROIs have other interpreted types, and return the table by ROI name."""

    def retype(data: Dataset) -> None:
        names = {int(item.ROINumber): str(item.ROIName) for item in data.StructureSetROISequence}
        for item in data.RTROIObservationsSequence:
            name = names[int(item.ReferencedROINumber)]
            item.RTROIInterpretedType = types.get(name, item.RTROIInterpretedType)

    ward.admit(patient_id, **changes)
    (structure_set,) = ward.phantom(patient_id).rglob("RTSTRUCT*.dcm")
    ward.exchange(structure_set, retype)
    ward.run(patient_id)
    return table(ward, patient_id).set_index("roi_name")


def test_a_target_that_gets_more_than_the_body_is_flagged_and_has_no_conformity(ward: Ward) -> None:
    """The patient's outline is taken for a target, and the CTV for the outline."""
    found = with_types(ward, "DV-swapped", {"BODY": "PTV", "CTV": "EXTERNAL"})
    assert found.loc[["BODY"], ["ci_rtog", "ci_paddick"]].isna().all(axis=None)
    assert "target_outside_external" in found.loc["BODY", "flags"]
    assert "target_outside_external" not in found.loc["CTV", "flags"]


def test_of_several_outlines_the_largest_is_the_body(ward: Ward) -> None:
    ward.admit("DV-one-outline")
    ward.run("DV-one-outline")
    alone = table(ward, "DV-one-outline").set_index("roi_name").loc["PTV_50"]
    rois = tuple(replace(roi, number=9 - roi.number) for roi in tiny_rois("DV-one-outline")[:4])
    found = with_types(ward, "DV-outlines", {"CTV": "EXTERNAL", "Lung_L": "EXTERNAL"}, rois=rois).loc["PTV_50"]
    assert 0 < found["ci_paddick"] <= 1
    assert found["ci_rtog"] * found["volume_cm3"] == pytest.approx(alone["ci_rtog"] * alone["volume_cm3"], rel=0.02)
    assert "target_outside_external" not in found["flags"]


def prescribed(ward: Ward, patient_id: str, prescriptions: dict[str, dict[str, float]], **keys: Any) -> Any:
    """Run with a table of prescriptions and return what was prescribed to each ROI, and by whose word."""
    settings = replace(
        ward.settings(prescription_gy="rx.csv", **keys), tables=CohortTables(prescriptions=prescriptions)
    )
    with ward.archive() as archive:
        outcome = run_patient(ward.tasks[patient_id], settings, archive)
    assert outcome.failure is None, outcome.reason
    found = table(ward, patient_id)
    told = zip(found["prescription_gy"], found["prescription_source"], strict=True)
    return dict(zip(found["roi_name"], told, strict=True))


def test_a_table_of_prescriptions_counts_for_its_patients_after_a_reference_that_names_the_roi(ward: Ward) -> None:
    ward.admit("DV-rx")
    found = prescribed(ward, "DV-rx", {"DV-rx": {"ptv_50": 66.0, "ctv": 60.0}})
    assert (found["PTV_50"], found["CTV"]) == ((50, "plan_roi"), (60, "cohort"))
    assert found["Lung_L"][1] == "plan_target"
    of_others = prescribed(ward, "DV-rx", {"another": {"ctv": 60.0}})
    assert of_others["CTV"] == (50, "plan_target")
    without_plan = prescribed(ward, "DV-rx", {"DV-rx": {"ctv": 60.0}}, linkage="CRD")
    assert without_plan["CTV"] == (60, "cohort")
    assert without_plan["PTV_50"][1] == "unknown"


def test_a_bad_table_of_prescriptions_is_told_before_any_patient_is_touched(ward: Ward) -> None:
    cohort = ward.settings(prescription_gy="rx.csv").cohort
    with pytest.raises(CohortUnusableError, match=r"ward\.yaml: .*rx\.csv: the table cannot be read"):
        require_usable(cohort, ward.root)
    (ward.root / "rx.csv").write_text("patient_id,roi,prescription_gy\nA,PTV,many\n")
    with pytest.raises(CohortUnusableError, match=r"line 2: expected Gy above 0, not 'many'"):
        require_usable(cohort, ward.root)
    (ward.root / "rx.csv").write_text("patient_id,roi,prescription_gy\nA,PTV,60\n")
    assert require_usable(cohort, ward.root).prescriptions == {"A": {"ptv": 60.0}}


def planning_dvh(curves: pd.DataFrame, volume_cm3: float, roi_number: int, scale: float = 1.0) -> Dataset:
    """Return a DVH as a planning system writes it, from a curve in steps of 0.1 Gy, its doses times `scale`."""
    of_roi = curves[curves["roi_number"] == roi_number]
    volumes = np.r_[of_roi["volume_pct"].to_numpy(float), 0.0] / 100 * volume_cm3
    below = -np.diff(volumes)
    item = Dataset()
    item.DVHType, item.DoseUnits, item.DoseType = "DIFFERENTIAL", "GY", "PHYSICAL"
    item.DVHDoseScaling, item.DVHVolumeUnits, item.DVHNumberOfBins = "1", "CM3", len(below)
    item.DVHData = [f"{value:.6g}" for pair in zip([0.1 * scale] * len(below), below, strict=True) for value in pair]
    referenced = Dataset()
    referenced.ReferencedROINumber, referenced.DVHROIContributionType = roi_number, "INCLUDED"
    item.DVHReferencedROISequence = [referenced]
    return item


def with_planning_dvhs(ward: Ward, patient_id: str, scales: dict[str, float], **changes: Any) -> Any:
    """Run, give the RTDOSE the DVHs that were found, run again, and return the comparison and the outcome."""
    ward.admit(patient_id)
    ward.run(patient_id)
    rois = table(ward, patient_id).set_index("roi_name")
    curves = table(ward, patient_id, "dvh_curves.parquet")
    (structure_set,) = ward.phantom(patient_id).rglob("RTSTRUCT*.dcm")
    (dose,) = ward.phantom(patient_id).rglob("RTDOSE*.dcm")

    def add(data: Dataset) -> None:
        drawn = Dataset()
        drawn.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
        drawn.ReferencedSOPInstanceUID = pydicom.dcmread(structure_set, stop_before_pixels=True).SOPInstanceUID
        data.ReferencedStructureSetSequence = [drawn]
        data.DVHSequence = [
            planning_dvh(curves, float(rois.loc[name, "volume_cm3"]), int(rois.loc[name, "roi_number"]), scale)
            for name, scale in scales.items()
        ]
        for keyword, value in changes.items():
            setattr(data.DVHSequence[0], keyword, value)

    ward.exchange(dose, add)
    outcome = ward.run(patient_id)
    return table(ward, patient_id, "dvh_comparison.parquet").set_index("roi_name"), outcome


def test_dvhs_of_the_planning_system_that_are_the_same_agree(ward: Ward) -> None:
    found, outcome = with_planning_dvhs(ward, "DV-same", {"PTV_50": 1.0, "Lung_L": 1.0})
    assert found["verdict"].to_dict() == {"PTV_50": "agrees", "Lung_L": "agrees"}
    assert found["dmean_difference_gy"].abs().max() < 0.06
    assert found["volume_difference_pct"].abs().max() < 0.01
    assert "XXV_NOTE_002" not in details(outcome)
    (shown,) = [asset.shown for asset in outcome.assets if asset.asset == "dvh_table"]
    assert shown["planning_system"] == "2 ROIs agree, 0 differ, 0 could not be compared"


def test_a_dvh_of_another_dose_is_told_by_its_roi_and_keeps_nobody_back(ward: Ward) -> None:
    found, outcome = with_planning_dvhs(ward, "DV-other", {"PTV_50": 1.0, "CTV": 0.5})
    assert found["verdict"].to_dict() == {"PTV_50": "agrees", "CTV": "differs"}
    assert outcome.status is Status.SUCCESS
    assert "CTV (mean dose +" in details(outcome)["XXV_NOTE_002"]


def test_a_dvh_that_cannot_be_compared_is_in_the_table_with_the_reason(ward: Ward) -> None:
    found, outcome = with_planning_dvhs(ward, "DV-relative", {"PTV_50": 1.0, "CTV": 1.0}, DoseUnits="RELATIVE")
    assert found["verdict"].to_dict() == {"PTV_50": "not compared", "CTV": "agrees"}
    assert found.loc["PTV_50", "reason"] == "its doses are in RELATIVE"
    assert "XXV_NOTE_002" not in details(outcome)


def test_without_dvhs_of_the_planning_system_the_table_is_empty_and_has_its_columns(ward: Ward) -> None:
    ward.admit("DV-none")
    ward.run("DV-none")
    empty = table(ward, "DV-none", "dvh_comparison.parquet")
    assert (len(empty), list(empty.columns)) == (0, list(COLUMNS))


def test_of_plans_that_are_added_the_coverage_by_each_is_told_and_nothing_that_only_one_can_tell(ward: Ward) -> None:
    ward.admit("DV-both", studies=planned(PlanSpec("BASE"), PlanSpec("BOOST", share=0.32)))
    outcome = ward.run("DV-both", dose_sum="plans", dvh={"alpha_beta_gy": {"default": 3}})
    assert outcome.status is Status.SUCCESS, outcome.reason
    found = table(ward, "DV-both").set_index("roi_name")
    assert list(found.loc["PTV_50", "dose_coverage_by_plan"]) == pytest.approx([1.0, 1.0])
    assert found["eqd2_fractions"].isna().all()
    assert "not of one plan" in details(outcome)["XXV_NOTE_003"]
