"""Every link of every page leads somewhere: files are there, headings are there, the index knows all pages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from pdcp_dagster_tests.docs.pages import PROJECT, pages, text_of, without_fences

_LINK = re.compile(r"""(?<!`)\]\(([^()\s]+)\)|src="([^"]+)\"""")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_SESSION_TALK = re.compile(r"\b(?:issue|session) [0-9]", re.IGNORECASE)
_ELSEWHERE = ("http://", "https://")


def links(page: str) -> list[str]:
    found = [first or second for first, second in _LINK.findall(without_fences(page))]
    return [link for link in found if not link.startswith(_ELSEWHERE)]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub and GitLab make of a page's headings."""
    made: set[str] = set()
    for heading in _HEADING.findall(without_fences(page)):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        made.add(plain if plain not in made else f"{plain}-1")
    return made


def target_of(page: str, link: str) -> tuple[str, str]:
    """Return the path in the project, and the anchor, that a link of a page leads to."""
    path, _, anchor = link.partition("#")
    if not path:
        return page, anchor
    parts: list[str] = []
    for part in (*PurePosixPath(page).parent.parts, *PurePosixPath(path).parts):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), anchor


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: str) -> None:
    for link in links(page):
        path, anchor = target_of(page, link)
        assert (PROJECT / path).exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(path), f"{page}: {link}; there: {sorted(anchors(path))}"


def test_the_index_names_every_page() -> None:
    named = {target_of("docs/index.md", link)[0] for link in links("docs/index.md")}
    assert set(pages()) - {"docs/index.md"} <= named


def test_the_readme_leads_to_the_index_and_the_guides() -> None:
    named = {target_of("README.md", link)[0] for link in links("README.md")}
    assert {"docs/index.md", "docs/users-guide.md", "docs/deployment.md", "docs/developers-guide.md"} <= named


def test_no_page_names_this_machine_or_a_session() -> None:
    for page in pages():
        text = text_of(page)
        assert str(PROJECT) not in text, page
        assert _SESSION_TALK.search(text) is None, page
