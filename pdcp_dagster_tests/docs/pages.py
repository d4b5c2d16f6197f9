"""The pages of the project, and what stands in their fences.

What lives here: reading Markdown. What does not: laws about pages (the tests), or running what they say (`workplace`).
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
_FIRST = ("README.md", "docs/users-guide.md")
"""Read in this order; a later page may build on what their commands made."""
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s+#\s.*$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n\s*")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block between ``` of a page, without its indentation."""

    page: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands of a block of the shell, without comments, continued lines joined."""
        joined = _CONTINUED.sub(" ", self.text)
        lines = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def pages() -> list[str]:
    """Return the pages' paths in the project: the README first, then the user's guide."""
    found = {path.relative_to(PROJECT).as_posix() for path in (*PROJECT.glob("*.md"), *DOCS.rglob("*.md"))}
    return [*_FIRST, *sorted(found - set(_FIRST))]


def text_of(page: str) -> str:
    """Return a page's Markdown."""
    return (PROJECT / page).read_text(encoding="utf-8")


def fences(language: str | None = None, page: str | None = None) -> list[Fence]:
    """Return the blocks of all pages, or of one, in order; of all languages, or of one."""
    found = [
        Fence(name, match["language"], textwrap.dedent(match["text"]))
        for name in ([page] if page else pages())
        for match in _FENCE.finditer(text_of(name))
    ]
    return [fence for fence in found if language is None or fence.language == language]


def without_fences(page: str) -> str:
    """Return a page's text between its blocks."""
    return _FENCE.sub("", text_of(page))


def commands() -> list[str]:
    """Return every command that a page tells the reader to give, each once, in the order of the pages."""
    return list(dict.fromkeys(command for fence in fences("sh") for command in fence.commands))
