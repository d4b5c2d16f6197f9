"""Checks of a patient's assets: told beside the asset, patient by patient, and keeping nobody back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.defs.checks import patient_check_specs
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster_tests.stages.conftest import Ward

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_checks")

AGREES = "dvh_agrees_with_planning_system"


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
    """A has no DVHs of a planning system, B wrong ones, and C no dose."""
    site = make_site("checked", [spec("CA"), spec("CB"), spec("CC", modalities=("CT", "RTSTRUCT", "RTPLAN"))])
    (dose,) = (site.root / "phantoms" / "checked" / "1").rglob("RTDOSE*.dcm")
    Ward(site.root, orthanc).exchange(dose, one_gray)
    assert site.list_patients().success
    return site


def told(site: Site, result: dg.ExecuteInProcessResult) -> dict[str | None, tuple[bool, str | None]]:
    assert result.success, site.errors(result)
    found = result.get_asset_check_evaluations()
    assert {(each.asset_key, each.check_name) for each in found} <= {(site.key("dvh_table"), AGREES)}
    assert {each.severity for each in found} <= {dg.AssetCheckSeverity.WARN}
    return {each.partition: (each.passed, each.description) for each in found}


def test_what_could_be_compared_has_a_check_of_its_own_however_the_run_was_started(site: Site) -> None:
    expected: dict[str | None, tuple[bool, str | None]] = {
        "CB": (False, "0 ROIs agree, 1 differ, 0 could not be compared"),
    }
    assert told(site, site.collect("CA", "CB", "CC")) == expected
    assert told(site, site.collect_range("CA", "CC")) == expected
    assert told(site, site.collect(assets=["dvh_table"], partition_key="CB")) == expected


def test_a_warning_is_a_note_of_the_patient_and_keeps_nobody_back(site: Site) -> None:
    standing = standing_of(site.patient("CB"))
    assert standing.status is Status.SUCCESS
    assert "XXV_NOTE_002" in {finding.code for finding in standing.findings}


def test_assets_without_a_check_are_made_without_one(site: Site) -> None:
    assert told(site, site.collect(assets=["ct_volume"], partition_key="CA")) == {}


def test_a_linkage_without_doses_has_no_check_of_them() -> None:
    assert patient_check_specs("images", "CR") == []
    assert [check.name for check in patient_check_specs("doses", "CRD")] == [AGREES]
