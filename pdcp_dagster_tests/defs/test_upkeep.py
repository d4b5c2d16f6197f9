"""Jobs that find their patients themselves: whom they run, whom they leave alone, and what Dagster shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.phantom.archive import damage_stored_file, mend_stored_file
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster_tests.defs.keeper import Keeper

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_upkeep")

FROM_TAGS = {"image_summary", "verified_study"}
DONE = dict.fromkeys(PATIENT_ASSETS, "MATERIALIZED")
FAILED = {asset: "MATERIALIZED" if asset in {*FROM_TAGS, "candidate_studies"} else "FAILED" for asset in PATIENT_ASSETS}


@pytest.fixture(scope="module")
def broken(spec: Callable[..., PhantomSpec]) -> PhantomSpec:
    """A patient of whom one stored slice is damaged."""
    return spec("UC")


@pytest.fixture(scope="module")
def keeper(
    make_site: Callable[..., Site],
    spec: Callable[..., PhantomSpec],
    broken: PhantomSpec,
    a_slice: Callable[[PhantomSpec], str],
    orthanc: PrivateOrthanc,
) -> Keeper:
    """UA passes, UB has no dose and is excluded, UC fails."""
    site = make_site("upkept", [spec("UA"), spec("UB", modalities=("CT", "RTSTRUCT", "RTPLAN")), broken])
    damage_stored_file(orthanc, a_slice(broken))
    keeper = Keeper(site)
    keeper.rest()
    return keeper


@pytest.fixture(scope="module")
def first_night(keeper: Keeper) -> dg.ExecuteInProcessResult:
    return keeper.night("backfill")


def test_the_first_backfill_lists_the_archive_and_runs_everybody(
    keeper: Keeper, first_night: dg.ExecuteInProcessResult
) -> None:
    assert set(keeper.site.partitions()) == {"UA", "UB", "UC"}
    assert keeper.touched() == {"UA", "UB", "UC"}
    listed = [key for key in keeper.site.events(first_night) if key[0] == "patient_ids"]
    assert listed == [("patient_ids", "None")]


def test_one_patients_failure_fails_the_run_and_exactly_that_patients_partitions(
    keeper: Keeper, first_night: dg.ExecuteInProcessResult
) -> None:
    assert not first_night.success
    assert "1 patient(s) failed; all others are done. UC: Failed at retrieved_dicom" in keeper.site.errors(first_night)
    assert [keeper.site.statuses(key) for key in ("UA", "UB", "UC")] == [DONE, DONE, FAILED]


def test_checks_are_evaluated_as_in_any_other_run(first_night: dg.ExecuteInProcessResult) -> None:
    told = {(each.check_name, each.partition) for each in first_night.get_asset_check_evaluations()}
    assert ("linkage_unambiguous", "UA") in told


@pytest.mark.usefixtures("first_night")
def test_the_next_backfill_runs_the_failed_patient_alone_and_no_excluded_one(keeper: Keeper) -> None:
    keeper.night("backfill")
    assert keeper.touched() == {"UC"}


@pytest.mark.usefixtures("first_night")
def test_a_comparison_with_the_archive_leaves_a_failure_of_the_same_files_alone(keeper: Keeper) -> None:
    assert keeper.night("reconcile").success
    assert keeper.touched() == set()


@pytest.mark.usefixtures("first_night")
def test_a_changed_cohort_file_makes_due_whom_it_concerns(keeper: Keeper) -> None:
    keeper.site.write_cohort(["UA", "UB", "UC"], dose_max_gy={"minimum": 1, "maximum": 120, "action": "exclude"})
    keeper.night("backfill")
    assert "dose_volume" in keeper.worked_on()["UA"]
    assert "UB" not in keeper.touched(), "it never came as far as that"


@pytest.mark.usefixtures("first_night")
def test_failed_patients_are_tried_again_and_are_red_no_more_when_they_pass(
    keeper: Keeper, orthanc: PrivateOrthanc, broken: PhantomSpec, a_slice: Callable[[PhantomSpec], str]
) -> None:
    assert not keeper.night("retry_failed").success
    assert keeper.touched() == {"UC"}
    mend_stored_file(orthanc, a_slice(broken))
    assert keeper.night("retry_failed").success
    assert keeper.site.statuses("UC") == DONE
    assert keeper.night("retry_failed").success
    assert keeper.touched() == set()


@pytest.mark.usefixtures("first_night")
def test_a_summary_is_from_tags_alone(keeper: Keeper) -> None:
    result = keeper.site.run("summarise_upkept", tags={"dagster/partition": "UB"})
    assert result.success
    assert {asset for asset, _ in keeper.site.events(result)} == FROM_TAGS


def test_an_archive_that_lost_everybody_fails_the_run_in_one_line_and_changes_nothing(
    keeper: Keeper, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions = keeper.site.partitions()
    with PrivateOrthanc(tmp_path_factory.mktemp("other") / "orthanc") as empty:
        monkeypatch.setenv("ORTHANC_URL", empty.url)
        result = keeper.night("reconcile")
        empty.kill()
    assert not result.success
    assert "of 3 patients none of those known so far is in the archive" in keeper.site.errors(result)
    assert keeper.site.partitions() == partitions
