"""A scattered run (`pdcp run --patient A --patient C`): exactly the failing patients' partitions become Failed.

Pins the one use of Dagster's internal API, in `defs/failed_partitions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.phantom.archive import damage_stored_file, mend_stored_file
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_failed_partitions")

FROM_TAGS = ("image_summary", "verified_study", "candidate_studies")
"""What needs no file, and so is there for a patient with a damaged one."""
DONE = dict.fromkeys(PATIENT_ASSETS, "MATERIALIZED")
MISSING = dict.fromkeys(PATIENT_ASSETS, "MISSING")
FAILED = {asset: "MATERIALIZED" if asset in FROM_TAGS else "FAILED" for asset in PATIENT_ASSETS}


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]) -> Site:
    """Four patients, none of whom was run yet."""
    site = make_site("scattered", [spec(name) for name in ("SA", "SB", "SC", "SD")])
    assert site.list_patients().success
    return site


@pytest.fixture(scope="module")
def sound_run(site: Site) -> dg.ExecuteInProcessResult:
    return site.collect("SA", "SD")


@pytest.fixture(scope="module")
def failing_run(
    site: Site,
    sound_run: dg.ExecuteInProcessResult,
    orthanc: PrivateOrthanc,
    a_slice: Callable[[PhantomSpec], str],
    spec: Callable[..., PhantomSpec],
) -> dg.ExecuteInProcessResult:
    """A run over A, once more, and C, whose stored CT is damaged; B and D are not in it."""
    assert sound_run.success
    damage_stored_file(orthanc, a_slice(spec("SC")))
    return site.collect("SA", "SC")


def test_a_scattered_run_materialises_each_asset_of_each_patient_with_its_partition(
    site: Site, sound_run: dg.ExecuteInProcessResult
) -> None:
    assert sound_run.success
    assert set(site.events(sound_run)) == {(asset, patient) for asset in PATIENT_ASSETS for patient in ("SA", "SD")}


def test_only_the_patients_of_a_scattered_run_are_touched(site: Site, sound_run: dg.ExecuteInProcessResult) -> None:
    assert sound_run.success
    assert (site.statuses("SA"), site.statuses("SD")) == (DONE, DONE)
    assert site.statuses("SB") == MISSING
    assert not site.patient("SB").path.exists()


def test_exactly_the_failing_patients_unfinished_assets_are_failed(
    site: Site, failing_run: dg.ExecuteInProcessResult
) -> None:
    assert not failing_run.success
    assert site.statuses("SC") == FAILED
    assert (site.statuses("SA"), site.statuses("SB"), site.statuses("SD")) == (DONE, MISSING, DONE)
    assert {asset for asset, patient in site.events(failing_run) if patient == "SA"} == set(PATIENT_ASSETS)


def test_the_run_says_who_failed_and_why(site: Site, failing_run: dg.ExecuteInProcessResult) -> None:
    (failure,) = [event for event in failing_run.all_events if event.is_step_failure]
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert told.description is not None
    assert told.description.startswith("1 patient(s) failed; all others are done. SC: Failed at retrieved_dicom: ")
    assert "bytes" in str(told.metadata["SC"].value)
    observations = [event for event in failing_run.all_events if event.is_asset_observation]
    unfinished = set(PATIENT_ASSETS) - set(FROM_TAGS)
    assert {(each.asset_key, each.partition) for each in observations} == {
        (site.key(name), "SC") for name in unfinished
    }
    for observation in observations:
        seen = observation.asset_observation_data.asset_observation.metadata
        assert [seen["status"].value, seen["stage"].value] == ["FAILED", "retrieved_dicom"]
        assert seen["reason"].value == told.metadata["SC"].value


def test_the_failure_lies_beside_the_patients_files_with_the_runs_id(
    site: Site, failing_run: dg.ExecuteInProcessResult
) -> None:
    failure = site.patient("SC").read_failure()
    assert failure is not None
    assert failure["run_id"] == failing_run.run_id
    assert failure["stage"] == "retrieved_dicom"
    assert site.patient("SA").read_failure() is None


def test_running_a_mended_patient_again_clears_it_and_nobody_else_changes(
    site: Site,
    failing_run: dg.ExecuteInProcessResult,
    orthanc: PrivateOrthanc,
    a_slice: Callable[[PhantomSpec], str],
    spec: Callable[..., PhantomSpec],
) -> None:
    assert not failing_run.success
    mend_stored_file(orthanc, a_slice(spec("SC")))
    untouched = (site.patient("SA").path / "manifests" / "ct_volume.json").read_bytes()
    assert site.collect("SC").success
    assert site.statuses("SC") == DONE
    assert site.patient("SC").read_failure() is None
    assert (site.statuses("SA"), site.statuses("SB"), site.statuses("SD")) == (DONE, MISSING, DONE)
    assert (site.patient("SA").path / "manifests" / "ct_volume.json").read_bytes() == untouched


def test_a_patient_who_was_done_fails_visibly_and_ends_well_when_mended(
    site: Site,
    sound_run: dg.ExecuteInProcessResult,
    orthanc: PrivateOrthanc,
    a_slice: Callable[[PhantomSpec], str],
    spec: Callable[..., PhantomSpec],
) -> None:
    assert sound_run.success
    damage_stored_file(orthanc, a_slice(spec("SD")))
    assert not site.collect("SD", force=True).success
    assert site.statuses("SD") == FAILED
    assert site.patient("SD").manifest("ct_volume") is not None, "what an earlier run made stands"
    mend_stored_file(orthanc, a_slice(spec("SD")))
    assert site.collect_range("SD", "SD").success, "and a run of its partition, as from the UI, clears it, too"
    assert site.statuses("SD") == DONE


def test_keys_that_were_never_listed_are_refused_before_anything_is_touched(
    site: Site, failing_run: dg.ExecuteInProcessResult
) -> None:
    assert not failing_run.success
    result = site.collect("SB", "../SA", "Sb")
    assert not result.success
    assert "No such partitions: '../SA', 'Sb'. Materialise patient_ids first." in site.errors(result)
    assert site.events(result) == {}
    assert site.statuses("SB") == MISSING
    assert sorted(folder.name for folder in site.patient("SA").path.parent.iterdir()) == sorted(
        site.patient(name).path.name for name in ("SA", "SC", "SD")
    )


def test_partitions_and_names_in_one_run_are_refused_and_so_is_neither(site: Site) -> None:
    both = site.collect("SB", partition_key="SB")
    assert "Both partitions and names of patients" in site.errors(both)
    assert "No patients: choose partitions" in site.errors(site.collect())
    assert site.store.patient("SB").path.exists() is False


def test_a_patient_named_twice_is_run_once(site: Site) -> None:
    done = [event for event in site.collect("SA", "SA").all_events if event.is_step_materialization]
    assert sorted(event.asset_key.path[-1] for event in done if event.asset_key) == sorted(PATIENT_ASSETS)


def test_an_archive_that_is_down_fails_each_patient_and_excludes_nobody(
    site: Site, sound_run: dg.ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sound_run.success
    before = site.patient("SA").read_notes() or {}
    monkeypatch.setenv("ORTHANC_URL", "http://127.0.0.1:9")
    result = site.collect("SA", "SD")
    assert "2 patient(s) failed" in site.errors(result)
    assert "127.0.0.1:9" in site.errors(result)
    for patient in ("SA", "SD"):
        assert site.statuses(patient) == dict.fromkeys(PATIENT_ASSETS, "FAILED")
        assert site.patient(patient).manifest("ct_volume") is not None, "what an earlier run made stands"
    after = site.patient("SA").read_notes() or {}
    assert after["verification_notes"] == before["verification_notes"]
    assert "EXEC" not in str(after)
