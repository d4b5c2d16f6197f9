"""The way of one patient: what stops it removes what came after, what breaks it leaves what was before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

from pdcp_dagster.adapters.store import Manifest, PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.chain import PATIENT_ASSETS, STAGES
from pdcp_dagster.stages.current import PatientExcluded, PatientPending, require_loadable, standing_of

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

STAGE_NAMES = tuple(stage.asset for stage in STAGES)


def test_a_complete_patient_passes_with_every_asset_made(ward: Ward) -> None:
    ward.admit("chain-whole")
    outcome = ward.run("chain-whole")
    assert outcome.failure is None
    assert outcome.status is Status.SUCCESS
    assert [asset.asset for asset in outcome.assets] == list(PATIENT_ASSETS)
    for asset in outcome.assets:
        manifest = ward.folder("chain-whole").manifest(asset.asset)
        assert manifest is not None
        assert asset.path == ward.folder("chain-whole").file(asset.asset)
        assert asset.data_version == manifest.data_version
        assert manifest.files == {name: len(ward.files("chain-whole")[name]) for name in manifest.files}


def test_the_same_run_again_writes_the_same_bytes(ward: Ward) -> None:
    ward.admit("chain-again")
    first = ward.run("chain-again"), ward.files("chain-again")
    second = ward.run("chain-again"), ward.files("chain-again")
    assert [asset.data_version for asset in first[0].assets] == [asset.data_version for asset in second[0].assets]
    assert first[1] == second[1]


def test_stages_run_apart_give_the_same_bytes_as_stages_run_together(ward: Ward) -> None:
    ward.admit("chain-apart")
    ward.run("chain-apart", store="together")
    for asset in PATIENT_ASSETS:
        outcome = ward.run("chain-apart", asset, store="apart")
        assert outcome.failure is None, outcome.reason
        assert [each.asset for each in outcome.assets] == [asset]
    assert ward.files("chain-apart", "apart") == ward.files("chain-apart", "together")


@pytest.mark.parametrize("asset", STAGE_NAMES[1:])
def test_a_stage_alone_names_what_it_lacks(ward: Ward, asset: str) -> None:
    ward.admit("chain-alone")
    outcome = ward.run("chain-alone", asset, store=f"alone-{asset}")
    assert outcome.failure is not None
    assert outcome.failure.stage == asset
    assert "is not in the store: materialise" in outcome.reason
    assert outcome.assets == ()


def hide_the_summary(ward: Ward, files: Path) -> None:
    """Leave one object of a modality that no cohort looks at."""

    def of_no_interest(data: pydicom.Dataset) -> None:
        data.Modality = "OT"
        data.SeriesInstanceUID += ".1"

    first, *others = sorted(files.glob("*.dcm"))
    ward.exchange(first, of_no_interest)
    for file in others:
        ward.take_out(file)


def take_the_dose_out(ward: Ward, files: Path) -> None:
    (file,) = files.glob("RTDOSE*.dcm")
    ward.take_out(file)


def shift_a_slice(ward: Ward, files: Path) -> None:
    def shifted(data: pydicom.Dataset) -> None:
        data.ImagePositionPatient[2] = float(data.ImagePositionPatient[2]) + 2.0

    ward.exchange(sorted(files.glob("CT*.dcm"))[5], shifted)


def leave_points_only(ward: Ward, files: Path) -> None:
    def pointed(data: pydicom.Dataset) -> None:
        for roi in data.ROIContourSequence:
            for contour in roi.ContourSequence:
                contour.ContourGeometricType = "POINT"
                contour.NumberOfContourPoints = 1
                contour.ContourData = contour.ContourData[:3]

    (file,) = files.glob("RTSTRUCT*.dcm")
    ward.exchange(file, pointed)


def make_the_dose_relative(ward: Ward, files: Path) -> None:
    def relative(data: pydicom.Dataset) -> None:
        data.DoseUnits = "RELATIVE"

    (file,) = files.glob("RTDOSE*.dcm")
    ward.exchange(file, relative)


@pytest.mark.parametrize(
    ("spoil", "code", "last_kept"),
    [
        (hide_the_summary, "I_EXEC_003", "image_summary"),
        (take_the_dose_out, "I_EXEC_005", "verified_study"),
        (shift_a_slice, "XII_EXEC_002", "retrieved_dicom"),
        (leave_points_only, "XIV_EXEC_002", "ct_volume"),
        (make_the_dose_relative, "XXIV_EXEC_004", "structure_masks"),
    ],
    ids=["no objects", "no dose", "uneven slices", "no contours", "no usable dose"],
)
def test_a_patient_who_passed_and_is_excluded_now_keeps_nothing_behind_the_excluding_stage(
    ward: Ward, spoil: Callable[[Ward, Path], None], code: str, last_kept: str
) -> None:
    patient_id = f"chain-{code}"
    ward.admit(patient_id)
    assert ward.run(patient_id).status is Status.SUCCESS
    spoil(ward, ward.phantom(patient_id))

    outcome = ward.run(patient_id)
    assert outcome.failure is None, outcome.reason
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, code)
    folder = ward.folder(patient_id)
    kept = STAGE_NAMES[: STAGE_NAMES.index(last_kept) + 1]
    paths = {asset.asset: asset.path for asset in outcome.assets}
    assert set(paths) == set(PATIENT_ASSETS)
    for asset in STAGE_NAMES:
        assert (paths[asset] is not None) == (asset in kept), asset
        assert (folder.manifest(asset) is not None) == (asset in kept), asset
        assert folder.file(asset).exists() == (asset in kept), asset
    names = {name.split("/")[0] for name in ward.files(patient_id)}
    assert not names & {"dvh.parquet", "dvh_curves.parquet", "plans.parquet", "central_slices", "doses"}
    notes = json.loads(ward.files(patient_id)["notes.json"])
    assert (notes["status"], notes["patientimagingfilesready"]) == ("EXECLUDE", False)
    with pytest.raises(PatientExcluded) as refusal:
        require_loadable(folder, "dvh_table", include_review=True)
    assert refusal.value.code == code


def test_an_excluded_patient_passes_again_when_the_archive_is_put_right(ward: Ward) -> None:
    ward.admit("chain-back")
    ward.run("chain-back")
    before = ward.files("chain-back")
    (file,) = ward.phantom("chain-back").glob("RTDOSE*.dcm")
    ward.take_out(file)
    assert ward.run("chain-back").status is Status.EXCLUDE
    with ward.archive() as archive:
        archive.upload(file)
    assert ward.run("chain-back").status is Status.SUCCESS
    after = ward.files("chain-back")
    # Orthanc gives a new file a new name, which the summary tells.
    told = {"image_summary.parquet", "manifests/image_summary.json"}
    assert set(after) == set(before)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= told | {f"manifests/{asset}.json" for asset in PATIENT_ASSETS}


def test_a_choice_left_to_a_person_stops_the_patient_as_an_exclusion_does(ward: Ward) -> None:
    ward.admit("chain-two-studies", studies=2)
    outcome = ward.run("chain-two-studies")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "I_REV_004")
    folder = ward.folder("chain-two-studies")
    kept = {asset for asset in STAGE_NAMES if folder.manifest(asset) is not None}
    assert kept == {"image_summary", "verified_study", "candidate_studies", "plan_table"}, "what a person decides by"
    assert not folder.file("retrieved_dicom").exists()


def test_a_failure_leaves_what_was_made_before_and_the_next_success_forgets_it(ward: Ward) -> None:
    ward.admit("chain-damaged")
    ward.run("chain-damaged")
    before = ward.files("chain-damaged")
    ward.damage(sorted(ward.phantom("chain-damaged").glob("CT*.dcm"))[3])

    outcome = ward.run_anyway("chain-damaged")
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert (outcome.failure.stage, outcome.failure.error_type) == ("retrieved_dicom", "ObjectDamaged")
    assert [asset.asset for asset in outcome.assets] == ["image_summary", "verified_study", "candidate_studies"]
    after = ward.files("chain-damaged")
    failure = json.loads(after.pop("failure.json"))
    assert set(failure) == {"stage", "error_type", "reason", "time", "run_id"}
    assert (failure["stage"], failure["run_id"]) == ("retrieved_dicom", "a run")
    notes = json.loads(after["notes.json"])
    assert (notes["status"], notes["patientimagingfilesready"]) == (None, False)
    for name in set(before) - {"notes.json", "panel.html", "manifests/patient_notes.json"}:
        assert after[name] == before[name], name
    assert set(after) == set(before)

    ward.mend()
    assert ward.run("chain-damaged").status is Status.SUCCESS
    assert ward.files("chain-damaged") == before


class KilledError(BaseException):
    """As sudden as SIGKILL: nothing in the chain catches it."""


def test_a_kill_within_a_commit_leaves_the_asset_never_made(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.admit("chain-killed")
    ward.run("chain-killed")
    before = ward.files("chain-killed")
    folder = ward.folder("chain-killed")
    mark = PatientFolder._mark

    def mark_or_die(self: PatientFolder, asset: str, *more: object, **keys: object) -> Manifest:
        if asset == "ct_volume":
            raise KilledError
        return mark(self, asset, *more, **keys)  # type: ignore[arg-type] # whatever it takes

    with monkeypatch.context() as patch:
        patch.setattr(PatientFolder, "_mark", mark_or_die)
        with pytest.raises(KilledError):
            ward.run_anyway("chain-killed")
    assert folder.manifest("ct_volume") is None
    with pytest.raises(PatientPending):
        require_loadable(folder, "ct_volume", include_review=True)

    assert ward.run("chain-killed").status is Status.SUCCESS
    assert standing_of(folder).status is Status.SUCCESS
    assert ward.files("chain-killed") == before


def test_a_full_disk_is_a_failure_of_that_patient_with_a_reason(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.admit("chain-disk")

    def full(self: PatientFolder, asset: str) -> Path:
        raise OSError(28, "No space left on device", str(self.path / asset))

    with monkeypatch.context() as patch:
        patch.setattr(PatientFolder, "begin", full)
        outcome = ward.run("chain-disk")
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.stage == "image_summary"
    assert "No space left on device" in outcome.reason


def test_a_partition_that_is_in_no_patient_list_fails_with_what_to_do(ward: Ward) -> None:
    task = ward.admit("chain-known")
    ward.tasks["chain-unknown"] = type(task)("chain-unknown", "chain-unknown", "", task.selected, task.run_id)
    outcome = ward.run("chain-unknown")
    assert outcome.status is Status.FAILED
    assert "materialise patient_ids first" in outcome.reason
