"""A text names a patient where it has the whole name, however that is written down."""

from __future__ import annotations

import json

import pytest

from pdcp_dagster.domain.mentions import Mentions


@pytest.mark.parametrize(
    "text", ["P1234", "P1234, P5", "patients/P1234/notes.json", "it failed for P1234.", '["P1234"]']
)
def test_a_whole_name_is_a_mention(text: str) -> None:
    assert Mentions(("P1234",)).named_in(text)


@pytest.mark.parametrize("text", ["P12345", "P1234-2", "XP1234", "%P1234", "P1234_b", "7.P1234", "p1234", ""])
def test_a_part_of_another_name_is_no_mention(text: str) -> None:
    assert not Mentions(("P1234",)).named_in(text)


def test_a_name_is_found_in_json_within_json_and_in_html() -> None:
    mentions = Mentions(('Jörg "J" \\<b>',))

    assert mentions.named_in(json.dumps({"body": json.dumps(['Jörg "J" \\<b>'])}))
    assert mentions.named_in("<td>Jörg &quot;J&quot; \\&lt;b&gt;</td>")


def test_a_short_name_is_found_in_quotes_or_alone_and_not_in_running_text() -> None:
    mentions = Mentions(("12",))

    assert mentions.named_in("12")
    assert mentions.named_in('{"patients": ["12", "7"]}')
    assert mentions.named_in(json.dumps(json.dumps(["12"])))
    assert not mentions.named_in("12 slices, 12 mm")


def test_a_patient_without_a_name_is_named_nowhere() -> None:
    assert not Mentions(("",)).named_in("anything")
