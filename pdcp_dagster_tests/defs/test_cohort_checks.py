"""Checks of a whole cohort: told beside its report, in the same run, of what the report says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import CODES_BEFORE
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.phantom.study_spec import StudySpec
from pdcp_dagster.stages.quality_report import remember_codes
from pdcp_dagster_tests.defs.conftest import small_spec

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_checks")

WHOLE, LACKING = [f"W{n}" for n in range(5)], [f"L{n}" for n in range(6)]
LIMITS = {"excluded_at_most_pct": 50, "compare_at_least": 5, "severity": {"exclusions_within_limit": "error"}}
LACKS = "a modality that the cohort needs is not in the archive (I_EXEC_005)"


def archived(patient_id: str, month: int) -> PhantomSpec:
    """A patient of one month, with or without structures."""
    roles = ("CT", "RTSTRUCT") if patient_id in WHOLE else ("CT",)
    return small_spec(patient_id, studies=(StudySpec(date=dt.date(2024, month, 5), modalities=roles),))


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """Five complete patients of May, and six of June without structures; the linkage asks for no more."""
    specs = [*(archived(each, 5) for each in WHOLE), *(archived(each, 6) for each in LACKING)]
    site = make_site("whole", specs, linkage="CR", checks=LIMITS)
    assert site.list_patients().success
    return site


def report(site: Site, *assets: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Make the report and return what was told of it by check."""
    selection = [site.key(asset) for asset in assets] or None
    result = site.run(f"report_{site.cohort}", asset_selection=selection)
    assert result.success, site.errors(result)
    found = result.get_asset_check_evaluations()
    assert {(each.asset_key, each.partition) for each in found} <= {(site.key("cohort_report"), None)}
    return {each.check_name: each for each in found}


def test_the_checks_of_a_cohort_follow_its_patients_from_report_to_report(site: Site) -> None:
    assert report(site) == {}, "nobody was run yet"
    assert site.collect(*WHOLE).success
    first = report(site)
    assert {name: each.passed for name, each in first.items()} == {
        "exclusions_within_limit": True,
        "failures_within_limit": True,
    }
    assert site.collect(*LACKING).success
    second = report(site, "cohort_report")
    assert {name: (each.passed, each.severity.value) for name, each in second.items()} == {
        "exclusions_within_limit": (False, "ERROR"),
        "failures_within_limit": (True, "ERROR"),
        "no_code_suddenly_dominates": (False, "WARN"),
        # 6 of 6 and 0 of 5 are 1 draw of 462, which of six comparisons is not beyond chance.
        "no_missing_data_drift": (True, "WARN"),
    }
    assert second["no_code_suddenly_dominates"].description == (
        f"Of 6 patients new since an earlier report, 6 of 6 (100.0 %) have: {LACKS}; before 0 of 5 (0.0 %)."
    )
    assert str(second["exclusions_within_limit"].description).startswith("6 of 11 (54.5 %) of the patients")
    assert "no_code_suddenly_dominates" not in report(site), "it is told once"


def test_the_report_says_of_the_excluded_too_what_the_archive_holds_and_of_when(site: Site) -> None:
    table: Any = read_table(site.store.file("cohort_report")).set_index("patient_id")
    assert (table.loc["W0", "modalities"], table.loc["L0", "modalities"]) == ("CT RTSTRUCT", "CT")
    assert table.loc["L0", "latest_study_date"] == dt.date(2024, 6, 5)
    assert table["study_date"].isna().sum() == len(LACKING)


def test_what_is_remembered_names_no_patient_but_by_partition_key_and_can_be_lost(site: Site) -> None:
    file = site.store.path / CODES_BEFORE
    remembered = read_table(file)
    assert list(remembered.columns) == ["partition_key", "codes"]
    assert {*remembered["partition_key"]} == {partition_key(each) for each in [*WHOLE, *LACKING]}
    file.write_bytes(b"damaged")
    found = report(site)["no_code_suddenly_dominates"]
    assert (found.passed, found.description) == (False, f"{CODES_BEFORE} cannot be read; this report begins it anew.")
    assert len(read_table(file)) == len(remembered)
    remember_codes(site.store, {})
    assert "no_code_suddenly_dominates" not in report(site)
