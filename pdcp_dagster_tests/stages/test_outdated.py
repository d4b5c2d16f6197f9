"""What was made from content that has changed since is never taken for a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdcp_dagster.adapters.store import PATIENT_FILES, Origin, PatientFolder, Store
from pdcp_dagster.domain.codes import Finding, Status
from pdcp_dagster.domain.notes import STAGES as STAGES_IN_NOTES
from pdcp_dagster.domain.notes import notes_document
from pdcp_dagster.stages.chain import PATIENT_ASSETS, STAGES
from pdcp_dagster.stages.current import PatientPending, outdated_assets, require_loadable, standing_of


def make(folder: PatientFolder, asset: str, content: str) -> None:
    fresh = folder.begin(asset)
    (fresh / PATIENT_FILES[asset][0]).write_text(content)
    folder.commit(asset, origin=Origin(next(stage.made_from for stage in STAGES if stage.asset == asset)))


@pytest.fixture
def patient(tmp_path: Path) -> PatientFolder:
    """A patient with every stage done."""
    folder = Store(tmp_path).cohort("breast").patient("12")
    for stage in STAGES:
        make(folder, stage.asset, stage.asset)
    found: dict[str, list[Finding]] = {stage.asset: [] for stage in STAGES}
    found["central_slices"] = [Finding("XXVI_SUCC_001")]
    folder.write_notes(
        notes_document(
            findings_by_stage=found,
            list_of_values={},
            raw_images_summary={},
            verified_images_summary={},
            version="",
            linkage="CRDP",
        )
    )
    return folder


def test_the_store_the_notes_and_the_chain_know_the_same_stages() -> None:
    assert tuple(stage.asset for stage in STAGES) == STAGES_IN_NOTES
    assert tuple(PATIENT_FILES) == PATIENT_ASSETS
    earlier: list[str] = []
    for stage in STAGES:
        assert set(stage.made_from) <= set(earlier)
        earlier.append(stage.asset)


def test_a_patient_with_every_stage_done_is_up_to_date(patient: PatientFolder) -> None:
    assert outdated_assets(patient) == ()
    assert standing_of(patient).status is Status.SUCCESS
    require_loadable(patient, "ct_volume", include_review=False)


def test_making_the_same_again_changes_nothing(patient: PatientFolder) -> None:
    make(patient, "image_summary", "image_summary")
    assert outdated_assets(patient) == ()


def test_a_new_summary_makes_everything_after_it_out_of_date(patient: PatientFolder) -> None:
    make(patient, "image_summary", "one more dose in the archive")
    assert outdated_assets(patient) == tuple(stage.asset for stage in STAGES[1:])


def test_newly_retrieved_files_make_volumes_and_dvhs_out_of_date_but_not_the_linkage(patient: PatientFolder) -> None:
    make(patient, "retrieved_dicom", "another dose")
    outdated = outdated_assets(patient)
    assert "verified_study" not in outdated
    assert {"ct_volume", "dose_volume", "dvh_table"} <= set(outdated)
    make(patient, "dose_volume", "its volume")
    assert "dose_volume" not in outdated_assets(patient)


def test_an_outdated_dose_is_neither_a_success_nor_loadable(patient: PatientFolder) -> None:
    make(patient, "retrieved_dicom", "another dose")
    standing = standing_of(patient)
    assert standing.status is Status.PENDING
    assert "dvh_table" in standing.reason
    with pytest.raises(PatientPending, match="Out of date"):
        require_loadable(patient, "dose_volume", include_review=True)


def test_a_run_killed_while_it_replaced_something_leaves_no_success(patient: PatientFolder) -> None:
    patient.remove("dose_volume")
    standing = standing_of(patient)
    assert standing.status is Status.PENDING
    assert "replaced dose_volume" in standing.reason


def test_a_run_killed_between_the_patients_page_and_the_notes_leaves_no_success_and_nothing_to_load(
    patient: PatientFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    notes = patient.read_notes()
    assert notes is not None
    monkeypatch.setattr(PatientFolder, "write_panel", killed)
    with pytest.raises(Killed):
        patient.write_notes(notes, panel=b"<p>of the new notes</p>")
    standing = standing_of(patient)
    assert (standing.status, standing.reason) == (
        Status.PENDING,
        "A run was killed while it replaced the notes. Run this patient again.",
    )
    with pytest.raises(PatientPending, match="replaced the notes"):
        require_loadable(patient, "dvh_table", include_review=True)
