"""A stage that would be made of the same again is not made again; whatever goes into it has it made anew."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

import pdcp_dagster
from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.adapters.own_rules import load_rule
from pdcp_dagster.adapters.store import PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality_settings import Checks
from pdcp_dagster.stages import chain
from pdcp_dagster.stages.chain import PATIENT_ASSETS, STAGES, Stage
from pdcp_dagster.stages.code_version import code_version
from pdcp_dagster.stages.currency import look_at
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.inputs import CHECKED_BY, CONFIGURED_BY, configurations_of
from pdcp_dagster.stages.outcome import PatientOutcome
from pdcp_dagster_tests.stages.conftest import Ward

CONVERTED = ["ct_volume", "structure_masks", "dose_volume", "plan_table", "dvh_table", "central_slices"]


def made(outcome: PatientOutcome) -> list[str]:
    """Return the assets that were made anew."""
    assert outcome.failure is None, outcome.reason
    return [asset.asset for asset in outcome.assets if not asset.skipped]


def is_current(ward: Ward, patient_id: str, **keys: Any) -> bool:
    with ward.archive() as archive:
        ((_, standing),) = look_at([ward.tasks[patient_id]], ward.settings(**keys), archive)
    return standing is not None


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was downloaded, by SOPInstanceUID."""
    asked: list[str] = []
    genuine = Orthanc.download_all

    def download_all(self: Orthanc, pairs: Any, **keys: Any) -> Any:
        some = list(pairs)
        asked.extend(instance.sop_instance_uid for instance, _ in some)
        return genuine(self, some, **keys)

    monkeypatch.setattr(Orthanc, "download_all", download_all)
    return asked


def test_of_an_unchanged_patient_nothing_is_made_again_and_every_asset_says_so(ward: Ward) -> None:
    ward.admit("skip-same")
    first = ward.run("skip-same")
    before, times = ward.files("skip-same"), written(ward, "skip-same")
    second = ward.run("skip-same")
    assert made(first) == list(PATIENT_ASSETS)
    assert made(second) == []
    assert [asset.shown["skipped"] for asset in second.assets] == ["current"] * len(PATIENT_ASSETS)
    assert (ward.files("skip-same"), written(ward, "skip-same")) == (before, times)
    assert (second.status, second.code, second.reason) == (first.status, first.code, first.reason)
    for one, other in zip(first.assets, second.assets, strict=True):
        assert (one.asset, one.status, one.path, one.data_version) == (
            other.asset,
            other.status,
            other.path,
            other.data_version,
        )
        assert (one.reason, one.checks) == (other.reason, other.checks)
    assert is_current(ward, "skip-same")


def written(ward: Ward, patient_id: str) -> dict[str, int]:
    folder = ward.folder(patient_id).path
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_force_makes_everything_again_and_comes_to_the_same(ward: Ward, downloaded: list[str]) -> None:
    ward.admit("skip-force")
    ward.run("skip-force")
    before, first = ward.files("skip-force"), list(downloaded)
    assert made(ward.run_anyway("skip-force")) == list(PATIENT_ASSETS)
    assert downloaded == first * 2
    assert ward.files("skip-force") == before


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ({"dose_max_gy": {"maximum": 500}}, ["dose_volume"]),
        ({"dvh": {"geud_a": [1]}}, ["structure_masks", "dvh_table"]),
        ({"dvh_columns": "legacy"}, ["dvh_table"]),
        ({"label_map": True}, ["structure_masks"]),
        ({"prescription_gy": 50}, ["dvh_table"]),
        ({"version": "ward 2"}, ["patient_notes"]),
        ({"ct_geometry": "resample"}, CONVERTED),
        ({"ct_instances": {"minimum": 5, "review_above": 30, "maximum": 60}}, ["verified_study", "candidate_studies"]),
        ({"study_selection": ["latest", "review"]}, ["verified_study", "candidate_studies"]),
        ({"summarised_modalities": ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "MR"]}, ["image_summary"]),
        ({"include_review": True}, []),
    ],
)
def test_a_changed_key_of_the_cohort_file_has_those_stages_made_anew_that_read_it(
    ward: Ward, downloaded: list[str], changed: dict[str, Any], anew: list[str]
) -> None:
    name = f"skip-{next(iter(changed))}"
    ward.admit(name)
    ward.run(name)
    assert is_current(ward, name)
    downloaded.clear()
    assert is_current(ward, name, **changed) == (not anew)
    found = [asset for asset in made(ward.run(name, **changed)) if asset != "patient_notes" or anew == [asset]]
    assert found == anew
    assert downloaded == [], "nothing is downloaded again"
    assert is_current(ward, name, **changed)
    assert made(ward.run(name, **changed)) == []


