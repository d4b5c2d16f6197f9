"""The boxes and arrows of the attrition diagram as SVG.

What lives here: their geometry in pixels, text broken into lines by an estimate of its width. What does not: what they
say (`attrition`), their colours (`style`).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.report_page.cells import counted, escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 680
MAIN_HEIGHT = 58.0
GAP = 20.0
_MAIN_WIDTH = 290
_STEM = 56
"""Where the way down runs."""

_SIDE_LEFT = 96
_SIDE_WIDTH = WIDTH - _SIDE_LEFT - 1
_COUNT_RIGHT = _SIDE_LEFT + 56
_WORDS_LEFT = _COUNT_RIGHT + 14
_WORDS_CHARACTERS = 72
"""Characters of 13 px that fit beside the count, at 7 px each, wider than the average of any usual font."""

_TITLE_HEIGHT, _LINE, _PAD, _BETWEEN = 30.0, 18.0, 8.0, 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A count with its words, the code where one decided, and the numbers of the groups that it holds."""

    count: int
    words: str
    code: str | None
    groups: tuple[int, ...]

    def lines(self) -> list[str]:
        """Return the words as lines that fit, the code behind them."""
        whole = f"{self.words} ({self.code})" if self.code else self.words
        return textwrap.wrap(whole, _WORDS_CHARACTERS, break_on_hyphens=False)

    def label(self) -> str:
        """Return the entry as it is read out, and shown as a filter."""
        return f"{self.words} ({self.code})" if self.code else self.words


def main_box(top: float, entry: Entry, kind: str) -> str:
    """Return a box of the way down: the count, large, and its words."""
    middle = top + MAIN_HEIGHT / 2
    return (
        f'{_pick(entry, f"main {kind}".strip())}<rect x="1" y="{top:g}" width="{_MAIN_WIDTH}" height="{MAIN_HEIGHT:g}" '
        f'rx="8"/><text class="many" x="20" y="{middle - 1:g}">{entry.count}</text>'
        f'<text class="words" x="20" y="{middle + 18:g}">{escaped(entry.words)}</text></g>'
    )


def list_height(entries: Sequence[Entry]) -> float:
    """Return the height of a box of entries."""
    return _TITLE_HEIGHT + sum(len(entry.lines()) * _LINE + _BETWEEN for entry in entries) + _PAD


def list_box(top: float, title: str, kind: str, entries: Sequence[Entry]) -> str:
    """Return a box beside the way down: a title with the sum, and a line for each entry."""
    total = sum(entry.count for entry in entries)
    height = list_height(entries)
    whole = Entry(total, title, None, tuple(number for entry in entries for number in entry.groups))
    frame = (
        f'<g class="side {kind}"><rect class="frame" x="{_SIDE_LEFT}" y="{top:g}" width="{_SIDE_WIDTH}" '
        f'height="{height:g}" rx="8"/><rect class="edge" x="{_SIDE_LEFT}" y="{top + 8:g}" width="4" '
        f'height="{height - 16:g}"/>'
    )
    head = (
        f'{_pick(whole, "title")}<rect class="line" x="{_SIDE_LEFT + 8}" y="{top + 4:g}" width="{_SIDE_WIDTH - 12}" '
        f'height="24" rx="5"/><text class="count" x="{_COUNT_RIGHT}" y="{top + 21:g}">{total}</text>'
        f'<text x="{_WORDS_LEFT}" y="{top + 21:g}">{escaped(title)}</text></g>'
    )
    parts = [frame, head]
    down = top + _TITLE_HEIGHT
    for entry in entries:
        parts.append(_listed(down, entry))
        down += len(entry.lines()) * _LINE + _BETWEEN
    return "".join([*parts, "</g>"])


def arrow_down(top: float, bottom: float, *, head: bool) -> str:
    """Return a piece of the way down."""
    end = bottom - 6 if head else bottom
    point = f'<path class="head" d="M{_STEM - 5} {bottom - 8:g}h10l-5 8z"/>' if head else ""
    return f'<path class="way" d="M{_STEM} {top:g}V{end:g}"/>{point}'


def arrow_right(height: float) -> str:
    """Return the arrow from the way down to a box beside it."""
    return (
        f'<path class="way" d="M{_STEM} {height:g}H{_SIDE_LEFT - 6}"/>'
        f'<path class="head" d="M{_SIDE_LEFT - 8} {height - 5:g}v10l8 -5z"/>'
    )


def _listed(top: float, entry: Entry) -> str:
    lines = entry.lines()
    texts = "".join(
        f'<tspan x="{_WORDS_LEFT}" y="{top + 14 + number * _LINE:g}">{escaped(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return (
        f'{_pick(entry, "reason")}<rect class="line" x="{_SIDE_LEFT + 8}" y="{top:g}" width="{_SIDE_WIDTH - 12}" '
        f'height="{len(lines) * _LINE + 2:g}" rx="5"/>'
        f'<text class="count" x="{_COUNT_RIGHT}" y="{top + 14:g}">{entry.count}</text><text>{texts}</text></g>'
    )


def _pick(entry: Entry, kind: str) -> str:
    """Return the start of what a click or Enter chooses: the patients of some groups."""
    numbers = " ".join(map(str, entry.groups))
    label = escaped(entry.label())
    return (
        f'<g class="pick {kind}" role="button" tabindex="0" data-groups="{numbers}" data-label="{label}" '
        f'aria-label="{counted(entry.count)}: {label}">'
    )
