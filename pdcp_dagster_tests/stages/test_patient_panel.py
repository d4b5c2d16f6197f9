"""The patient's page in a real chain: there for every status, and written anew exactly when it would tell otherwise."""

from __future__ import annotations

import html
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.adapters.store import CohortFolder, PatientFolder, Store
from pdcp_dagster.domain.codes import CODES, Status
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.stages.chain import PATIENT_ASSETS, failed_outcome, run_patient
from pdcp_dagster.stages.outcome import FailureReport
from pdcp_dagster.stages.patient_panel import panel_path

if TYPE_CHECKING:
    from pdcp_dagster.stages.outcome import PatientOutcome
    from pdcp_dagster_tests.stages.conftest import Ward

HOSTILE = "PTV <script>alert(1)</script>"


@pytest.fixture(scope="module")
def passed(ward: Ward) -> str:
    """A patient who passed, and who stays as the first run left it."""
    hostile = replace(tiny_rois("panel")[1], name=HOSTILE)
    ward.admit("panel", rois=(tiny_rois("panel")[0], hostile, *tiny_rois("panel")[2:4]))
    assert ward.run("panel").status is Status.SUCCESS
    return "panel"


def copied(ward: Ward, patient_id: str, store: str) -> str:
    """Return a store of its own in which the patient is as in the first, without a run."""
    shutil.copytree(ward.folder(patient_id).path, ward.folder(patient_id, store).path)
    return store


def page(ward: Ward, patient_id: str, store: str = "store") -> str:
    return ward.files(patient_id, store)["panel.html"].decode()


def status(of_page: str) -> str:
    found = re.search(r'<body class="(\w+)">', of_page)
    assert found is not None
    return found.group(1)


def words(of_page: str) -> str:
    body = of_page.split("<body", 1)[1].split(">", 1)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def pictures(of_page: str) -> list[str]:
    return [unquote(url) for url in re.findall(r'<img[^>]* src="\./([^"]*)"', of_page)]


