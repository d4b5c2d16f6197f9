"""A person decides: what the demo shows of the candidates, each in quarantine, the decision replayed, and taken back.

Nothing but reading is done to the finished demo itself; the rest is done to a copy, with the copy's own archive.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import PATIENT_FILES, PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster_tests.end_to_end.closed_form import require_dvhs

if TYPE_CHECKING:
    from pdcp_dagster.phantom.patient import StructureSetTruth
    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import Site

pytestmark = pytest.mark.xdist_group("demo")

PATIENT = "P5"
NOBODY_LISTENS = "http://127.0.0.1:9"
TWO_CANDIDATES = {"P5", "P6", "P24"}
WHO = ("--reviewer", "Dr. Ada", "--reason", "the study of the index course")
CHOSEN_BY_A_PERSON = "A person chose what is prepared."
UNDECIDED = "Decide which study answers the research question. (I_REV_004)"

Answer = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Desk:
    """A copy of the finished demo with its archive running, how it was before, and `pdcp` pointed at it."""

    site: Site
    before: dict[str, bytes]
    url: str
    pdcp: Pdcp

    def ask(self, *command: str) -> Answer:
        """Run a command on the patient; it must not fail."""
        settings: dict[str, str | Path] = {**self.site.settings, "ORTHANC_URL": self.url}
        answer = self.pdcp(*command, "--cohort", "demo", "--patient", PATIENT, **settings)
        assert answer.returncode == 0, answer.stderr
        assert answer.stderr == ""
        return answer

    def of_patients(self, *, others: bool = False) -> dict[str, bytes]:
        """Return the files below patients/, those of the one patient aside where only `others` are asked for."""
        return of_patients(self.site.files(), self.site.patient(PATIENT), others=others)


def of_patients(files: dict[str, bytes], own: PatientFolder, *, others: bool) -> dict[str, bytes]:
    return {
        name: content
        for name, content in files.items()
        if name.startswith("patients/") and not (others and Path(name).parts[1] == own.path.name)
    }


@pytest.fixture(scope="module")
def desk(site: Site, pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """To be changed freely."""
    copy = replace(site, root=tmp_path_factory.mktemp("decided") / "root")
    shutil.copytree(site.root, copy.root)
    with PrivateOrthanc(copy.storage) as server:
        yield Desk(copy, copy.files(), server.url, pdcp)
        server.kill()


@pytest.fixture(scope="module")
def second(desk: Desk) -> int:
    """The number of the candidate that is not the first structure set's: the one to be chosen."""
    (number,) = {1, 2} - {candidate_of(desk.site, desk.site.truth(PATIENT).planned)}
    return number


@pytest.fixture(scope="module")
def decided(desk: Desk, second: int) -> Answer:
    """The decision for that candidate, and the run that replays it."""
    desk.ask("review", "decide", "--candidate", str(second), *WHO)
    return desk.ask("run")


def candidate_of(site: Site, truth: StructureSetTruth) -> int:
    """Return the number of the candidate that is this structure set's chain."""
    rows = read_table(site.patient(PATIENT).file("candidate_studies"))
    (number,) = [row["candidate"] for row in rows.to_dict("records") if truth.sop_instance_uid in row["rtstruct_uids"]]
    return int(number)


def other_truth(site: Site) -> StructureSetTruth:
    """Return the answers for the second study."""
    (truth,) = site.truth(PATIENT).structure_sets[1:]
    return truth


def shown(pdcp: Pdcp, site: Site, *command: str) -> dict[str, list[str]]:
    """Return the cells of each row of the printed tables by the first one; no archive can be reached."""
    settings: dict[str, str | Path] = {**site.settings, "ORTHANC_URL": NOBODY_LISTENS}
    answer = pdcp("review", *command, "--cohort", "demo", **settings)
    assert answer.returncode == 0, answer.stderr
    rows: dict[str, list[str]] = {}
    name = ""
    for line in answer.stdout.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
        if cells and cells[0]:
            name = cells[0]
            rows[name] = cells[1:]
        elif cells:
            rows[name] = [f"{before} {cell}".strip() for before, cell in zip(rows[name], cells[1:], strict=True)]
    return rows


def dates(site: Site, keyword: str, files: str) -> set[str]:
    """Return the dates that the patient's files have, as people write them."""
    found = {
        str(pydicom.dcmread(file, stop_before_pixels=True)[keyword].value) for file in site.phantom(PATIENT).glob(files)
    }
    return {f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in found}


def test_the_list_has_exactly_the_patients_to_review_with_their_candidates(pdcp: Pdcp, site: Site) -> None:
    rows = shown(pdcp, site, "list")
    del rows["Patient"]
    assert set(rows) == {entry.patient_id for entry in site.expected if entry.status == "REVIEW"}
    for patient_id, (reason, candidates, decision) in rows.items():
        (code,) = [entry.code for entry in site.expected if entry.patient_id == patient_id]
        assert reason.endswith(f"({code})")
        assert candidates == ("2" if patient_id in TWO_CANDIDATES else "1")
        assert decision == "none"


