"""`pdcp review`: what waits for a person, what that person sees, and that a decision is written down and replayed."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.adapters.decisions_file import read_decisions
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

pytestmark = pytest.mark.xdist_group("commands_review")

Answer = subprocess.CompletedProcess[str]

NOBODY_LISTENS = "http://127.0.0.1:9"
HOSTILE = "[red]RV[/] :pill:\\"
PATIENTS = ("RVtwo", "RVdoses", "RVshort", "RVsound", HOSTILE)
WHO = ("--reviewer", "Dr. Ada", "--reason", "as treated")


@pytest.fixture(scope="module")
def desk(clinic: Clinic) -> Clinic:
    """Four patients to review, one of them with hostile text everywhere, and one who passes."""
    hostile = replace(tiny_rois(HOSTILE)[1], name="PTV [bold]x[/bold] __import__('os') :pill:")
    clinic.admit("RVtwo", studies=2)
    clinic.admit("RVdoses", studies=planned(PlanSpec(doses=(DoseSpec(), DoseSpec(share=0.5)))))
    clinic.admit("RVshort", studies=(StudySpec(missing_slices=2),))
    clinic.admit("RVsound")
    clinic.admit(
        HOSTILE, studies=2, study_description="[blink]Breast[/] :pill:", rois=(*tiny_rois(HOSTILE)[:1], hostile)
    )
    clinic.cohort("review", PATIENTS)
    answer = clinic.pdcp("run", "--cohort", "review", "--jobs", "2", **clinic.settings)
    assert answer.returncode == 0, answer.stderr
    assert "5 patients: 1 passed  4 review  0 excluded  0 failed" in answer.stdout
    return clinic


def review(desk: Clinic, *arguments: str) -> Answer:
    """Run `pdcp review` where no Orthanc can be reached: it must not need one."""
    what, *more = arguments
    settings = {**desk.settings, "ORTHANC_URL": NOBODY_LISTENS}
    return desk.pdcp("review", what, "--cohort", "review", *more, **settings)


def show(desk: Clinic, patient: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the printed lines, and of the candidates' tables each row's cells by its name."""
    answer = review(desk, "show", "--patient", patient)
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
    return answer.stdout.splitlines(), rows


def decisions(desk: Clinic) -> Path:
    return desk.root / "store" / "review" / "decisions.yaml"


def rerun(desk: Clinic, patient: str) -> str:
    answer = desk.pdcp("run", "--cohort", "review", "--patient", patient, **desk.settings)
    assert answer.returncode == 0, answer.stderr
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("1 patients: ")]
    return line


def require_one_line(answer: Answer, *words: str) -> None:
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    for word in words:
        assert word in line


def test_the_list_names_who_is_to_review_why_and_among_how_many_candidates(desk: Clinic) -> None:
    answer = review(desk, "list")
    assert answer.returncode == 0, answer.stderr
    shown = {line.split("│")[1].strip(): line for line in answer.stdout.splitlines() if line.startswith("│")}
    for patient, candidates in (("RVtwo", 2), ("RVdoses", 1), ("RVshort", 1), (HOSTILE, 2)):
        cells = [cell.strip() for cell in shown[patient].split("│")]
        assert cells[3:5] == [str(candidates), "none"]
    assert "several studies are eligible" in shown["RVtwo"]
    assert "RVsound" not in shown
    assert "4 to review." in answer.stdout


