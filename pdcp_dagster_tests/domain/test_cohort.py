"""A cohort: sensible when only named, and strict about everything else."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from pdcp_dagster.domain.cohort import Cohort


def test_a_name_alone_makes_the_cohort_of_the_design() -> None:
    cohort = Cohort(name="breast")
    assert cohort.linkage == "CRDP"
    assert cohort.required_modalities == ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
    assert cohort.summarised_modalities == ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "PT")
    sizes = cohort.ct_instances
    assert (sizes.minimum, sizes.review_above, sizes.maximum, sizes.action) == (50, 380, 500, "exclude")
    assert (cohort.dose_max_gy.minimum, cohort.dose_max_gy.maximum, cohort.dose_max_gy.action) == (None, None, "review")
    assert (cohort.dvh.dose_interpolation, cohort.dvh.end_caps, cohort.dvh.outside_grid) == (
        "linear",
        "half_slice",
        0.02,
    )
    assert (cohort.prescription_gy, cohort.partition_key, cohort.patients) == ("from_plan", "patient_id", "all")
    assert cohort.include_review is False
    assert pickle.loads(pickle.dumps(cohort)) == cohort  # noqa: S301 # our own


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"linkage": "CRX"}, "'CRDP', 'CRD' or 'CR'"),
        ({"linkage": "CRD", "prescription_gy": "from_plan"}, "linkage CRD has no plan to take it from"),
        ({"study_selection": ["newest"]}, "'newest': expected all_modalities"),
        ({"study_selection": []}, "a list of rules"),
        ({"study_selection": "latest"}, "a list of rules"),
        ({"study_selection": ["review", "latest"]}, "nothing comes after review"),
        ({"study_selection": ["latest", "latest"]}, "a rule is given twice"),
        ({"study_selection": [{"description_prefers": "breast"}]}, "description_prefers: [words]"),
        ({"study_selection": [{"closest_to": 3}]}, "closest_to: a CSV"),
        ({"ct_geometry": "repair"}, "'refuse' or 'resample'"),
        ({"dose_sum": "all"}, "'single_plan' or 'plans'"),
        ({"dose_sum": "plans", "linkage": "CRD"}, "linkage CRD has no plans to sum over"),
        ({"dose_type": "ERROR"}, "'PHYSICAL' or 'EFFECTIVE'"),
        ({"dose_type": "EFFECTIVE", "dvh": {"alpha_beta_gy": {"default": 3}}}, "is weighted already"),
        ({"dvh": {"alpha_beta_gy": {"default": 0}}}, "greater than 0"),
        ({"dvh": {"alpha_beta_gy": {"PTV": 10, "ptv": 3}}}, "differ in case only"),
        ({"dvh": {"geud_a": [1, 1.0]}}, "given twice"),
        ({"dvh": {"geud_a": [float("inf")]}}, "dvh.geud_a"),
        ({"dvh_columns": "old"}, "'standard' or 'legacy'"),
        ({"label_map": "yes"}, "boolean"),
        ({"fallback_links": "ignore"}, "'review' or 'accept'"),
        ({"prescription_gy": "doses.xlsx"}, "expected from_plan"),
        ({"eligibility": {"study_must_contain": ["MR"]}}, "study_must_contain needs MR in summarised_modalities"),
        ({"eligibility": {"approval": {"unlisted": "review"}}}, "unlisted needs a table"),
        ({"eligibility": {"rules": ["os.system"]}}, "pattern"),
        ({"eligibility": {"approval": {"exclude": ["REJECTD"]}}}, "ApprovalStatus is never REJECTD, but APPROVED"),
        ({"study_description": {"exclude": [" "]}}, "pattern"),
        ({"roi_keywords": ["  "]}, "pattern"),
        ({"study_selection": [{"name": "closest_to", "words": [], "table": None}]}, "closest_to: a CSV"),
        ({"eligibility": {"study_date_after": "soon"}}, "date"),
        ({"ct_instances": {"minimum": 600}}, "minimum 600 is above maximum 500"),
        ({"ct_instances": {"maximum": 300}}, "review_above 380 must lie between"),
        ({"ct_instances": {"minimum": 0}}, "greater than or equal to 1"),
        ({"dose_max_gy": {"minimum": 60, "maximum": 50}}, "minimum 60 is above maximum 50"),
        ({"summarised_modalities": ["CT"]}, "linkage CRDP needs RTSTRUCT, RTPLAN, RTDOSE in summarised_modalities"),
        ({"roi_keywords": ["PTV"], "roi_keywords_exclude": ["ptv"]}, "ptv is both in"),
        ({"prescription_gy": -1}, "expected from_plan"),
        ({"prescription_gy": {"PTV": "70"}}, "expected from_plan"),
        ({"prescription_gy": True}, "expected from_plan"),
        ({"name": "Breast"}, "pattern"),
        ({"name": "a/b"}, "pattern"),
        ({"name": "breast\n"}, "pattern"),
        ({"roi_keywords": "ptv"}, "tuple"),
        ({"ct_instances": {"minimum": "5"}}, "integer"),
        ({"include_review": "yes"}, "boolean"),
        ({"phantoms": []}, "Extra inputs"),
        ({"dvh": {"outside_grid": 2}}, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_never_ignored(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Cohort.model_validate({"name": "test", **content})
    assert said in str(caught.value)


@pytest.mark.parametrize("rule", ["from_plan", "doses.csv", 50, 50.5, {"PTV_70": 70, "PTV_56": 56.0}, None])
def test_a_prescription_is_the_plans_a_dose_a_table_or_none(rule: Any) -> None:
    assert Cohort(name="a", prescription_gy=rule).prescription_gy == rule


def test_a_cohort_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Cohort(name="a").name = "b"  # type: ignore[misc]  # that is the point


def test_the_hash_is_of_the_content_and_of_the_sections_asked_for() -> None:
    plain = Cohort(name="a")
    same = Cohort.model_validate({"name": "a", "dvh": {"outside_grid": 0.02}})
    other = Cohort.model_validate({"name": "a", "dvh": {"outside_grid": 0.05}})
    assert plain.config_hash() == same.config_hash()
    assert plain.config_hash() != other.config_hash()
    assert plain.config_hash("dvh") != other.config_hash("dvh")
    assert plain.config_hash("linkage", "phantom") == other.config_hash("phantom", "linkage")
    assert len(plain.config_hash()) == 16
    with pytest.raises(ValueError, match="phantoms"):
        plain.config_hash("phantoms")


def test_a_metric_that_nobody_understands_is_refused_with_its_text() -> None:
    with pytest.raises(ValidationError, match=r"D95percent"):
        Cohort.model_validate({"name": "breast", "dvh": {"metrics": ["D0.1cc[Gy]", "D95percent"]}})


@pytest.mark.parametrize("name", ["aux", "con", "com1"])
def test_a_name_that_is_a_windows_device_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot be a folder"):
        Cohort.model_validate({"name": name})