def test_both_candidates_are_shown_with_the_dates_and_dose_maxima_of_the_phantom(pdcp: Pdcp, site: Site) -> None:
    rows = shown(pdcp, site, "show", "--patient", PATIENT)
    truth = site.truth(PATIENT)
    studied, planned = dates(site, "StudyDate", "CT_*.dcm"), dates(site, "RTPlanDate", "RTPLAN_*.dcm")
    assert (len(studied), len(planned)) == (2, 2)
    assert rows["Candidate"] == ["1", "2"]
    assert [cell.split(", ")[0] for cell in rows["Study"]] == sorted(studied)
    assert rows["Plan date"] == sorted(planned)
    assert rows["Dose maximum"] == [f"{truth.max_dose_gy:.2f} Gy"] * 2
    assert rows["Prescription"] == [f"{truth.prescription_gy:.2f} Gy"] * 2
    assert set(rows["Dose UIDs"]) == {structures.dose_uid for structures in truth.structure_sets}
    for cell, number in zip(rows["Picture"], (1, 2), strict=True):
        file = Path(cell.replace(" ", ""))
        assert file == site.patient(PATIENT).path / "candidate_studies" / f"{number}.png"
        with Image.open(file) as picture:
            assert min(picture.size) >= 300


def test_each_candidates_dose_maximum_is_its_own(pdcp: Pdcp, site: Site) -> None:
    """The boost of P24 gives a fifth of the course's dose."""
    rows = shown(pdcp, site, "show", "--patient", "P24")
    highest = site.truth("P24").max_dose_gy
    maxima = dict(zip(rows["Plan"], rows["Dose maximum"], strict=True))
    assert maxima == {"Breast 1-1": f"{highest:.2f} Gy", "Boost": f"{highest / 5:.2f} Gy"}


def test_in_quarantine_both_candidates_are_complete_and_the_patient_stays_as_it_was(desk: Desk) -> None:
    answer = desk.ask("quarantine")
    assert answer.stdout.count("SUCCESS") == 2
    for truth in desk.site.truth(PATIENT).structure_sets:
        prepared = desk.site.store.candidate(partition_key(PATIENT), candidate_of(desk.site, truth))
        assert standing_of(prepared).status is Status.SUCCESS
        assert [asset for asset in PATIENT_FILES if prepared.manifest(asset) is None] == []
        require_dvhs(read_table(prepared.file("dvh_table")), truth)
        assert sitk.ReadImage(prepared.file("ct_volume")).GetSize()[2] == 24
    assert desk.of_patients() == of_patients(desk.before, desk.site.patient(PATIENT), others=False)
    for name in ("cohort_report.parquet", "cohort_report.html", "cohort_dvh.parquet", "patient_ids.parquet"):
        assert desk.site.files()[name] == desk.before[name]


def test_after_the_decision_the_patient_passes_because_a_person_chose(desk: Desk, decided: Answer) -> None:
    assert "1 patients: 1 passed" in decided.stdout
    standing = standing_of(desk.site.patient(PATIENT))
    assert standing.status is Status.SUCCESS
    assert "I_SUCC_010" in {finding.code for finding in standing.findings}
    assert standing.reason.endswith(CHOSEN_BY_A_PERSON)


@pytest.mark.usefixtures("decided")
def test_what_is_prepared_is_the_chosen_candidate_and_its_dvhs_are_the_closed_form(desk: Desk, second: int) -> None:
    patient, truth = desk.site.patient(PATIENT), other_truth(desk.site)
    require_dvhs(read_table(patient.file("dvh_table")), truth)
    verdicts = read_table(patient.file("candidate_studies")).set_index("candidate")["verdict"]
    assert dict(verdicts) == {second: "selected", 3 - second: "refused"}
    chosen = read_table(patient.file("verified_study")).query("verdict == 'selected'")
    assert set(chosen["sop_instance_uid"].dropna()) == {truth.sop_instance_uid, truth.plan_uid, truth.dose_uid}
    series = {pydicom.dcmread(file).SeriesInstanceUID for file in (patient.path / "dicom" / "CT").iterdir()}
    assert series == {truth.ct_series_uid}


@pytest.mark.usefixtures("decided")
def test_the_cohorts_report_and_dvhs_have_the_decided_patient(desk: Desk) -> None:
    truth = other_truth(desk.site)
    row = read_table(desk.site.store.file("cohort_report")).set_index("patient_id").loc[PATIENT]
    assert (row["status"], row["ct_series_uid"]) == ("SUCCESS", truth.ct_series_uid)
    assert row["reason"].endswith(CHOSEN_BY_A_PERSON)
    assert "I_SUCC_010" in list(row["codes"])
    page = (desk.site.store.path / "cohort_report.html").read_text(encoding="utf-8")
    assert CHOSEN_BY_A_PERSON in page
    rows = read_table(desk.site.store.file("cohort_dvh")).query("patient_id == @PATIENT")
    require_dvhs(rows, truth)


@pytest.mark.usefixtures("decided")
def test_whoever_looks_again_sees_the_decision_by_whom_and_why(desk: Desk, second: int) -> None:
    answer = desk.ask("review", "show")
    assert f"valid: candidate {second}, by Dr. Ada on " in answer.stdout
    assert "the study of the index course" in answer.stdout


@pytest.mark.usefixtures("decided")
def test_taken_back_all_is_to_the_byte_as_if_nobody_had_decided(desk: Desk) -> None:
    assert desk.of_patients(others=True) == of_patients(desk.before, desk.site.patient(PATIENT), others=True)
    desk.ask("review", "withdraw")
    assert "1 review" in desk.ask("run").stdout
    standing = standing_of(desk.site.patient(PATIENT))
    assert (standing.status, standing.code) == (Status.REVIEW, "I_REV_004")
    assert standing.reason.endswith(UNDECIDED)
    assert desk.of_patients() == of_patients(desk.before, desk.site.patient(PATIENT), others=False)
    for name in ("cohort_report.parquet", "cohort_dvh.parquet"):
        assert desk.site.files()[name] == desk.before[name]