@pytest.mark.parametrize(
    ("limits", "anew", "check"),
    [
        ({"target_d95_pct": 50}, "dvh_table", "dose_covers_targets"),
        ({"dose_maximum_pct": {"maximum": 300}}, "dose_volume", "dose_maximum_plausible"),
    ],
)
def test_the_limits_of_a_check_have_its_stage_made_anew_and_the_patient_counts_until_then(
    ward: Ward, limits: dict[str, Any], anew: str, check: str
) -> None:
    name = f"skip-limit-{anew}"
    ward.admit(name)
    first = ward.run(name)
    assert not judged(first)[check]
    today = configurations_of(ward.settings(checks=limits).cohort)
    assert standing_of(ward.folder(name), today).status is first.status is Status.SUCCESS
    assert not is_current(ward, name, checks=limits)
    again = ward.run(name, checks=limits)
    assert [asset for asset in made(again) if asset != "patient_notes"] == [anew]
    assert judged(again)[check]
    assert is_current(ward, name, checks=limits)


def judged(outcome: PatientOutcome) -> dict[str, bool]:
    return {check.name: check.passed for asset in outcome.assets for check in asset.checks}


def watched_checks(read: dict[str, set[str]], reading: list[str]) -> type[Checks]:
    """Return a section `checks` that tells which of its limits are read by the stage that reads last."""

    class WatchedChecks(Checks):
        def __getattribute__(self, name: str) -> Any:
            if reading and name in Checks.model_fields:
                read[reading[-1]].add(f"checks.{name}")
            return super().__getattribute__(name)

    return WatchedChecks


