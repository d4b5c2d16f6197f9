"""Checks of a patient's assets: told beside the asset, patient by patient, and keeping nobody back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.defs.checks import patient_check_specs
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality import PATIENT_CHECKS
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster_tests.stages.conftest import Ward

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_checks")

AGREES = "dvh_agrees_with_planning_system"
SEVERITY = {"dose_covers_targets": "error", "dose_maximum_plausible": "off", "roi_names_unique": "error"}
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR

Told = dict[tuple[str, str | None], tuple[bool, dg.AssetCheckSeverity]]


def one_gray(dose: Dataset) -> None:
    """Say that ROI 1 gets 1 Gy, wherever the dose is 50."""
    item, referenced = Dataset(), Dataset()
    item.DVHType, item.DoseUnits, item.DoseType = "DIFFERENTIAL", "GY", "PHYSICAL"
    item.DVHDoseScaling, item.DVHVolumeUnits, item.DVHNumberOfBins = "1", "PERCENT", 3
    item.DVHData = ["0.9", "0", "0.2", "100", "0.2", "0"]
    referenced.ReferencedROINumber, referenced.DVHROIContributionType = 1, "INCLUDED"
    item.DVHReferencedROISequence = [referenced]
    dose.DVHSequence = [item]


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], spec: Callable[..., PhantomSpec], orthanc: PrivateOrthanc) -> Site:
    """A has no DVHs of a planning system, B wrong ones, and C no dose; the targets' D95 is near 84 % of 50 Gy."""
    specs = [spec("CA"), spec("CB"), spec("CC", modalities=("CT", "RTSTRUCT", "RTPLAN"))]
    site = make_site("checked", specs, checks={"severity": SEVERITY})
    (dose,) = (site.root / "phantoms" / "checked" / "1").rglob("RTDOSE*.dcm")
    Ward(site.root, orthanc).exchange(dose, one_gray)
    assert site.list_patients().success
    return site


def told(site: Site, result: dg.ExecuteInProcessResult) -> Told:
    """Return what was told by check and patient, each beside the asset that the list of checks says."""
    assert result.success, site.errors(result)
    found = result.get_asset_check_evaluations()
    assert {(each.check_name, each.asset_key) for each in found} <= {
        (check.name, site.key(check.asset)) for check in PATIENT_CHECKS
    }
    return {(each.check_name, each.partition): (each.passed, each.severity) for each in found}


def test_what_was_looked_at_is_told_with_the_cohorts_severity_however_the_run_was_started(site: Site) -> None:
    prepared = {
        "identifiers_removed": (True, WARN),
        "linkage_unambiguous": (True, WARN),
        "ct_spacing_regular": (True, WARN),
        "roi_names_unique": (True, ERROR),
        "keyword_roi_present": (True, WARN),
        "contours_inside_ct": (True, WARN),
        "dose_covers_targets": (False, ERROR),
        "pictures_present": (True, ERROR),
    }
    expected: Told = {(name, patient): how for patient in ("CA", "CB") for name, how in prepared.items()}
    expected |= {(AGREES, "CB"): (False, WARN), ("identifiers_removed", "CC"): (True, WARN)}
    assert told(site, site.collect("CA", "CB", "CC")) == expected
    assert told(site, site.collect_range("CA", "CC")) == expected
    alone = told(site, site.collect(assets=["dvh_table"], partition_key="CB"))
    assert set(alone) == {(AGREES, "CB"), ("dose_covers_targets", "CB")}


def test_what_is_said_names_the_roi_with_its_figures(site: Site) -> None:
    found = site.collect(assets=["dvh_table"], partition_key="CB").get_asset_check_evaluations()
    (said,) = [str(each.description) for each in found if each.check_name == AGREES]
    assert said.startswith("Different: BODY (mean dose ")
    assert said.endswith(". 0 ROIs agree, 1 differ, 0 could not be compared.")


def test_a_failed_check_keeps_nobody_back_and_its_note_says_the_same(site: Site) -> None:
    standing = standing_of(site.patient("CB"))
    assert standing.status is Status.SUCCESS
    assert "XXV_NOTE_002" in {finding.code for finding in standing.findings}


def test_assets_without_a_check_are_made_without_one(site: Site) -> None:
    assert told(site, site.collect(assets=["plan_table"], partition_key="CA")) == {}


def test_a_check_that_is_off_is_none_in_dagster(site: Site) -> None:
    keys = site.definitions().resolve_asset_graph().asset_check_keys
    names = {key.name for key in keys if key.asset_key.path[0] == "checked"}
    assert "dose_maximum_plausible" not in names
    assert {"dose_covers_targets", "failures_within_limit"} <= names


def specs(**keys: Any) -> set[str]:
    return {check.name for check in patient_check_specs(Cohort(name="images", **keys))}


def test_a_linkage_without_doses_has_no_check_of_them() -> None:
    of_doses = {check.name for check in PATIENT_CHECKS if check.asset in {"dose_volume", "dvh_table"}}
    assert specs(linkage="CRD") - specs(linkage="CR") == of_doses
    assert len(of_doses) == 3


def test_standard_names_are_checked_only_where_the_cohort_has_a_map_of_them() -> None:
    assert specs(structure_names="names.yaml") - specs() == {"structure_names_mapped"}
    assert specs(structure_names="names.yaml") == {check.name for check in PATIENT_CHECKS}