def fail(ward: Ward, patient_id: str, monkeypatch: pytest.MonkeyPatch, *assets: str, store: str = "store") -> Any:
    """Run the chain with a disk that is full when the dose is written."""

    def broken(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pdcp_dagster.stages.dose_stage.write_dose", broken)
        outcome: PatientOutcome = ward.run(patient_id, *assets, store=store)
    assert outcome.status is Status.FAILED
    return outcome


def test_of_a_patient_who_passed_it_tells_links_plan_doses_structures_and_shows_every_picture(
    ward: Ward, passed: str
) -> None:
    told, files = page(ward, passed), ward.files(passed)
    assert status(told) == "SUCCESS"
    for role in ("RTSTRUCT", "RTPLAN", "RTDOSE"):
        assert re.search(rf"{role} [\d.]+ \w+ [\d.]+ its UID", words(told)), role
    assert set(pictures(told)) == {name for name in files if name.startswith("central_slices/")}
    assert told.count("<polyline") == 4
    for heading in ("Structures and dose", "Pictures", "Plan and dose", "What belongs together", "Files"):
        assert f"<h2>{heading}</h2>" in told
    assert "<script" not in told
    assert HOSTILE in words(told)


def test_of_an_open_choice_it_shows_the_candidates(ward: Ward) -> None:
    ward.admit("panel-two", studies=2)
    outcome = ward.run("panel-two")
    told = page(ward, "panel-two")
    assert (status(told), outcome.code) == ("REVIEW", "I_REV_004")
    assert pictures(told) == ["candidate_studies/1.png", "candidate_studies/2.png"]
    assert CODES["I_REV_004"].remedy in words(told)


def test_of_an_excluded_patient_it_tells_why_and_what_was_refused(ward: Ward) -> None:
    ward.admit("panel-out")
    (dose,) = ward.phantom("panel-out").glob("RTDOSE*.dcm")
    ward.run("panel-out")
    ward.take_out(dose)
    assert ward.run("panel-out").code == "I_EXEC_005"
    told = page(ward, "panel-out")
    assert status(told) == "EXCLUDE"
    assert "no RTDOSE in the archive" in words(told)
    assert "Not used (3)" in words(told)
    assert pictures(told) == [], "what was removed is not shown any more"
    assert "dvh.parquet" not in told


def test_of_a_failed_patient_it_tells_of_the_failure_and_of_what_there_is(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("panel-fail")
    fail(ward, "panel-fail", monkeypatch)
    told = page(ward, "panel-fail")
    assert status(told) == "FAILED"
    assert "Failed at dose_volume" in words(told)
    assert "No space left on device" in words(told)
    assert "ct.nii.gz" in told
    assert ward.run("panel-fail").status is Status.SUCCESS
    assert status(page(ward, "panel-fail")) == "SUCCESS"


def test_a_patient_who_failed_before_anything_was_found_has_a_page_too(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("panel-early")

    def silent(*_: Any) -> None:
        raise OSError(111, "Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(Orthanc, "listing", silent)
        assert ward.run("panel-early").status is Status.FAILED
    told = page(ward, "panel-early")
    assert (status(told), "Connection refused" in words(told)) == ("FAILED", True)
    ward.run("panel-early")
    assert status(page(ward, "panel-early")) == "SUCCESS"


def test_of_a_patient_whose_worker_died_it_says_so(ward: Ward) -> None:
    ward.admit("panel-dead")
    ward.run("panel-dead")
    before = ward.files("panel-dead")
    died = FailureReport("worker", "WorkerDied", "the worker was killed")
    failed_outcome(ward.tasks["panel-dead"], ward.settings(), died)
    told = page(ward, "panel-dead")
    assert (status(told), "the worker was killed" in words(told)) == ("FAILED", True)
    ward.run("panel-dead")
    assert ward.files("panel-dead") == before


def test_a_damaged_table_is_told_of_and_keeps_nobody_from_a_result(ward: Ward, passed: str) -> None:
    copied(ward, passed, "torn")
    before = page(ward, passed, "torn")
    for table in ("plans.parquet", "dvh_curves.parquet"):
        file = ward.folder(passed, "torn").path / table
        file.write_bytes(bytes(file.stat().st_size))
    assert ward.run(passed, store="torn", version="ward 2").status is Status.SUCCESS
    told = page(ward, passed, "torn")
    assert "Not shown, since it cannot be read: dvh_curves.parquet , plans.parquet" in words(told)
    assert "<h2>Plan and dose</h2>" not in told
    assert "<polyline" not in told
    assert "<h2>Pictures</h2>" in told
    ward.run_anyway(passed, "torn")
    assert page(ward, passed, "torn") == before


def test_it_is_looked_again_for_what_could_not_be_read(ward: Ward, passed: str) -> None:
    copied(ward, passed, "again")
    before, file = page(ward, passed, "again"), ward.folder(passed, "again").file("plan_table")
    content = file.read_bytes()
    file.write_bytes(bytes(len(content)))
    ward.run(passed, store="again", version="ward 2")
    file.write_bytes(content)
    ward.run(passed, store="again", version="ward 2")
    assert page(ward, passed, "again") == before


def test_whatever_keeps_the_page_from_being_made_does_not_keep_a_failure_from_being_told(
    ward: Ward, passed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(ward, passed, "broken")

    def broken(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("pdcp_dagster.stages.notes_stage.panel_of", broken)
        failed_outcome(ward.tasks[passed], ward.settings("broken"), FailureReport("worker", "WorkerDied", "gone"))
    told = page(ward, passed, "broken")
    assert (status(told), "gone" in words(told), "<h2>Pictures" in told) == ("FAILED", True, False)
    assert (ward.folder(passed, "broken").path / "failure.json").exists()


def test_it_is_left_as_it_is_where_nothing_has_changed_and_comes_out_the_same_elsewhere(
    ward: Ward, passed: str
) -> None:
    file = ward.folder(passed).path / "panel.html"
    written, before = file.stat().st_mtime_ns, page(ward, passed)
    ward.run(passed)
    assert file.stat().st_mtime_ns == written
    ward.run(passed, store="elsewhere")
    assert page(ward, passed, "elsewhere") == before


def test_it_is_written_anew_where_a_stage_was_made_anew_with_another_result(ward: Ward, passed: str) -> None:
    copied(ward, passed, "anew")
    before = page(ward, passed, "anew")
    ward.run(passed, "dvh_table", store="anew", prescription_gy=47.5)
    after = page(ward, passed, "anew")
    assert "prescribed: 47.5 Gy" in words(after)
    assert "prescribed: 47.5 Gy" not in words(before)
    ward.run(passed, store="anew")
    assert page(ward, passed, "anew") == before


def test_what_somebody_took_away_or_shortened_is_written_again(ward: Ward, passed: str) -> None:
    copied(ward, passed, "lost")
    file = ward.folder(passed, "lost").path / "panel.html"
    before = file.read_bytes()
    file.unlink()
    ward.run(passed, store="lost")
    assert file.read_bytes() == before
    file.write_bytes(before[:100])
    ward.run(passed, store="lost")
    assert file.read_bytes() == before


def test_a_failure_that_still_stands_after_a_run_of_other_stages_is_still_told(
    ward: Ward, passed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(ward, passed, "stands")
    before = page(ward, passed, "stands")
    (ward.folder(passed, "stands").path / "dose.nii.gz").unlink()
    fail(ward, passed, monkeypatch, "dose_volume", store="stands")
    ward.run(passed, "ct_volume", store="stands")
    assert (ward.folder(passed, "stands").path / "failure.json").exists()
    assert status(page(ward, passed, "stands")) == "FAILED"
    ward.run(passed, store="stands")
    assert page(ward, passed, "stands") == before


def test_a_run_of_some_stages_alone_leaves_a_page_that_says_what_is_not_done(ward: Ward, passed: str) -> None:
    ward.run(passed, "image_summary", "verified_study", store="some")
    told = page(ward, passed, "some")
    assert status(told) == "PENDING"
    assert "Not done yet: candidate_studies, retrieved_dicom" in words(told)


@pytest.mark.parametrize("last", ["notes", "panel"])
def test_killed_between_page_and_notes_neither_counts(
    ward: Ward, passed: str, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    store = copied(ward, passed, f"killed-{last}")
    before = ward.files(passed, store)
    write = PatientFolder.write_panel

    def die(self: PatientFolder, panel: bytes) -> None:
        if last == "panel":
            write(self, panel)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PatientFolder, "write_panel", die)
        with pytest.raises(KeyboardInterrupt):
            ward.run(passed, store=store, version="ward 2")
    assert ward.folder(passed, store).mark("patient_notes") is None
    ward.run(passed, store=store)
    assert ward.files(passed, store) == before


def test_where_patient_ids_are_hidden_it_calls_the_patient_by_the_key_alone(ward: Ward) -> None:
    patient_id = "Hidden^Name"
    task = replace(ward.admit(patient_id), partition_key="0a1b2c")
    settings = ward.settings("hidden", partition_key="orthanc_id")
    with ward.archive() as archive:
        assert run_patient(task, settings, archive).status is Status.SUCCESS
    folder = settings.store.cohort("ward").patient("0a1b2c")
    told = (folder.path / "panel.html").read_text(encoding="utf-8")
    assert patient_id not in told
    assert "<h1><bdi>0a1b2c</bdi></h1>" in told
    failed_outcome(task, settings, FailureReport("worker", "WorkerDied", f"no room for {patient_id}"))
    told = (folder.path / "panel.html").read_text(encoding="utf-8")
    assert (patient_id in told, "no room for 0a1b2c" in told) == (False, True)


def test_its_path_is_a_url_from_the_cohorts_folder_and_none_where_there_is_no_page(ward: Ward) -> None:
    cohort: CohortFolder = Store(ward.root / "paths").cohort("ward")
    key = "%C3%BC%20%231--0123456789abcdef"
    assert panel_path(cohort, key) is None
    cohort.patient(key).write_panel(b"page")
    path = panel_path(cohort, key)
    assert path == "patients/%25C3%25BC%2520%25231--0123456789abcdef/panel.html"
    assert (cohort.path / unquote(path)).read_bytes() == b"page"


def test_every_stage_is_among_what_the_notes_are_made_of(ward: Ward, passed: str) -> None:
    mark = ward.folder(passed).mark("patient_notes")
    assert mark is not None
    assert set(mark.made_from) == set(PATIENT_ASSETS) - {"patient_notes"}
