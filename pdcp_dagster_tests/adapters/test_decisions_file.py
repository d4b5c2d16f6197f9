"""decisions.yaml: what was decided is what is read, and what cannot be read is never taken for no decision."""

from __future__ import annotations

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pdcp_dagster.adapters.decisions_file import (
    DecisionsFileError,
    read_decisions,
    record_decision,
    withdraw_decision,
)
from pdcp_dagster.domain.decisions import ChosenChain, Decision

EVIDENCE = "0123456789012345"
BY_HAND = f"""
decisions:
  - patient_id: '0012'
    study_instance_uid: '1.2.3'
    accepted: ["II_REV_001: 400 slices"]
    reviewer: Dr. Ada
    date: 2026-02-03
    reason: the boost came later
    evidence: '{EVIDENCE}'
  - {{patient_id: '12', exclude: true, reviewer: B, date: 2026-02-04, reason: re-irradiation, evidence: {"f" * 16}}}
"""


def a_decision(patient_id: str = "P1", **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "patient_id": patient_id,
        "chain": ChosenChain(ct_series_uid="1.1", rtstruct_uids=("1.2",), rtplan_uids=("1.3",), rtdose_uids=("1.4",)),
        "reviewer": "Dr. Ada",
        "date": dt.date(2026, 2, 3),
        "reason": "the treated plan",
        "evidence": EVIDENCE,
        **changes,
    }
    return Decision(**fields)


def a_file(folder: Path, content: str) -> Path:
    path = folder / "decisions.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_without_a_file_nothing_was_decided(tmp_path: Path) -> None:
    assert read_decisions(tmp_path / "cohort" / "decisions.yaml") == {}
    assert not (tmp_path / "cohort").exists(), "to look leaves no trace"