def test_every_key_that_a_stage_reads_is_among_those_that_have_it_made_anew(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage apart, so that it must read for itself what another one would have left in memory."""
    read: dict[str, set[str]] = {stage.asset: set() for stage in STAGES}
    reading: list[str] = []

    class Watched(Cohort):
        """A cohort that tells which of its keys are read."""

        checks: Checks = watched_checks(read, reading)()

        def __getattribute__(self, name: str) -> Any:
            if reading and name in Cohort.model_fields and name != "checks":
                read[reading[-1]].add(name)
            return super().__getattribute__(name)

        def config_hash(self, *sections: str) -> str:
            if reading:
                read[reading[-1]].update(sections)
            return super().config_hash(*sections)

    def watched(stage: Stage) -> Stage:
        def run(*arguments: Any) -> Any:
            reading.append(stage.asset)
            try:
                return stage.run(*arguments)
            finally:
                reading.pop()

        return replace(stage, run=run)

    monkeypatch.setattr(chain, "STAGES", tuple(map(watched, STAGES)))
    ward.admit("skip-keys")
    for keys in ({}, {"partition_key": "orthanc_id", "dose_on_ct_grid": True, "label_map": True}):
        settings = ward.settings("watched", **keys)
        seen = replace(
            settings, cohort=Watched.model_validate(settings.cohort.model_dump(mode="json", exclude={"checks"}))
        )
        for asset in PATIENT_ASSETS:
            task = replace(ward.tasks["skip-keys"], selected=frozenset({asset}), force=True)
            with ward.archive() as archive:
                assert chain.run_patient(task, seen, archive).failure is None
    ignored = {"name"}
    known = {asset: {*keys, *CHECKED_BY.get(asset, ())} for asset, keys in CONFIGURED_BY.items()}
    assert {asset: sorted(keys - known[asset] - ignored) for asset, keys in read.items()} == {
        stage.asset: [] for stage in STAGES
    }
    assert all(read.values())
    assert "checks.target_d95_pct" in read["dvh_table"]


def test_another_state_of_the_code_has_all_made_anew_but_what_was_downloaded(
    ward: Ward, downloaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("skip-code")
    ward.run("skip-code")
    before = ward.files("skip-code")
    downloaded.clear()
    monkeypatch.setattr("pdcp_dagster.stages.patient.code_version", lambda: "0.0.0+other")
    assert not is_current(ward, "skip-code")
    assert made(ward.run("skip-code")) == [asset for asset in PATIENT_ASSETS if asset != "retrieved_dicom"]
    assert downloaded == []
    after = ward.files("skip-code")
    assert [name for name in before if not name.startswith("manifests/") and after[name] != before[name]] == []


def test_the_codes_version_is_the_release_and_a_hash_of_its_source() -> None:
    release, _, digest = code_version().partition("+")
    assert release.count(".") == 2
    assert len(digest) == 12
    assert code_version() == code_version()


@pytest.mark.parametrize(
    ("lost", "anew"),
    [
        ("ct.nii.gz", "ct_volume"),
        ("dvh_curves.parquet", "dvh_table"),
        ("manifests/dose_volume.json", "dose_volume"),
        ("notes.json", "patient_notes"),
    ],
)
def test_what_somebody_took_away_is_made_again(ward: Ward, lost: str, anew: str) -> None:
    name = f"skip-lost-{anew}"
    ward.admit(name)
    ward.run(name)
    before = ward.files(name)
    (ward.folder(name).path / lost).unlink()
    assert not is_current(ward, name)
    assert made(ward.run(name)) == [anew]
    assert ward.files(name) == before


def test_a_patient_whom_a_killed_run_was_at_is_run_again_though_nothing_is_missing(ward: Ward) -> None:
    ward.admit("skip-killed")
    ward.run("skip-killed")
    before = ward.files("skip-killed")
    folder = ward.folder("skip-killed")
    (folder.path / ".holder.json").write_text("{}")
    (folder.begin("dvh_table") / "dvh.parquet").write_text("half")
    assert not is_current(ward, "skip-killed")
    assert made(ward.run("skip-killed")) == []
    assert ward.files("skip-killed") == before
    assert is_current(ward, "skip-killed")


def test_of_lost_and_damaged_slices_only_those_are_downloaded_again(ward: Ward, downloaded: list[str]) -> None:
    ward.admit("skip-slices")
    ward.run("skip-slices")
    before = ward.files("skip-slices")
    downloaded.clear()
    slices = sorted((ward.folder("skip-slices").path / "dicom" / "CT").iterdir())
    slices[0].unlink()
    content = bytearray(slices[3].read_bytes())
    content[-1] ^= 1  # the same length
    slices[3].write_bytes(content)
    assert made(ward.run("skip-slices")) == ["retrieved_dicom"]
    assert sorted(downloaded) == sorted(path.stem for path in (slices[0], slices[3]))
    assert ward.files("skip-slices") == before


def test_a_late_object_has_the_patient_verified_anew_and_downloads_only_itself(
    ward: Ward, downloaded: list[str]
) -> None:
    ward.admit("skip-late")
    (dose,) = ward.phantom("skip-late").glob("RTDOSE*.dcm")
    ward.take_out(dose)
    assert ward.run("skip-late").status is Status.EXCLUDE
    assert is_current(ward, "skip-late")
    assert made(ward.run("skip-late")) == []
    with ward.archive() as archive:
        archive.upload(dose)
    assert not is_current(ward, "skip-late")
    outcome = ward.run("skip-late")
    assert outcome.status is Status.SUCCESS
    assert downloaded.count(pydicom.dcmread(dose, stop_before_pixels=True).SOPInstanceUID) == 1
    downloaded.clear()
    ward.take_out(dose)
    with ward.archive() as archive:
        archive.upload(dose)  # stored anew: the same bytes under another name
    assert "retrieved_dicom" in made(ward.run("skip-late"))
    assert downloaded == [pydicom.dcmread(dose, stop_before_pixels=True).SOPInstanceUID]


def test_an_exclusion_by_a_later_stage_is_current_like_any_other_result(ward: Ward) -> None:
    """A slice is missing in the middle: the CT is refused after all was downloaded."""
    ward.admit("skip-uneven")
    ward.take_out(sorted(ward.phantom("skip-uneven").glob("CT*.dcm"))[5])
    first = ward.run("skip-uneven")
    assert (first.status, first.code) == (Status.EXCLUDE, "XII_EXEC_002")
    second = ward.run("skip-uneven")
    assert (second.status, second.code, second.reason) == (first.status, first.code, first.reason)
    assert made(second) == []
    assert is_current(ward, "skip-uneven")
    assert made(ward.run("skip-uneven", ct_geometry="resample")) == [*CONVERTED, "patient_notes"]


def test_a_failed_patient_is_never_current_and_goes_on_where_it_failed(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("skip-failed")

    def broken(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pdcp_dagster.stages.dose_stage.write_dose", broken)
        assert ward.run("skip-failed").status is Status.FAILED
    assert not is_current(ward, "skip-failed")
    assert made(ward.run("skip-failed")) == [
        "dose_volume",
        "plan_table",
        "dvh_table",
        "central_slices",
        "patient_notes",
    ]
    assert is_current(ward, "skip-failed")


def test_a_table_or_a_decision_that_changes_has_the_patient_verified_anew(ward: Ward) -> None:
    ward.admit("skip-decided")
    ward.run("skip-decided")
    folder = ward.folder("skip-decided")
    decisions = folder.cohort_path / "decisions.yaml"
    decisions.write_text(
        "decisions:\n- {patient_id: skip-decided, exclude: true, reviewer: A, date: 2026-11-22, reason: moved, "
        "evidence: 0123456789abcdef}\n"
    )
    try:
        assert not is_current(ward, "skip-decided")
        assert "verified_study" in made(ward.run("skip-decided"))
        assert is_current(ward, "skip-decided")
    finally:
        decisions.unlink()
    assert not is_current(ward, "skip-decided")
    assert ward.run("skip-decided").status is Status.SUCCESS


def test_a_rule_of_the_cohorts_own_that_is_rewritten_has_the_patient_verified_anew(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "skip_rules.py"
    source.write_text("def everybody(summary):\n    return None\n")
    keys: dict[str, Any] = {"eligibility": {"rules": ["skip_rules:everybody"]}}
    ward.admit("skip-rule")
    ward.run("skip-rule", **keys)
    assert is_current(ward, "skip-rule", **keys)
    source.write_text("def everybody(summary):\n    return None  # but otherwise\n")
    assert not is_current(ward, "skip-rule", **keys)


def test_a_rule_that_is_rewritten_while_a_process_lives_never_passes_for_the_one_that_was_asked(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process goes on asking the rule that it loaded: what came of it is current for nobody."""
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "skip_lived_rules.py"
    source.write_text("def everybody(summary):\n    return None\n")
    keys: dict[str, Any] = {"eligibility": {"rules": ["skip_lived_rules:everybody"]}}
    ward.admit("skip-lived-1")
    ward.admit("skip-lived-2")
    ward.run("skip-lived-1", **keys)
    source.write_text("def everybody(summary):\n    raise ValueError\n")
    ward.run("skip-lived-2", **keys)
    assert not is_current(ward, "skip-lived-2", **keys)
    load_rule.cache_clear()
    sys.modules.pop("skip_lived_rules")
    assert not is_current(ward, "skip-lived-2", **keys)


def test_the_codes_version_is_that_of_what_was_loaded_and_not_of_what_lies_on_disk_by_now(tmp_path: Path) -> None:
    package = tmp_path / "pdcp_dagster"
    shutil.copytree(Path(pdcp_dagster.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import pathlib, sys; from pdcp_dagster.stages import code_version as module\n"
        f"assert module.__file__.startswith({str(tmp_path)!r})\n"
        f"path = pathlib.Path({str(package)!r}) / 'domain' / 'words.py'\n"
        "path.write_text(path.read_text() + sys.argv[1])\n"
        "print(module.code_version())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", program, mended],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for mended in ("", "# mended", "")
    ]
    assert found[1] == found[0]
    assert found[2] != found[0]


def test_an_exclusion_by_what_is_there_no_more_is_no_result_until_the_patient_is_run(ward: Ward) -> None:
    ward.admit("skip-mended")
    (dose,) = ward.phantom("skip-mended").glob("RTDOSE*.dcm")
    ward.take_out(dose)
    assert ward.run("skip-mended").status is Status.EXCLUDE
    with ward.archive() as archive:
        archive.upload(dose)
    ward.run("skip-mended", "image_summary")
    standing = standing_of(ward.folder("skip-mended"))
    assert (standing.status, "verified_study" in standing.reason) == (Status.PENDING, True)
    assert ward.run("skip-mended").status is Status.SUCCESS


def test_killed_between_the_notes_and_their_mark_they_are_written_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("skip-notes")
    for store, maxima in (("store", (1, 2)), ("fresh", (2,))):
        for maximum in maxima:
            ward.run("skip-notes", store=store, dose_max_gy={"maximum": maximum}, version=f"{maximum}")
    assert ward.files("skip-notes") == ward.files("skip-notes", "fresh")
    mark = PatientFolder._mark

    def die_at_notes(self: PatientFolder, asset: str, *more: Any, **keys: Any) -> Any:
        if asset == "patient_notes":
            raise KeyboardInterrupt
        return mark(self, asset, *more, **keys)

    with monkeypatch.context() as patched:
        patched.setattr(PatientFolder, "_mark", die_at_notes)
        with pytest.raises(KeyboardInterrupt):
            ward.run("skip-notes", dose_max_gy={"maximum": 3}, version="3")
    assert not [path for path in ward.folder("skip-notes").path.iterdir() if path.name.startswith(".new")]
    ward.run("skip-notes", dose_max_gy={"maximum": 2}, version="2")
    assert ward.files("skip-notes") == ward.files("skip-notes", "fresh")


def test_marks_of_an_earlier_version_and_damaged_ones_have_the_stage_made_anew(ward: Ward) -> None:
    ward.admit("skip-old")
    ward.run("skip-old")
    before = ward.files("skip-old")
    manifests = ward.folder("skip-old").path / "manifests"
    damages: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda mark: [mark.pop(key) for key in ("made_with", "told", "kept", "seal")],
        lambda mark: mark.update(told=[]),
        lambda mark: mark["told"].update(findings=[]),
        lambda mark: mark.update(files={}),
        lambda mark: mark.update(files=3),
        lambda mark: mark.update(kept=False),
        lambda mark: mark["details"].update(spacing_mm=3),
        lambda mark: mark.pop("seal"),
    )
    for damage in damages:
        mark = json.loads((manifests / "ct_volume.json").read_text())
        damage(mark)
        (manifests / "ct_volume.json").write_text(json.dumps(mark))
        assert not is_current(ward, "skip-old")
        assert made(ward.run("skip-old")) == ["ct_volume"]
        assert ward.files("skip-old") == before
