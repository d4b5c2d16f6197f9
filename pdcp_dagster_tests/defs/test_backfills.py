"""A contiguous backfill, as the UI starts one: the real backfill daemon, code server and run worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration

from pdcp_dagster.phantom.archive import damage_stored_file, mend_stored_file
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster.stages.current import PatientExcluded, require_loadable

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = [
    pytest.mark.xdist_group("defs_backfills"),
    # Dagster's own, in what the UI calls when somebody starts a backfill.
    pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated:DeprecationWarning"),
]

LONGEST_S = 120.0
DONE = dict.fromkeys(PATIENT_ASSETS, "MATERIALIZED")
EVIDENCE = ("image_summary", "verified_study")
FROM_TAGS = (*EVIDENCE, "candidate_studies")
FAILED = {asset: "MATERIALIZED" if asset in FROM_TAGS else "FAILED" for asset in PATIENT_ASSETS}


@pytest.fixture(scope="module")
def site(
    make_site: Callable[..., Site],
    spec: Callable[..., PhantomSpec],
    a_slice: Callable[[PhantomSpec], str],
    orthanc: PrivateOrthanc,
) -> Site:
    """A passes, B has no dose, C's stored CT is damaged, D is nobody's business."""
    patients = [spec("BA"), spec("BB", modalities=("CT", "RTSTRUCT", "RTPLAN")), spec("BC"), spec("BD")]
    site = make_site("backfilled", patients)
    assert site.list_patients().success
    damage_stored_file(orthanc, a_slice(patients[2]))
    return site


@pytest.fixture(scope="module")
def backfill(site: Site) -> BulkActionStatus:
    """How a backfill of all per-patient assets over A to C ended."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environ.items():
            patch.setenv(name, value)  # the code server's, which is a process of its own
        return run_backfill(site, ["BA", "BB", "BC"])


def run_backfill(site: Site, partitions: list[str]) -> BulkActionStatus:
    target = ModuleTarget("pdcp_dagster.definitions", None, str(site.root), "pdcp_dagster")
    with create_test_daemon_workspace_context(target, site.instance) as workspace:
        requested = PartitionBackfill.from_asset_partitions(
            backfill_id="fill",
            asset_graph=workspace.create_request_context().asset_graph,
            partition_names=partitions,
            asset_selection=[site.key(asset) for asset in PATIENT_ASSETS],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=site.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        site.instance.add_backfill(requested)
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline:
            errors = [error for error in execute_backfill_iteration(workspace, logging.getLogger("daemon")) if error]
            assert errors == []
            now = site.instance.get_backfill("fill")
            assert now is not None
            if now.status is not BulkActionStatus.REQUESTED:
                return now.status
            time.sleep(0.3)
    raise AssertionError(f"the backfill did not end within {LONGEST_S} s")


def test_a_backfill_is_one_run_over_the_range_and_ends_failed_for_one_failed_patient(
    site: Site, backfill: BulkActionStatus
) -> None:
    assert backfill is BulkActionStatus.COMPLETED_FAILED
    (run,) = site.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": "fill"}))
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert run.tags["dagster/asset_partition_range_start"] == "BA"
    assert run.tags["dagster/asset_partition_range_end"] == "BC"
    steps = site.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
    assert [entry.step_key for entry in steps] == ["backfilled_per_patient"]


def test_only_the_failing_patients_unfinished_assets_are_failed(site: Site, backfill: BulkActionStatus) -> None:
    assert backfill is BulkActionStatus.COMPLETED_FAILED
    assert site.statuses("BA") == DONE
    assert site.statuses("BB") == DONE, "an exclusion is a result"
    assert site.statuses("BC") == FAILED
    assert site.statuses("BD") == dict.fromkeys(PATIENT_ASSETS, "MISSING")


def test_an_excluded_patients_later_assets_are_materialised_as_nothing_to_keep(
    site: Site, backfill: BulkActionStatus
) -> None:
    assert backfill is BulkActionStatus.COMPLETED_FAILED
    for asset in PATIENT_ASSETS:
        (record,) = site.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=site.key(asset), asset_partitions=["BB"]), limit=5
        ).records
        assert record.asset_materialization is not None
        shown = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        kept = asset in {*EVIDENCE, "patient_notes"}
        assert ("path" in shown) == kept, asset
        assert site.patient("BB").file(asset).exists() == kept, asset
        if asset != "image_summary":  # which found nothing wrong yet
            assert shown["status"] == "EXCLUDE"
            assert str(shown["reason"]).startswith("Excluded: no RTDOSE")
            assert str(shown["reason"]).endswith("(I_EXEC_005)")
    with pytest.raises(PatientExcluded) as refusal:
        require_loadable(site.patient("BB"), "ct_volume", include_review=True)
    assert refusal.value.code == "I_EXEC_005"


def test_a_range_of_one_after_the_mending_clears_it(
    site: Site,
    backfill: BulkActionStatus,
    orthanc: PrivateOrthanc,
    a_slice: Callable[[PhantomSpec], str],
    spec: Callable[..., PhantomSpec],
) -> None:
    assert backfill is BulkActionStatus.COMPLETED_FAILED
    mend_stored_file(orthanc, a_slice(spec("BC")))
    assert site.collect_range("BC", "BD").success
    assert [site.statuses(patient) for patient in ("BA", "BB", "BC", "BD")] == [DONE] * 4
