"""Commands in the pages' running text are there too: each subcommand, option and target; and no block hides one."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from pdcp_dagster.cli import main
from pdcp_dagster_tests.docs.pages import PROJECT, fences, pages, without_fences

_INLINE = re.compile(r"`([^`\n]+)`")
LANGUAGES = {"sh", "python", "yaml", "nginx"}
"""sh is run, python is run, yaml is loaded by the page's own test, nginx is for reading."""


def inline(program: str) -> list[tuple[str, str]]:
    """Return which page has which command of a program in its running text, `.venv/bin/` aside."""
    found = [(page, text) for page in pages() for text in _INLINE.findall(without_fences(page))]
    return [
        (page, text)
        for page, text in ((page, text.removeprefix(".venv/bin/")) for page, text in found)
        if text.split()[0] == program and not text.endswith("...")
    ]


def require_known(text: str) -> None:
    """Fail where `pdcp` has no such subcommand, or that one no such option."""
    command: click.Command = main
    for word in shlex.split(text)[1:]:
        if word.startswith("-"):
            known = {option for each in command.params for option in each.opts} | {"--help", "-h"}
            assert word.split("=")[0] in known, text
        elif isinstance(command, click.Group):
            alternatives = word.split("|")
            assert set(alternatives) <= set(command.commands), text
            command = command.commands[alternatives[0]]


@pytest.mark.parametrize("page", pages())
def test_every_pdcp_command_of_the_text_is_one(page: str) -> None:
    for told_by, text in inline("pdcp"):
        if told_by == page:
            require_known(text)


def test_the_check_finds_what_is_not_there() -> None:
    for wrong in ("pdcp rum", "pdcp run --cohorts breast", "pdcp review list|shew"):
        with pytest.raises(AssertionError):
            require_known(wrong)
    require_known("pdcp review list|show|decide|withdraw")
    require_known("pdcp run --cohort breast --patient '<PatientID>'")


def test_every_make_target_of_the_text_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {word for _, text in inline("make") for word in text.split()[1:] if re.fullmatch(r"[a-z-]+", word)}
    assert named
    assert named <= targets


def test_every_block_says_what_it_is() -> None:
    for fence in fences():
        assert fence.language in LANGUAGES, f"{fence.page}: {fence.text[:80]}"
