"""Any assets of any patients: what stands in the store is built upon, and what an exclusion makes untrue goes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster.stages.current import PatientExcluded
from pdcp_dagster.stages.loading import load_patient_images

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_patient_runs")

NOWHERE = "http://127.0.0.1:9"
DONE = dict.fromkeys(PATIENT_ASSETS, "MATERIALIZED")
FROM_TAGS = {"image_summary", "verified_study", "patient_notes"}


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]) -> Site:
    """A and C were run, B never."""
    site = make_site("runs", [spec("RA"), spec("RB"), spec("RC")])
    assert site.list_patients().success
    assert site.collect("RA", "RC").success
    return site


def files_of(site: Site, patient: str) -> dict[str, tuple[int, bytes]]:
    """Return when each file of a patient was written, and what is in it."""
    folder = site.patient(patient).path
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_one_asset_alone_is_made_from_the_store_without_the_archive_and_is_the_same_to_the_byte(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(site, "RA")
    monkeypatch.setenv("ORTHANC_URL", NOWHERE)
    result = site.collect(assets=["dvh_table"], partition_key="RA", force=True)
    assert result.success, site.errors(result)
    assert set(site.events(result)) == {("dvh_table", "RA")}
    after = files_of(site, "RA")
    assert {name: content for name, (_, content) in after.items()} == {
        name: content for name, (_, content) in before.items()
    }
    written = {name for name in after if after[name][0] != before[name][0]}
    of_dvh = {"dvh.parquet", "dvh_curves.parquet", "dvh_comparison.parquet", "manifests/dvh_table.json"}
    assert written == of_dvh | {"notes.json", "panel.html", "manifests/patient_notes.json"}, (
        "notes follow any stage; nothing else"
    )


def test_every_asset_alone_has_the_data_version_that_it_has_in_a_whole_run(site: Site) -> None:
    before = {asset: site.patient("RC").manifest(asset) for asset in PATIENT_ASSETS}
    for asset in ("structure_masks", "dose_volume", "plan_table", "central_slices"):
        result = site.collect(assets=[asset], partition_key="RC", force=True)
        assert result.success, site.errors(result)
        event = site.events(result)[asset, "RC"]
        manifest = before[asset]
        assert manifest is not None
        assert event.tags is not None
        assert event.tags["dagster/data_version"] == manifest.data_version
    assert {asset: site.patient("RC").manifest(asset) for asset in PATIENT_ASSETS} == before


def test_what_is_current_is_materialised_as_skipped_with_what_was_said_of_it_and_touches_no_file(site: Site) -> None:
    before = files_of(site, "RC")
    result = site.collect_range("RC", "RC")
    assert result.success, site.errors(result)
    assert files_of(site, "RC") == before
    events = site.events(result)
    assert set(events) == {(asset, "RC") for asset in PATIENT_ASSETS}
    for asset in PATIENT_ASSETS:
        event, manifest = events[asset, "RC"], site.patient("RC").manifest(asset)
        assert event.metadata["skipped"].value == "current"
        assert event.tags is not None
        assert manifest is not None
        assert event.tags["dagster/data_version"] == manifest.data_version
    assert events["dvh_table", "RC"].metadata["path"].value == str(site.patient("RC").file("dvh_table"))
    assert events["ct_volume", "RC"].metadata["slices"].value == 12, "figures are told again"
    assert site.statuses("RC") == DONE


def test_an_asset_of_a_patient_who_was_never_run_fails_and_says_what_to_materialise_first(site: Site) -> None:
    result = site.collect(assets=["ct_volume"], partition_key="RB")
    assert "RB: Failed at ct_volume: " in site.errors(result)
    assert "materialise retrieved_dicom first" in site.errors(result)
    assert site.statuses("RB") == {**dict.fromkeys(PATIENT_ASSETS, "MISSING"), "ct_volume": "FAILED"}
    assert not site.patient("RB").file("ct_volume").exists()
    assert site.collect("RB").success
    assert site.statuses("RB") == DONE


def test_a_patient_excluded_now_keeps_nothing_that_was_converted_before(site: Site) -> None:
    assert load_patient_images(site.root / "store", "runs", "RA")["roi_names"]
    site.write_cohort(["RA", "RB", "RC"], study_description={"exclude": ["breast"]})
    result = site.collect("RA")
    assert result.success, "excluded is no failure"
    assert site.statuses("RA") == DONE
    left = {path.name for path in site.patient("RA").path.iterdir() if not path.name.startswith(".")}
    kept = {file for asset in FROM_TAGS for file in PATIENT_FILES[asset]}
    assert left == kept | {"manifests"}
    for asset in PATIENT_ASSETS:
        event = site.events(result)[asset, "RA"]
        assert ("path" in event.metadata) == (asset in FROM_TAGS), asset
    reason = site.events(result)["dvh_table", "RA"].metadata["reason"].value
    assert str(reason).endswith("(I_EXEC_006)")
    with pytest.raises(PatientExcluded) as refusal:
        load_patient_images(site.root / "store", "runs", "RA")
    assert refusal.value.code == "I_EXEC_006"
    assert str(refusal.value) == reason


def test_the_others_are_as_they_were_until_they_are_run(site: Site) -> None:
    assert site.patient("RC").manifest("dvh_table") is not None
    assert load_patient_images(site.root / "store", "runs", "RC")["roi_names"]


def test_an_exclusion_by_dose_removes_the_dose_and_all_that_follows(site: Site) -> None:
    site.write_cohort(["RA", "RB", "RC"], dose_max_gy={"minimum": None, "maximum": 30, "action": "exclude"})
    result = site.collect_range("RC", "RC")
    assert result.success, "excluded is no failure"
    for asset in ("dose_volume", "plan_table", "dvh_table", "central_slices"):
        shown = site.events(result)[asset, "RC"].metadata
        assert shown["status"].value == "EXCLUDE"
        assert "path" not in shown
        assert [name for name in PATIENT_FILES[asset] if (site.patient("RC").path / name).exists()] == []
    with pytest.raises(PatientExcluded) as refusal:
        load_patient_images(site.root / "store", "runs", "RC")
    assert refusal.value.code == "XXIV_EXEC_003"
    alone = site.collect(assets=["dvh_table"], partition_key="RC")
    assert alone.success
    shown = site.events(alone)["dvh_table", "RC"].metadata
    assert (shown["status"].value, "path" in shown) == ("EXCLUDE", False), "asked for alone it is the same"
    assert not site.patient("RC").file("dvh_table").exists()


def test_a_table_that_cannot_be_read_any_more_ends_the_run_with_one_line_and_touches_no_patient(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = site.root / "cohorts" / "approvals.csv"
    table.write_text("SeriesInstanceUID,Status\n1.2.3,REJECTED\n")
    site.write_cohort(["RA", "RB", "RC"], eligibility={"approval": {"table": "approvals.csv"}})
    before = files_of(site, "RB")
    loaded = site.definitions()
    # A code location stays loaded for days; the file changes meanwhile.
    monkeypatch.setattr(type(site), "definitions", lambda _: loaded)
    table.write_text("SeriesInstanceUID,Status\n1.2.3,REJECTED\n1.2.3,APPROVED\n")
    result = site.collect("RB")
    assert not result.success
    assert "approvals.csv: line 3: '1.2.3' is 'APPROVED' here and 'REJECTED' above" in site.errors(result)
    assert files_of(site, "RB") == before
    table.write_text("SeriesInstanceUID,Status\n1.2.3,REJECTED\n")
    assert site.collect("RB").success
    assert site.statuses("RB") == DONE


def test_a_cohort_whose_own_rule_cannot_be_had_is_told_and_leaves_the_others_loaded(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    file = site.root / "cohorts" / "ruled.yaml"
    file.write_text("name: ruled\neligibility: {rules: ['rv_rules_of_nobody:rule']}\n")
    keys = site.definitions().resolve_asset_graph().get_all_asset_keys()
    file.unlink()
    assert {key.path[0] for key in keys} == {"runs"}
    (told,) = [record.getMessage() for record in caplog.records if "cohort not loaded" in record.getMessage()]
    assert "ruled.yaml: eligibility.rules: rv_rules_of_nobody:rule: there is no module rv_rules_of_nobody" in told
    assert "\n" not in told


def test_decisions_that_cannot_be_read_fail_every_patient_of_the_run_with_that_reason(site: Site) -> None:
    site.write_cohort(["RA", "RB", "RC"])
    site.store.decisions.write_text("decisions: nonsense")
    result = site.collect("RA", "RB")
    assert not result.success
    for patient in ("RA", "RB"):
        assert f"{patient}: Failed at verified_study: {site.store.decisions}: expected" in site.errors(result)
        assert site.statuses(patient)["patient_notes"] == "FAILED"
        assert site.patient(patient).read_failure() is not None
    site.store.decisions.unlink()
    assert site.collect("RA", "RB").success
    assert site.statuses("RA") == DONE


def test_a_patient_who_counts_again_has_everything_again(site: Site) -> None:
    site.write_cohort(["RA", "RB", "RC"])
    assert site.collect("RA", "RC").success
    for patient in ("RA", "RC"):
        assert [asset for asset in PATIENT_ASSETS if site.patient(patient).manifest(asset) is None] == []
        assert load_patient_images(site.root / "store", "runs", patient)["roi_names"]