def test_candidates_stand_side_by_side_in_words(desk: Clinic) -> None:
    lines, rows = show(desk, "RVtwo")
    assert lines[0] == "RVtwo  REVIEW"
    assert rows["Candidate"] == ["1", "2"]
    dates = [cell.split(",")[0] for cell in rows["Study"]]
    assert dates == sorted(dates)
    assert [cell.split(", ", 1)[1] for cell in rows["Study"]] == ["Breast planning"] * 2
    assert [cell.split(",")[0] for cell in rows["CT"]] == ["12 slices"] * 2
    assert rows["ROIs"] == ["4: BODY, PTV_50, CTV, Lung_L"] * 2
    assert rows["Plan"] == ["Breast 1-1", "Breast 2-1"]
    assert rows["Intent"] == ["CURATIVE"] * 2
    assert rows["Approval"] == ["APPROVED"] * 2
    assert rows["Fractions"] == ["25"] * 2
    assert rows["Prescription"] == ["50.00 Gy"] * 2
    assert rows["Linked by"] == ["UID"] * 2
    assert rows["Verdict"] == ["open: several studies are eligible and no rule chooses one"] * 2
    pictures = [Path(cell.replace(" ", "")) for cell in rows["Picture"]]
    assert [picture.name for picture in pictures] == ["1.png", "2.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert "In quarantine" not in rows
    assert lines[-1].startswith("Decision  none")
    assert sum("(I_REV_004)" in line for line in lines) == 1


def test_doses_that_differ_are_shown_with_the_maximum_of_each(desk: Clinic) -> None:
    _, rows = show(desk, "RVdoses")
    (shown,) = rows["Dose UIDs"]
    first, second = (float(number) for number in re.findall(r"maximum ([\d.]+) Gy", shown))
    assert min(first, second) == pytest.approx(max(first, second) / 2, abs=0.01)


def test_text_from_dicom_is_shown_to_the_letter_and_steers_nothing(desk: Clinic) -> None:
    lines, rows = show(desk, HOSTILE)
    assert lines[0] == f"{HOSTILE}  REVIEW"
    assert rows["Study"][0].endswith(", [blink]Breast[/] :pill:")
    assert rows["ROIs"][0] == "2: BODY, PTV [bold]x[/bold] __import__('os') :pill:"
    answer = review(
        desk, "decide", "--patient", HOSTILE, "--candidate", "1", "--reviewer", "[b]", "--reason", "[/b]\x1b[31m"
    )
    assert answer.returncode == 0, answer.stderr
    assert "\x1b" not in answer.stdout
    assert f"Next: pdcp run --cohort review --patient '{HOSTILE}'" in answer.stdout
    lines, _ = show(desk, HOSTILE)
    assert "by [b] on " in lines[-1]
    assert "'[/b]\N{REPLACEMENT CHARACTER}[31m'" in lines[-1]
    assert "1 passed" in rerun(desk, HOSTILE)
    assert review(desk, "withdraw", "--patient", HOSTILE).returncode == 0


def test_a_decision_is_written_down_told_replayed_and_taken_back(desk: Clinic) -> None:
    answer = review(desk, "decide", "--patient", "RVtwo", "--candidate", "2", *WHO, "--date", "2026-02-03")
    assert answer.returncode == 0, answer.stderr
    assert "SUCCESS" in answer.stdout
    assert "Next: pdcp run --cohort review --patient RVtwo" in answer.stdout
    decision = read_decisions(decisions(desk))["RVtwo"]
    assert (decision.reviewer, decision.date, decision.reason) == ("Dr. Ada", dt.date(2026, 2, 3), "as treated")
    (shown,) = [line for line in review(desk, "list").stdout.splitlines() if "RVtwo" in line]
    assert "valid from the" in shown
    lines, rows = show(desk, "RVtwo")
    assert lines[-1] == "Decision  valid from the next run on: candidate 2, by Dr. Ada on 2026-02-03, 'as treated'"
    assert rows["Verdict"][0] == "refused: a person chose another candidate"
    assert rows["Verdict"][1].startswith("selected: ")

    assert "1 passed" in rerun(desk, "RVtwo")
    assert "RVtwo" not in review(desk, "list").stdout
    lines, _ = show(desk, "RVtwo")
    assert lines[0] == "RVtwo  SUCCESS"
    assert lines[-1].startswith("Decision  valid: candidate 2, ")

    again = review(desk, "decide", "--patient", "RVtwo", "--exclude", *WHO)
    assert "Replaced: valid: candidate 2, by Dr. Ada on 2026-02-03" in again.stdout
    assert "EXCLUDE" in again.stdout
    assert read_decisions(decisions(desk))["RVtwo"].date == dt.datetime.now().astimezone().date()
    assert "1 excluded" in rerun(desk, "RVtwo")

    assert review(desk, "withdraw", "--patient", "RVtwo").returncode == 0
    assert "RVtwo" not in read_decisions(decisions(desk))
    assert "1 review" in rerun(desk, "RVtwo")
    require_one_line(review(desk, "withdraw", "--patient", "RVtwo"), "there is no decision on patient 'RVtwo'")


def test_a_dose_is_chosen_among_those_of_one_plan(desk: Clinic) -> None:
    _, rows = show(desk, "RVdoses")
    uid = rows["Dose UIDs"][0].split(" ")[0]
    answer = review(desk, "decide", "--patient", "RVdoses", "--candidate", "1", "--dose", uid, *WHO)
    assert answer.returncode == 0, answer.stderr
    lines, _ = show(desk, "RVdoses")
    assert f"candidate 1 with dose {uid} only" in lines[-1]
    rerun(desk, "RVdoses")
    lines, _ = show(desk, "RVdoses")
    assert not any("XXIV_REV_001" in line for line in lines)


def test_a_code_is_accepted_and_the_patient_passes(desk: Clinic) -> None:
    lines, _ = show(desk, "RVshort")
    codes = [line.rsplit("(", 1)[1].rstrip(")") for line in lines if line.startswith("To review: ")]
    assert "II_REV_005" in codes
    accepted = [word for code in codes for word in ("--accept", code)]
    answer = review(desk, "decide", "--patient", "RVshort", *accepted, *WHO)
    assert answer.returncode == 0, answer.stderr
    assert "1 passed" in rerun(desk, "RVshort")
    lines, _ = show(desk, "RVshort")
    assert "accepted II_REV_005" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--candidate", "7"), ("there is no candidate 7, but 1",)),
        (("--candidate", "1", "--dose", "1.2"), ("candidate 1 has no dose '1.2'",)),
        (("--study", "1.2\x1b"), (r"no candidate is of study '1.2\x1b'",)),
        (("--accept", "I_REV_004"), ("I_REV_004", "leaves a choice open")),
        (("--accept", "XXV_REV_003"), ("has no code 'XXV_REV_003' to accept",)),
        ((), ("a decision needs",)),
        (("--exclude", "--candidate", "1"), ("a decision chooses a study, or a chain, or excludes the patient",)),
    ],
)
def test_a_decision_that_cannot_be_meant_is_one_line_and_writes_nothing(
    desk: Clinic, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    before = decisions(desk).read_bytes() if decisions(desk).exists() else b""
    require_one_line(review(desk, "decide", "--patient", "RVsound", *arguments, *WHO), *words)
    assert (decisions(desk).read_bytes() if decisions(desk).exists() else b"") == before


@pytest.mark.parametrize("command", ["show", "decide", "withdraw"])
def test_a_patient_whom_nobody_knows_is_one_line(desk: Clinic, command: str) -> None:
    more = ("--exclude", *WHO) if command == "decide" else ()
    require_one_line(review(desk, command, "--patient", "\x1b]0;x", *more), r"'\x1b]0;x'")


def test_a_cohort_that_was_never_run_is_one_line(desk: Clinic) -> None:
    desk.cohort("unrun")
    answer = desk.pdcp("review", "list", "--cohort", "unrun", **desk.settings)
    require_one_line(answer, "nothing of cohort 'unrun' yet", "pdcp run --cohort unrun")


def test_a_file_of_decisions_with_a_mistake_stops_every_command_before_it_does_anything(desk: Clinic) -> None:
    path = decisions(desk)
    before = path.read_text() if path.exists() else None
    path.write_text("decisions: [{patient_id: 12}]")
    try:
        said = ("decisions.yaml: entry 1: ", "patient_id: input should be a valid string, not of type int")
        require_one_line(desk.pdcp("run", "--cohort", "review", **desk.settings), *said)
        require_one_line(review(desk, "list"), *said)
        require_one_line(review(desk, "decide", "--patient", "RVsound", "--exclude", *WHO), *said)
        require_one_line(review(desk, "withdraw", "--patient", "RVsound"), *said)
        assert path.read_text() == "decisions: [{patient_id: 12}]"
    finally:
        path.unlink() if before is None else path.write_text(before)
