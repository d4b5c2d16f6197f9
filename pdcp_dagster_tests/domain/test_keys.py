"""Names made from untrusted text: safe, and never mistaken for one another."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdcp_dagster.domain.keys import folder_of, partition_key, roi_file_stems, safe_name, uid_name

HOSTILE = [
    *("", ".", "..", "../../evil", "a/b", "a//b", "a\\b", "A B/ü", "../A B/ü", "~root", "CON", "nul", "com1"),
    *("a\nb", "a\0b", "x" * 65, "X" * 300, "P1", "p1", "P10", "0012", "12", "a--b", "%2E", "a%20b", "a b", "é"),
    *("e\u0301", "-rf", "--", "P1--" + hashlib.sha256(b"P1").hexdigest()[:16]),
]


def test_a_plain_patient_id_is_its_own_partition_key() -> None:
    for plain in ("0012", "HN-CHUM-001", "P1", "a_b", "x" * 64):
        assert partition_key(plain) == plain


def test_a_lower_case_plain_id_is_its_own_folder_and_an_upper_case_one_gets_its_hash() -> None:
    assert folder_of("hn-001") == "hn-001"
    assert folder_of("P1") == "P1--" + hashlib.sha256(b"P1").hexdigest()[:16]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_leaves_its_folder(text: str) -> None:
    name = safe_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_%-]+", name)
    assert len(name) <= 64 + 18
    assert folder_of(partition_key(text)) == name or partition_key(text) == text


def test_no_two_hostile_names_share_a_key_or_a_folder_on_a_disk_that_ignores_case() -> None:
    keys = [partition_key(text) for text in HOSTILE]
    assert len(set(keys)) == len(HOSTILE)
    assert len({folder_of(key).lower() for key in keys}) == len(HOSTILE)


@given(st.lists(st.text(max_size=80), min_size=2, max_size=6, unique=True))
@example(["a%20b", "a b"])
def test_different_ids_never_share_a_folder(texts: list[str]) -> None:
    assert len({folder_of(partition_key(text)).lower() for text in texts}) == len(texts)


@given(st.text(max_size=80))
def test_a_key_typed_by_hand_leads_to_the_same_folder_as_the_listed_one(text: str) -> None:
    assert folder_of(partition_key(text)).lower() == safe_name(text).lower() or partition_key(text) == text


def test_roi_files_that_differ_in_case_only_get_their_numbers() -> None:
    stems = roi_file_stems([(1, "Heart"), (2, "heart"), (3, "Lung_L")])
    assert stems == {1: "Heart__1", 2: "heart__2", 3: "Lung_L"}


def test_roi_names_never_become_a_path() -> None:
    stems = roi_file_stems([(1, "PTV/boost"), (2, "PTV\\boost"), (3, ".."), (4, ""), (5, "a" * 500), (6, "CON")])
    assert stems[1] == "PTV_boost__1"
    assert stems[2] == "PTV_boost__2"
    assert stems[3] == "ROI_3"
    assert stems[4] == "ROI_4"
    assert len(stems[5].encode()) <= 120
    assert stems[6] == "ROI_6"


@given(st.dictionaries(st.integers(0, 999), st.text(max_size=12), max_size=12))
@example({1: "a", 2: "a", 3: "a__1"})
def test_every_roi_gets_a_stem_of_its_own(names: dict[int, str]) -> None:
    stems = roi_file_stems(names.items())
    assert stems.keys() == names.keys()
    assert len({stem.lower() for stem in stems.values()}) == len(names)


@pytest.mark.parametrize("uid", ["../../../evil", "/etc/passwd", "..", "1..2", "1.2/3", "", "1." * 40 + "1", "1.2\n"])
def test_a_uid_that_is_none_never_becomes_a_path(uid: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_%-]+", uid_name(uid))
    assert uid_name(uid) != uid


def test_a_uid_is_its_own_file_name() -> None:
    assert uid_name("1.2.840.10008.1") == "1.2.840.10008.1"
