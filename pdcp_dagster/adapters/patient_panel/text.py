"""Text and tables that are safe to show.

What lives here: escaping, numbers, tables. What does not: what is told.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import quote

from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST = 1000
_KILO = 1000
_NUMBER = ' class="number"'


def escaped(text: str) -> str:
    """Return untrusted text as one line of HTML text, fit for an attribute, too."""
    return html.escape(one_line(text, _LONGEST), quote=True)


def isolated(text: str) -> str:
    """Return untrusted text as HTML that cannot turn the writing direction of what stands beside it."""
    return f"<bdi>{escaped(text)}</bdi>" if text else ""


def picture_url(folder: str, name: str) -> str:
    """Return the URL of a file in a folder beside the page; whatever its name is, it leads nowhere else."""
    return f"./{quote(folder)}/{quote(name, safe='', errors='surrogatepass')}"


def number(value: float | None) -> str:
    """Return a number with as many decimals as its size can bear; a dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004 - two or more digits before the point


def size_of(size: int) -> str:
    """Return a number of bytes in words."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < _KILO:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KILO
    return f"{value:.1f} GB"


def table(heads: Sequence[str], rows: Iterable[str], kind: str, numbers: Sequence[str] = ()) -> str:
    """Return a table of rows of HTML; `numbers` are the heads above numbers."""
    cells = "".join(f'<th scope="col"{_NUMBER if head in numbers else ""}>{escaped(head)}</th>' for head in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts_list(facts: Iterable[tuple[str, str]]) -> str:
    """Return names with their values; what is not known is left out."""
    pairs = (f"<div><dt>{escaped(name)}</dt><dd>{isolated(value)}</dd></div>" for name, value in facts if value)
    return f"<dl>{''.join(pairs)}</dl>"
