"""Codes: complete in themselves, and the status follows from them alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.codes import CODES, STEPS, Effect, Finding, Status, deciding, in_words, status_of

AGREED = """I_EXEC_001 I_EXEC_003 I_EXEC_004 I_EXEC_005 I_EXEC_006 I_SUCC_001 I_SUCC_002 I_REV_001 I_REV_004 I_NOTE_001
I_NOTE_002 I_NOTE_003 I_NOTE_004 II_EXEC_001 II_EXEC_002 II_SUCC_001 II_REV_001 II_REV_002 II_REV_003 II_REV_004
II_REV_005 II_REV_006 II_REV_007
II_NOTE_001 XI_SUCC_001 XII_SUCC_001 XII_EXEC_002 XIII_SUCC_001 XIV_SUCC_001 XIV_EXEC_002 XIV_NOTE_001 XV_SUCC_001
XVI_SUCC_001 XXIV_SUCC_001 XXIV_EXEC_003 XXIV_REV_003 XXIV_REV_001 XXIV_REV_002 XXIV_EXEC_004 XXIV_REV_004
XXIV_NOTE_001 XXIV_NOTE_002 XXV_SUCC_001 XXV_REV_001 XXV_NOTE_001 XXVI_SUCC_001
XXIV_REV_005 XXV_REV_002 XXV_REV_003
I_EXEC_002 I_EXEC_007 I_EXEC_008 I_EXEC_009 I_EXEC_010 I_EXEC_011 I_EXEC_012 I_SUCC_003 I_SUCC_004 I_SUCC_005
I_SUCC_006 I_SUCC_007 I_SUCC_008 I_SUCC_009 I_SUCC_010 I_REV_005 I_REV_006 I_REV_007 I_REV_008 I_NOTE_005 I_NOTE_006
I_NOTE_007
I_NOTE_008 I_NOTE_009 I_NOTE_010 I_NOTE_011 I_NOTE_012 I_NOTE_013 I_NOTE_014
II_EXEC_003 II_EXEC_004 II_REV_008 II_REV_009 II_REV_010 II_REV_011 II_NOTE_002 II_NOTE_003 II_NOTE_004 II_NOTE_005
II_NOTE_006 II_NOTE_007 II_REV_012 II_REV_013 II_REV_014
XII_NOTE_001 XII_NOTE_002 XIV_NOTE_002 XIV_REV_001 XIV_REV_002 XIV_REV_003 XXIV_NOTE_003 XXIV_NOTE_004 XXIV_NOTE_005
XXIV_REV_006 XXV_NOTE_002 XXV_NOTE_003""".split()  # noqa: SIM905 # a list to read

findings = st.builds(Finding, st.sampled_from(sorted(CODES)), st.text(max_size=20))


def test_the_agreed_codes_are_registered() -> None:
    assert set(CODES) == set(AGREED)


@pytest.mark.parametrize("code", AGREED)
def test_a_code_says_its_step_action_and_effect_and_speaks_in_sentences(code: str) -> None:
    entry = CODES[code]
    kind = code.split("_")[1]
    effect = (
        Effect.NOTE
        if code == "I_REV_001"
        else {
            "EXEC": Effect.EXCLUDE,
            "REV": Effect.REVIEW,
            "SUCC": Effect.PROCEED,
            "NOTE": Effect.NOTE,
        }[kind]
    )
    assert (entry.code, entry.effect) == (code, effect)
    assert entry.step in STEPS
    assert entry.action in {"EXECLUDE", "PROCEED", "LOW", "NORMAL", "SEVERE"}
    assert (entry.action == "EXECLUDE") == (effect is Effect.EXCLUDE)
    assert entry.meaning[0].islower() or entry.meaning.startswith(("CT", "RT"))
    assert not entry.meaning.endswith(".")
    assert entry.remedy.endswith(".")


def test_an_unregistered_code_is_refused() -> None:
    with pytest.raises(ValueError, match="I_EXEC_999"):
        Finding("I_EXEC_999")


@pytest.mark.parametrize(
    ("finding", "note"),
    [
        (Finding("I_SUCC_001"), "I: I_SUCC_001:PROCEED"),
        (Finding("II_REV_001", "400 slices"), "II: II_REV_001:SEVERE:400 slices"),
        (Finding("I_EXEC_005", "no RTDOSE: a_EXEC_b:x\nnow"), "I: I_EXEC_005:EXECLUDE:no RTDOSE; a_EXEC_b;x now"),
        (Finding("I_REV_001", " \n"), "I: I_REV_001:LOW"),
    ],
)
def test_a_note_is_the_originals_string(finding: Finding, note: str) -> None:
    assert finding.note() == note


@given(findings)
def test_a_note_splits_on_colons_as_the_originals_scripts_expect(finding: Finding) -> None:
    step, code, action, *detail = finding.note().split(":")
    assert (step, code.strip(), action) == (CODES[finding.code].step, finding.code, CODES[finding.code].action)
    assert len(detail) <= 1


@pytest.mark.parametrize(
    ("codes", "status", "decisive"),
    [
        ([], Status.SUCCESS, None),
        (["I_NOTE_001"], Status.SUCCESS, None),
        (["I_SUCC_001", "I_NOTE_004", "II_SUCC_001"], Status.SUCCESS, "II_SUCC_001"),
        (["I_REV_001", "I_SUCC_002"], Status.SUCCESS, "I_SUCC_002"),
        (["I_SUCC_001", "II_REV_001", "II_REV_002", "II_SUCC_001"], Status.REVIEW, "II_REV_001"),
        (["II_REV_002", "II_EXEC_002", "XII_EXEC_002"], Status.EXCLUDE, "II_EXEC_002"),
    ],
)
def test_the_status_follows_from_the_codes(codes: list[str], status: Status, decisive: str | None) -> None:
    found = [Finding(code) for code in codes]
    assert status_of(found) is status
    deciding_one = deciding(found)
    assert (deciding_one.code if deciding_one else None) == decisive


def test_words_come_first_and_the_code_last() -> None:
    missing = Finding("I_EXEC_005", "no RTDOSE in the archive")
    assert in_words(missing) == "Excluded: no RTDOSE in the archive. Ask for a re-export. (I_EXEC_005)"
    assert (
        in_words(Finding("XII_SUCC_001", "150 slices")) == "Passed: the CT volume was built: 150 slices. (XII_SUCC_001)"
    )


@given(findings)
def test_what_a_person_reads_is_one_line_that_ends_in_the_code(finding: Finding) -> None:
    assert re.fullmatch(r"(Excluded|To review|Passed|Note): .+\. \(\w+\)", in_words(finding))
