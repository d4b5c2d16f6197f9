"""What each stage checks of a patient: it passes where nothing is amiss and says with figures what is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pdcp_dagster.adapters.pictures import save_png
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.solids import cylinder, sphere
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, planned
from pdcp_dagster.stages.outcome import Check, PatientOutcome
from pdcp_dagster.stages.quality import picture_checks
from pdcp_dagster_tests.stages.conftest import Ward

# The cylinder is drawn on the six planes from z -9 to 21 mm, which stand for z -12 to 24: the lowest twentieth of it
# ends at -10.2, where the dose is 50 + 0.2 (-10.2 - 6) = 46.76 Gy.
D95_GY = 46.76
GENTLE = LinearDose(Axis.SI, at_mm=6.0, dose_gy=50.0, gradient_gy_per_mm=0.2)
BODY, *_ = tiny_rois("any")
TARGET = PhantomRoi(2, "PTV_50", cylinder((40, -30, 6), (15, 15), 35), "PTV")


def checks(outcome: PatientOutcome) -> dict[str, Check]:
    """Return the checks by name, each told once and of the asset that made it."""
    assert outcome.failure is None, outcome.reason
    found = [check for asset in outcome.assets for check in asset.checks]
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def said(outcome: PatientOutcome, name: str) -> tuple[bool, str]:
    check = checks(outcome)[name]
    return check.passed, check.said


def test_of_a_sound_patient_all_pass_and_a_run_that_skips_it_tells_them_again(ward: Ward) -> None:
    ward.admit("QU-sound", rois=(BODY, TARGET), dose=GENTLE)
    first = ward.run("QU-sound")
    assert {name: check.passed for name, check in checks(first).items()} == dict.fromkeys(
        (
            *("identifiers_removed", "linkage_unambiguous", "ct_spacing_regular"),
            *("roi_names_unique", "keyword_roi_present", "contours_inside_ct"),
            *("dose_maximum_plausible", "dose_covers_targets", "pictures_present"),
        ),
        True,
    )
    assert said(first, "ct_spacing_regular")[1] == "12 slices, 6.00 mm apart, each within 0.1 mm of its even place."
    assert said(first, "keyword_roi_present")[1] == "Drawn, of what the cohort asks for: PTV_50."
    assert said(first, "pictures_present")[1] == "2 ROIs, each with a picture."
    again = ward.run("QU-sound")
    assert all(asset.skipped for asset in again.assets)
    assert checks(again) == checks(first)


def test_a_targets_dose_is_judged_by_the_cohorts_limit_which_has_nothing_else_made_again(ward: Ward) -> None:
    ward.admit("QU-d95", rois=(BODY, TARGET), dose=GENTLE)
    told = f"PTV_50 {D95_GY} Gy, {2 * D95_GY:.1f} % of 50 Gy (the plan's for it)."
    assert said(ward.run("QU-d95"), "dose_covers_targets") == (True, f"Within the dose grid: PTV_50. D95: {told}")
    stricter = ward.run("QU-d95", checks={"target_d95_pct": 95, "severity": {"pictures_present": "off"}})
    assert said(stricter, "dose_covers_targets") == (
        False,
        f"D95 below 95 % of the prescription (checks.target_d95_pct): {told}",
    )
    assert [asset.asset for asset in stricter.assets if not asset.skipped] == ["dvh_table"]


def test_a_target_beyond_the_dose_grid_is_said_as_its_code_says_it(ward: Ward) -> None:
    ward.admit("QU-grid", rois=(BODY, TARGET), dose=GENTLE)
    (dose,) = ward.phantom("QU-grid").rglob("RTDOSE*.dcm")
    first_mm: list[float] = []

    def lift(data: Any) -> None:
        x, y, z = map(float, data.ImagePositionPatient)
        data.ImagePositionPatient = [x, y, z + 48.0]
        first_mm.append(z + 48.0)

    ward.exchange(dose, lift)
    outcome = ward.run("QU-grid")
    passed, told = said(outcome, "dose_covers_targets")
    (share,) = re.findall(r"^Outside the dose grid: PTV_50 to ([\d.]+) %\.$", told)
    half_a_plane_pct = 100 * 1.25 / 36
    assert not passed
    assert float(share) == pytest.approx(100 * (first_mm[0] + 12) / 36, abs=half_a_plane_pct + 0.1)
    assert outcome.code == "XXV_REV_001"


def test_the_highest_dose_outside_the_cohorts_bounds_does_not_pass_also_where_it_excludes(ward: Ward) -> None:
    ward.admit("QU-max", rois=(BODY, TARGET), dose=GENTLE)
    outcome = ward.run("QU-max", dose_max_gy={"minimum": 60, "action": "exclude"})
    assert outcome.code == "XXIV_EXEC_003"
    passed, told = said(outcome, "dose_maximum_plausible")
    assert not passed
    assert told.endswith(" Gy, below 60 Gy.")
    assert "dose_covers_targets" not in checks(outcome)
    again = ward.run("QU-max", dose_max_gy={"minimum": 60, "action": "exclude"})
    assert checks(again) == checks(outcome)
    assert said(ward.run("QU-max"), "dose_maximum_plausible")[0]
    lower = ward.run("QU-max", checks={"dose_maximum_pct": {"maximum": 105}})
    passed, told = said(lower, "dose_maximum_plausible")
    assert not passed
    assert told.endswith("% of the plan's prescription of 50 Gy, above 105 % (checks.dose_maximum_pct).")
    assert lower.status is Status.SUCCESS


def test_slices_that_are_refused_or_interpolated_do_not_pass(ward: Ward) -> None:
    ward.admit("QU-gap", rois=(BODY, TARGET), dose=GENTLE)
    slices = sorted(ward.phantom("QU-gap").rglob("CT*.dcm"))
    ward.take_out(slices[4])
    refused = ward.run("QU-gap")
    assert refused.code == "XII_EXEC_002"
    passed, told = said(refused, "ct_spacing_regular")
    assert not passed
    assert told.startswith("1 gap where the usual step is 6.00 mm: ")
    made = ward.run("QU-gap", ct_geometry="resample")
    passed, told = said(made, "ct_spacing_regular")
    assert not passed
    assert "Interpolated: 1 of 12 planes were interpolated, 6.00 mm apart" in told
    assert checks(ward.run("QU-gap", ct_geometry="resample")) == checks(made)


def test_structures_are_judged_by_name_place_and_what_was_asked_for(ward: Ward) -> None:
    rois = (
        BODY,
        PhantomRoi(2, "Liver", sphere((-40, 0, 0), 15), "ORGAN"),
        PhantomRoi(3, "LIVER", sphere((-40, 0, 0), 12), "ORGAN"),
        PhantomRoi(4, "Spleen", sphere((94, 0, 0), 20), "ORGAN"),
        PhantomRoi(5, "Heart", interpreted_type="ORGAN"),
    )
    ward.admit("QU-rois", rois=rois, dose=GENTLE)
    outcome = ward.run("QU-rois")
    assert outcome.code == "XIV_REV_002"
    assert said(outcome, "roi_names_unique") == (
        False,
        "Names that more than one ROI has, case aside: Liver and LIVER (ROI numbers 2, 3).",
    )
    passed, told = said(outcome, "keyword_roi_present")
    assert not passed
    assert told.startswith("Not drawn on this CT: Heart; nothing else is asked for (roi_keywords: ctv, gtv, ")
    passed, told = said(outcome, "contours_inside_ct")
    assert not passed
    assert told.startswith("Outside the CT: Spleen (")
    assert "dose_covers_targets" not in checks(outcome)


def test_a_link_by_the_structure_set_is_a_doubt_of_the_linkage(ward: Ward) -> None:
    by_structures = planned(PlanSpec(doses=(DoseSpec(names="structure_set"),)))
    ward.admit("QU-link", rois=(BODY, TARGET), studies=by_structures)
    passed, told = said(ward.run("QU-link", fallback_links="accept"), "linkage_unambiguous")
    assert not passed
    assert told.endswith("by structure set (II_NOTE_002).")


def test_of_a_patient_without_a_dose_no_check_is_told_of_what_was_not_looked_at(ward: Ward) -> None:
    ward.admit("QU-doseless", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    assert set(checks(ward.run("QU-doseless"))) == {"identifiers_removed"}


def test_a_picture_that_the_disk_lost_is_told(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.admit("QU-lost", rois=(BODY, TARGET), dose=GENTLE)

    def save_one_empty(picture: Any, path: Path) -> None:
        save_png(picture, path)
        if path.stem == "BODY":
            path.write_bytes(b"")

    monkeypatch.setattr("pdcp_dagster.stages.picture_stage.save_png", save_one_empty)
    assert said(ward.run("QU-lost"), "pictures_present") == (False, "No picture of BODY.")


def test_pictures_of_one_name_overwrite_each_other_and_of_no_roi_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "PTV.png").write_bytes(b"picture")
    assert picture_checks(tmp_path, []) == ()
    (check,) = picture_checks(tmp_path, [("PTV", "PTV.png"), ("ptv", "PTV.png")])
    assert (check.passed, check.said) == (False, "Pictures overwritten by another of the same name: 1.")
