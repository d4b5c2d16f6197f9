"""PatientIDs and ROI names are text from outside: whatever they hold, they stay text, and stay apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from dagster import AssetKey, DynamicPartitionsDefinition
from PIL import Image, ImageDraw

from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.pictures.text import fitting, width_of, write_on_image
from pdcp_dagster.adapters.report_page import write_report
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.domain.keys import folder_of, partition_key, roi_file_stems, uid_name
from pdcp_dagster.domain.simplified_tags import text

HOSTILE = (
    *("", " ", ".", "..", "...", "~", "A/B", "A//B", "A\\B", "/etc/passwd", "../../etc/passwd", "C:\\x", "a:b"),
    *("A\0B", "A\nB", "A\r\nB", "A\tB", "\x1b[31mred", "\x7f", "\x9b31m", "A\u2028B", "A\u0085B"),
    *("X" * 64, "X" * 65, "x" * 10_000, "é" * 200, "\N{PILE OF POO}" * 60),
    *("right\u202eleft", "\u200bzero", "\ufeffmark", "e\u0301", "é", "\u1100\u1161", "\uac00", "\u212a", "k", "K"),
    *("ß", "ss", "SS", "\N{LATIN SMALL LETTER DOTLESS I}", "i", "I", "İ", "ﬁ", "fi"),
    *("CON", "con", "nul.txt", "com1", "trailing.", "trailing ", " leading", "trailing", "%2e%2e", "%2E%2E", "%00"),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'&amp;", "{{ 7*7 }}", "{% x %}", "${x}"),
    *("$(reboot)", "`id`", "; rm -rf /", "|cat", "--help", "-rf", "=1+1", "@SUM(A1)", "+1", "[red]x[/]", ":warning:"),
    *("P1", "p1", "P1--" + hashlib.sha256(b"P1").hexdigest()[:16], "a%20b", "a b", "a--b", "__proto__", "None", "nan"),
    *("\ud800", "\udfff", "a\ud83d"),
)
SURROGATES = tuple(each for each in HOSTILE if any(unicodedata.category(letter) == "Cs" for letter in each))
TEXTS = tuple(each for each in HOSTILE if each not in SURROGATES)


def test_the_names_are_all_different() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 80


def test_no_two_patients_share_a_key_or_a_folder_on_any_disk() -> None:
    """Not on one that takes case, or two spellings of a letter, for the same."""
    keys = [partition_key(each) for each in HOSTILE]
    assert len(set(keys)) == len(HOSTILE)
    folders = {unicodedata.normalize("NFKC", folder_of(key)).casefold() for key in keys}
    assert len(folders) == len(HOSTILE)


@pytest.mark.parametrize("patient_id", HOSTILE, ids=lambda each: ascii(each)[:30])
def test_a_patients_folder_lies_in_the_store_and_can_be_made(patient_id: str, tmp_path: Path) -> None:
    folder = Store(tmp_path).cohort("ward").patient(partition_key(patient_id)).path
    assert folder.parent == tmp_path / "ward" / "patients"
    assert re.fullmatch(r"[a-zA-Z0-9_%-]{1,82}", folder.name)
    folder.mkdir(parents=True)
    assert folder.resolve().is_relative_to(tmp_path.resolve())


def test_every_key_is_a_partition_of_dagster() -> None:
    keys = [partition_key(each) for each in HOSTILE]
    DynamicPartitionsDefinition(name="ward_patients").build_add_request(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_%-]+", key) for key in keys)
    assert all(AssetKey(["ward", key]).to_user_string() == f"ward/{key}" for key in keys)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda each: ascii(each)[:30])
def test_a_line_on_the_terminal_stays_a_line(name: str) -> None:
    assert "\n" not in printable(name)
    assert "\x1b" not in printable(name)


@pytest.mark.parametrize("surrogate", SURROGATES, ids=ascii)
def test_text_that_no_file_takes_becomes_text_that_any_takes(surrogate: str) -> None:
    assert (text(surrogate) or "").encode() == surrogate.encode("utf-8", "replace")


class _Elements(HTMLParser):
    """Counts the elements of a page, and keeps its text and the names of its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def _elements(patient_ids: tuple[str, ...], file: Path) -> _Elements:
    rows = [
        {"patient_id": each, "partition_key": partition_key(each), "status": "FAILED", "codes": [], "reason": each}
        for each in patient_ids
    ]
    write_report(file, cohort="ward", rows=rows, generated="2024-05-02", software_version="0")
    found = _Elements()
    found.feed(file.read_text(encoding="utf-8"))
    return found


def test_the_report_has_the_same_elements_whatever_the_patients_are_called(tmp_path: Path) -> None:
    hostile = _elements(TEXTS, tmp_path / "hostile.html")
    plain = _elements(tuple(f"P{n}" for n in range(len(TEXTS))), tmp_path / "plain.html")
    assert hostile.tags.count("script") == plain.tags.count("script")
    assert set(hostile.tags) == set(plain.tags)
    assert hostile.attributes == plain.attributes
    assert not any(name.startswith("on") for name in hostile.attributes)


def test_no_two_rois_share_a_file_on_any_disk(tmp_path: Path) -> None:
    stems = roi_file_stems(enumerate(HOSTILE, start=1))
    assert len({unicodedata.normalize("NFC", stem).lower() for stem in stems.values()}) == len(HOSTILE)
    for stem in stems.values():
        file = tmp_path / f"{stem}.nii.gz"
        file.touch(exist_ok=False)
        assert file.resolve().parent == tmp_path.resolve()
        assert len(file.name.encode()) < 255
        assert not stem.startswith(("-", ".", "~")), stem


def test_roi_names_come_back_from_a_table_as_they_were(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"roi_name": TEXTS}), tmp_path / "structures.parquet")
    assert tuple(read_table(tmp_path / "structures.parquet")["roi_name"]) == TEXTS


@pytest.mark.parametrize("name", TEXTS, ids=lambda each: ascii(each)[:30])
def test_a_name_is_drawn_into_the_room_that_it_has(name: str) -> None:
    short = fitting(name, 100, size=12)
    assert width_of(short, size=12) <= 100
    write_on_image(ImageDraw.Draw(Image.new("RGB", (120, 20))), (0, 0), short, size=12, anchor="la")


@pytest.mark.parametrize("uid", HOSTILE, ids=lambda each: ascii(each)[:30])
def test_what_is_no_uid_never_becomes_a_path(uid: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_%-]{1,82}", uid_name(uid))
