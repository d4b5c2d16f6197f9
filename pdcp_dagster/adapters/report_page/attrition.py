"""The attrition diagram: how many patients remain after each step, and why the others do not (CONSORT style).

What lives here: what each box says, and where it stands. What does not: the counts (`domain.attrition`), the SVG
elements (`boxes`), what a click does (`script`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.report_page.boxes import (
    GAP,
    MAIN_HEIGHT,
    WIDTH,
    Entry,
    arrow_down,
    arrow_right,
    list_box,
    list_height,
    main_box,
)
from pdcp_dagster.adapters.report_page.cells import counted, escaped
from pdcp_dagster.adapters.report_page.style import PICTURE_STYLE
from pdcp_dagster.domain.codes import CODES, STEPS, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdcp_dagster.domain.attrition import Attrition, AttritionStep, Group

_STEP_NAMES = {step: f"{name[0].lower()}{name[1:]}" for step, name in STEPS.items()} | {
    step: name for step, name in STEPS.items() if name.split()[0].isupper()
}
_WITHOUT_CODE = "No registered code says why"
_FAILED = "Something could not be read or written: run again"
_PENDING = "Not run yet, or not to the end with today's settings"


class _Drawing:
    """The diagram while it is drawn, downwards from `top`."""

    def __init__(self, attrition: Attrition) -> None:
        self.attrition = attrition
        self.number_of = {(group.status, group.code): number for number, group in enumerate(attrition.groups())}
        self.left = list(attrition.groups())
        self.parts: list[str] = []
        self.top = 1.0

    def main(self, words: str, *, kind: str = "") -> None:
        """Draw a box of those who are left."""
        numbers = [self.number_of[group.status, group.code] for group in self.left]
        count = sum(len(group.patients) for group in self.left)
        self.parts.append(main_box(self.top, Entry(count, words, None, tuple(numbers)), kind))
        self.top += MAIN_HEIGHT

    def aside(self, title: str, status: Status, groups: Sequence[Group]) -> None:
        """Draw a box of those who leave the way here, with a line for each group."""
        entries = [self._entry(group) for group in groups]
        height = list_height(entries)
        middle = self.top + GAP + height / 2
        self.parts += [list_box(self.top + GAP, title, str(status), entries), arrow_right(middle)]
        self.parts.append(arrow_down(self.top, self.top + GAP + height, head=False))
        self.top += GAP + height
        self.left = [group for group in self.left if group not in groups]

    def down(self) -> None:
        """Draw the arrow to the next main box."""
        self.parts.append(arrow_down(self.top, self.top + GAP, head=True))
        self.top += GAP

    def _entry(self, group: Group) -> Entry:
        words = {Status.FAILED: _FAILED, Status.PENDING: _PENDING}.get(group.status, _WITHOUT_CODE)
        if group.code:
            meaning = CODES[group.code].meaning
            words = meaning[:1].upper() + meaning[1:]
        return Entry(len(group.patients), words, group.code, (self.number_of[group.status, group.code],))


def attrition_section(attrition: Attrition) -> str:
    """Return the diagram as a section of the page; each box filters the table of patients."""
    if not attrition.total:
        return ""
    return (
        '<section class="card" id="attrition"><h2>How many patients remain</h2>'
        '<p class="faint">Each patient is counted once, by what decided. Click a box, or press Enter on it, for its '
        "patients. Steps that exclude nobody are not drawn.</p>"
        f'<div class="wide">{_svg(attrition, alone=False)}</div></section>'
    )


def attrition_picture(attrition: Attrition) -> str:
    """Return the diagram as an SVG file of its own, readable on any background; deterministic."""
    return _svg(attrition, alone=True)


def attrition_told(attrition: Attrition) -> str:
    """Return the diagram in one sentence."""
    excluded = sum(len(group.patients) for step in attrition.steps for group in step.excluded)
    review = sum(len(group.patients) for group in attrition.review)
    parts = (
        (len(attrition.success.patients), "ready for analysis"),
        (review, "to review"),
        (excluded, "excluded"),
        (len(attrition.failed.patients), "failed"),
        (len(attrition.pending.patients), "not done yet"),
    )
    return f"Of {counted(attrition.total)}: {', '.join(f'{count} {words}' for count, words in parts if count)}."


def _svg(attrition: Attrition, *, alone: bool) -> str:
    drawing = _drawn(attrition)
    height = drawing.top + 1
    label = escaped(attrition_told(attrition))
    if not alone:
        return (
            f'<svg class="flow" viewBox="0 0 {WIDTH} {height:g}" role="group" aria-label="{label}">'
            f"{''.join(drawing.parts)}</svg>"
        )
    margin = 16
    box = f"{-margin} {-margin} {WIDTH + 2 * margin} {height + 2 * margin:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="{box}" width="{WIDTH + 2 * margin}" '
        f'height="{height + 2 * margin:g}" role="img" aria-label="{label}"><style>{PICTURE_STYLE}</style>'
        f'<rect class="ground" x="{-margin}" y="{-margin}" width="100%" height="100%"/>{"".join(drawing.parts)}</svg>'
    )


def _drawn(attrition: Attrition) -> _Drawing:
    drawing = _Drawing(attrition)
    drawing.main("in the archive or on the cohort's list")
    for step in attrition.steps:
        drawing.aside(_title_of(step), Status.EXCLUDE, step.excluded)
        if step.left and step.step:
            drawing.down()
            drawing.main(f"left after {_STEP_NAMES[step.step]}")
    if attrition.review:
        drawing.aside("To review: a person must decide", Status.REVIEW, attrition.review)
    if attrition.failed.patients:
        drawing.aside("Failed: no result", Status.FAILED, [attrition.failed])
    if attrition.pending.patients:
        drawing.aside("Not done yet", Status.PENDING, [attrition.pending])
    drawing.down()
    drawing.main("ready for analysis", kind=str(Status.SUCCESS))
    return drawing


def _title_of(step: AttritionStep) -> str:
    return f"Excluded: {_STEP_NAMES[step.step]}" if step.step else "Excluded"