def test_a_file_written_by_hand_is_read_by_patient_id_to_the_letter(tmp_path: Path) -> None:
    decisions = read_decisions(a_file(tmp_path, BY_HAND))
    assert decisions == {
        "0012": Decision(
            patient_id="0012",
            study_instance_uid="1.2.3",
            accepted=("II_REV_001: 400 slices",),
            reviewer="Dr. Ada",
            date=dt.date(2026, 2, 3),
            reason="the boost came later",
            evidence=EVIDENCE,
        ),
        "12": Decision(
            patient_id="12",
            exclude=True,
            reviewer="B",
            date=dt.date(2026, 2, 4),
            reason="re-irradiation",
            evidence="f" * 16,
        ),
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected 'decisions:' and a list of entries"),
        ("decisions:", "expected 'decisions:' and a list of entries"),
        ("- patient_id: P1", "expected 'decisions:' and a list of entries"),
        ("decisions: []\nothers: []", "and nothing else"),
        ("decisions: [P1]", "entry 1: expected keys and values"),
        ("decisions: [{patient_id: P1", "while parsing"),
        (BY_HAND.replace("'0012'", "0012"), "entry 1: patient_id: input should be a valid string, not of type int"),
        (BY_HAND.replace("'12'", "'0012'"), "entry 2: its patient has an entry above"),
        (BY_HAND.replace("reviewer: B, ", ""), "entry 2: reviewer: is required"),
        (BY_HAND.replace("reviewer: B", "reviewer: ''"), "entry 2: reviewer: string should have at least 1 character"),
        (BY_HAND.replace("2026-02-03", "yesterday"), "entry 1: date: input should be a valid date"),
        (BY_HAND.replace("exclude: true", "exclude: maybe"), "entry 2: exclude: input should be a valid boolean"),
        (BY_HAND.replace("exclude: true", "exclud: true"), "entry 2: exclud: there is no such key"),
        (BY_HAND.replace("exclude: true, ", ""), "entry 2: a decision needs study_instance_uid, chain, exclude or"),
        (BY_HAND.replace("II_REV_001: 400 slices", "I_REV_004"), "accepted: I_REV_004 is no code that can be accepted"),
        (BY_HAND.replace("II_REV_001: 4", "II_REV_999: 4"), "II_REV_999 is no code that can be accepted"),
        (BY_HAND.replace("II_REV_001: 4", "I_EXEC_005: 4"), "I_EXEC_005 is no code that can be accepted"),
        (BY_HAND.replace("study_instance_uid", "exclude: true\n    study_instance_uid"), "chooses a study, or a chain"),
        (BY_HAND.replace("f" * 16, "today"), "entry 2: evidence: string should match pattern"),
        (BY_HAND.replace("Dr. Ada", "!!python/object/apply:os.system ['true']"), "could not determine a constructor"),
        (BY_HAND.replace("reviewer: Dr. Ada", "reviewer: A\n    reviewer: B"), "reviewer: given twice in the section"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_told_in_one_line_and_is_never_no_decision(
    tmp_path: Path, content: str, said: str
) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(DecisionsFileError) as caught:
        read_decisions(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / "decisions.yaml").mkdir()
    with pytest.raises(DecisionsFileError, match="cannot be read: Is a directory"):
        read_decisions(tmp_path / "decisions.yaml")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DecisionsFileError, match="cannot be read: Not a directory"):
        read_decisions(tmp_path / "file" / "decisions.yaml")


def test_a_change_is_seen_at_once_and_an_unchanged_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path, BY_HAND)
    assert read_decisions(path)["12"].reviewer == "B"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
        assert read_decisions(path)["12"].reviewer == "B"
    before = path.stat()
    path.write_text(BY_HAND.replace("reviewer: B", "reviewer: C"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert read_decisions(path)["12"].reviewer == "C"


def test_a_decision_replaces_the_earlier_one_on_its_patient_and_leaves_the_others(tmp_path: Path) -> None:
    path = a_file(tmp_path, BY_HAND)
    record_decision(path, a_decision("12"))
    record_decision(path, a_decision("99", chain=None, accepted=("II_REV_002: 3 slices", "II_REV_005: 1 of 4")))
    decisions = read_decisions(path)
    assert list(decisions) == ["0012", "12", "99"]
    assert decisions["12"] == a_decision("12")
    assert decisions["99"].accepted == ("II_REV_002: 3 slices", "II_REV_005: 1 of 4")
    assert decisions["0012"].reason == "the boost came later"


def test_the_file_reads_as_text_for_people_with_patient_ids_that_no_yaml_reader_takes_for_numbers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ward" / "decisions.yaml"
    record_decision(path, a_decision("0012", exclude=True, chain=None))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line[0] for line in lines[:2]] == ["#", "#"]
    assert lines[2:] == [
        "decisions:",
        '  - patient_id: "0012"',
        "    exclude: true",
        "    reviewer: Dr. Ada",
        "    date: 2026-02-03",
        "    reason: the treated plan",
        f'    evidence: "{EVIDENCE}"',
    ]


def test_a_withdrawn_decision_is_gone_and_a_second_withdrawal_says_so(tmp_path: Path) -> None:
    path = a_file(tmp_path, BY_HAND)
    assert withdraw_decision(path, "0012")
    assert list(read_decisions(path)) == ["12"]
    assert not withdraw_decision(path, "0012")
    assert withdraw_decision(path, "12")
    assert read_decisions(path) == {}


def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    path = a_file(tmp_path, "decisions: [P1]")
    for write in (lambda: record_decision(path, a_decision()), lambda: withdraw_decision(path, "P1")):
        with pytest.raises(DecisionsFileError, match="entry 1"):
            write()
    assert path.read_text() == "decisions: [P1]"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DecisionsFileError, match=r"decisions\.yaml: cannot be written: "):
        record_decision(tmp_path / "file" / "decisions.yaml", a_decision())


def test_a_disk_that_fills_up_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_file(tmp_path, BY_HAND)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(DecisionsFileError, match="cannot be written: No space left on device"):
            record_decision(path, a_decision())
    assert path.read_text() == BY_HAND
    assert sorted(read_decisions(path)) == ["0012", "12"]


def test_of_many_who_decide_at_once_nobodys_decision_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "decisions.yaml"
    patients = [f"P{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda patient: record_decision(path, a_decision(patient)), patients))
    assert sorted(read_decisions(path)) == sorted(patients)


@example(patient_id="0", reviewer="0", reason="\x85")
@given(patient_id=st.text(min_size=1), reviewer=st.text(min_size=1), reason=st.text(min_size=1))
def test_whatever_text_a_decision_holds_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, patient_id: str, reviewer: str, reason: str
) -> None:
    path = tmp_path_factory.mktemp("decisions") / "decisions.yaml"
    try:
        decision = a_decision(patient_id, reviewer=reviewer, reason=reason)
    except ValidationError:  # halves of characters are no text
        return
    record_decision(path, decision)
    assert dict(read_decisions(path)) == {patient_id: decision}


@pytest.mark.parametrize(
    "patient_id", ["0012", "1e3", "null", "yes", "2026-02-03", "- a", "a: b", "#x", "\x1b[31m", "é\u2028", "\x85"]
)
def test_a_patient_id_that_looks_like_something_else_stays_text(tmp_path: Path, patient_id: str) -> None:
    path = tmp_path / "decisions.yaml"
    record_decision(path, a_decision(patient_id))
    assert list(read_decisions(path)) == [patient_id]
