"""The picture of one candidate: the slice that shows its target, with all ROIs there, the dose, and what it is.

What lives here: layout, the panel and the words around it. What does not: which slice (`domain.candidate_view`), files
and sizes (`encoding`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from pdcp_dagster.adapters.pictures.panel import OUTLINE, blended
from pdcp_dagster.adapters.pictures.text import BACKGROUND, BLACK, PALE, WHITE, fitting, write, write_on_image
from pdcp_dagster.domain.display import (
    LOWEST_SHOWN_DOSE,
    NOT_SHOWN,
    SOFT_TISSUE_LEVEL_HU,
    SOFT_TISSUE_WIDTH_HU,
    dose_bands,
    grey_of_hu,
    one_line,
    round_steps,
    widened,
)
from pdcp_dagster.domain.views import Window, box_of, cut, extent_mm, slice_position, view_along, window_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.adapters.pictures.text import Colour
    from pdcp_dagster.domain.candidate_view import Outline
    from pdcp_dagster.domain.views import SliceView
    from pdcp_dagster.domain.volume import Volume

CANDIDATE_PANEL_PX = 512
LEFT_PX, TOP_PX = 8, 52
_LEGEND_PX, _LIST_PX, _FOOTER_PX = 78, 226, 26
CANDIDATE_PICTURE_SIZE = (
    2 * LEFT_PX + CANDIDATE_PANEL_PX + _LEGEND_PX + _LIST_PX,
    TOP_PX + CANDIDATE_PANEL_PX + _FOOTER_PX,
)
LEAST_SIDE_MM = 200.0
_MARGIN_MM = 10.0
_TISSUE_HU = -400
_AIR_HU = -1024
_SEAM_SHARE = np.float32(0.25)
_TARGET_LINE_PX, _OTHER_LINE_PX = 2, 1
_BAR_GREY = 5 * 255 / 11
"""Soft tissue, and a grey of the palette."""
_BAR_PX, _BAR_HEIGHT_PX, _TICK_DISTANCE_PX = 16, 220, 15
_SCALE_BAR_MM = 50.0
_LINE_PX = 17
_MOST_NAMES, _MOST_NOTE_LINES, _LONGEST_TEXT = 20, 5, 400

_Value = TypeVar("_Value", np.uint8, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class CandidateScene:
    """What a candidate's picture shows: one slice.

    ct: HU `(1, rows, columns)`. dose_gy: Gy on the same grid, NaN where unknown; None: there is none to show.
    max_dose_gy: the dose at the top of the legend.
    """

    ct: Volume
    outlines: Sequence[Outline]
    dose_gy: NDArray[np.float32] | None = None
    max_dose_gy: float | None = None

    @property
    def has_dose(self) -> bool:
        """Whether there is a dose to show."""
        return self.dose_gy is not None and bool(self.max_dose_gy)


def draw_candidate_picture(
    scene: CandidateScene, *, caption: str, description: str, place: str, notes: Sequence[str] = ()
) -> Image.Image:
    """Draw a candidate's slice as RGB, with what it is above, what is outlined beside, and where it is below.

    The window holds the body and all outlines, at least 200 mm. caption, description, place (which slice of how many),
    notes (what could not be shown): untrusted text, cut to one line or a few.
    """
    view = view_along(scene.ct.grid, 0)
    window, side_mm = _window(scene, view)
    image = Image.new("RGB", CANDIDATE_PICTURE_SIZE, BACKGROUND)
    draw = ImageDraw.Draw(image)
    image.paste(Image.fromarray(_panel(scene, view, window)), (LEFT_PX, TOP_PX))
    _letters(draw, view)
    _scale_bar(draw, side_mm)
    _line(draw, (LEFT_PX, 6), caption, 16, WHITE)
    _line(draw, (LEFT_PX, 30), description, 12, PALE)
    _line(draw, (LEFT_PX, TOP_PX + CANDIDATE_PANEL_PX + 6), _where(scene, view, place), 12, PALE)
    if scene.has_dose:
        _legend(image, draw, scene.max_dose_gy or 0.0)
    _names(draw, scene.outlines)
    _notes(draw, notes)
    return image


def candidate_panel(image: Image.Image) -> Image.Image:
    """Return the slice of a picture that `draw_candidate_picture` drew, without the words around it."""
    return image.crop((LEFT_PX, TOP_PX, LEFT_PX + CANDIDATE_PANEL_PX, TOP_PX + CANDIDATE_PANEL_PX))


def _window(scene: CandidateScene, view: SliceView) -> tuple[Window, float]:
    """Return the square around tissue and outlines, and its side, mm."""
    tissue = view.plane(scene.ct.values > np.array(_TISSUE_HU), 0)
    boxes = [box_of(tissue, (0, 0))] if tissue.any() else []
    for vertices in (polygon for outline in scene.outlines for polygon in outline.polygons):
        spans = [
            np.clip(vertices[:, 2 - axis], -0.5, scene.ct.grid.shape[axis] - 0.5) for axis in (view.down, view.across)
        ]
        boxes.append(Window(*((float(span.min()), float(span.max())) for span in spans)))
    boxes = boxes or [box_of(np.ones_like(tissue), (0, 0))]
    box = Window(
        (min(each.down[0] for each in boxes), max(each.down[1] for each in boxes)),
        (min(each.across[0] for each in boxes), max(each.across[1] for each in boxes)),
    )
    side_mm = max(LEAST_SIDE_MM, extent_mm(view, scene.ct.grid, box) + 2 * _MARGIN_MM)
    return window_around(view, scene.ct.grid, box, side_mm), side_mm


def _panel(scene: CandidateScene, view: SliceView, window: Window) -> NDArray[np.uint8]:
    hu, box = cut(view.plane(scene.ct.values, 0), (0, 0), window, _AIR_HU)
    rgb = np.repeat(_scaled(grey_of_hu(hu), box).astype(np.float32)[..., np.newaxis], 3, axis=2)
    if scene.dose_gy is not None and scene.max_dose_gy:
        dose, box = cut(view.plane(scene.dose_gy, 0), (0, 0), window, np.nan)
        bands = dose_bands(_scaled(dose.astype(np.float32), box), scene.max_dose_gy)
        shown = bands != NOT_SHOWN
        rgb[shown] = blended(rgb[shown], bands[shown])
    others = _lines([each for each in scene.outlines if not each.is_target], view, window, _OTHER_LINE_PX)
    targets = _lines([each for each in scene.outlines if each.is_target], view, window, _TARGET_LINE_PX)
    rgb[widened(others) | widened(targets)] *= _SEAM_SHARE
    rgb[others] = PALE
    rgb[targets] = OUTLINE
    upright: NDArray[np.uint8] = np.asarray(view.upright(np.rint(rgb).astype(np.uint8)))
    return np.ascontiguousarray(upright)


def _lines(outlines: Sequence[Outline], view: SliceView, window: Window, width: int) -> NDArray[np.bool_]:
    """Return the pixels of the panel, not yet upright, on which the outlines run."""
    canvas = Image.new("L", (CANDIDATE_PANEL_PX, CANDIDATE_PANEL_PX))
    draw = ImageDraw.Draw(canvas)
    for vertices in (polygon for outline in outlines for polygon in outline.polygons):
        across, down = (
            (vertices[:, 2 - axis] - low) / (high - low) * CANDIDATE_PANEL_PX - 0.5
            for axis, (low, high) in ((view.across, window.across), (view.down, window.down))
        )
        corners = [(float(x), float(y)) for x, y in zip(across, down, strict=True)]
        draw.line([*corners, *corners[:2]], fill=255, width=width, joint="curve")
    return np.asarray(canvas) > 0


def _scaled(values: NDArray[_Value], box: tuple[float, float, float, float]) -> NDArray[_Value]:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.array(image.resize((CANDIDATE_PANEL_PX, CANDIDATE_PANEL_PX), Image.Resampling.BILINEAR, box=box))


def _line(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, fill: Colour) -> None:
    width = CANDIDATE_PICTURE_SIZE[0] - 2 * LEFT_PX
    write(draw, at, fitting(one_line(text, _LONGEST_TEXT), width, size=size), size=size, fill=fill)


def _where(scene: CandidateScene, view: SliceView, place: str) -> str:
    name, position = slice_position(scene.ct.grid, 0, 0)
    # Adding 0.0 after rounding turns -0.0 into 0.0, which prints without a sign.
    where = f"{name} = {round(position, 1) + 0.0:.1f} mm".replace("-", "\N{MINUS SIGN}")
    window = f"window {SOFT_TISSUE_WIDTH_HU:.0f}, level {SOFT_TISSUE_LEVEL_HU:.0f} HU"
    wash = f"dose from {LOWEST_SHOWN_DOSE:.0%} of its maximum" if scene.has_dose else "no dose shown"
    return f"{view.name.capitalize()}  ·  {where}  ·  {place}  ·  {window}  ·  {wash}"


def _letters(draw: ImageDraw.ImageDraw, view: SliceView) -> None:
    edges, side, middle = view.edges, CANDIDATE_PANEL_PX, CANDIDATE_PANEL_PX // 2
    places = (
        (edges.left, (6, middle), "lm"),
        (edges.right, (side - 6, middle), "rm"),
        (edges.top, (middle, 5), "ma"),
        (edges.bottom, (middle, side - 5), "md"),
    )
    for letters, (x, y), anchor in places:
        write_on_image(draw, (LEFT_PX + x, TOP_PX + y), letters, size=18, anchor=anchor)


def _scale_bar(draw: ImageDraw.ImageDraw, side_mm: float) -> None:
    length = _SCALE_BAR_MM / side_mm * CANDIDATE_PANEL_PX
    left, y = LEFT_PX + 10, TOP_PX + CANDIDATE_PANEL_PX - 12
    draw.line((left - 1, y, left + length + 1, y), fill=BLACK, width=5)
    draw.line((left, y, left + length, y), fill=WHITE, width=2)
    write_on_image(draw, (left, y - 6), f"{_SCALE_BAR_MM:.0f} mm", size=12, anchor="ld")


def _legend(image: Image.Image, draw: ImageDraw.ImageDraw, max_dose_gy: float) -> None:
    """Draw the colours as they look on tissue, from nothing at the bottom to the maximum on top."""
    left, top = LEFT_PX + CANDIDATE_PANEL_PX + 12, TOP_PX + 26
    shares = np.linspace(1, 0, _BAR_HEIGHT_PX, dtype=np.float32)
    bands = dose_bands(shares, 1.0)
    below = np.full((shares.size, 3), _BAR_GREY, dtype=np.float32)
    below[bands != NOT_SHOWN] = blended(below[bands != NOT_SHOWN], bands[bands != NOT_SHOWN])
    bar = np.repeat(np.rint(below).astype(np.uint8)[:, np.newaxis], _BAR_PX, axis=1)
    image.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    write(draw, (left, TOP_PX), "Dose / Gy", size=12)
    write(draw, (left + _BAR_PX + 6, top), f"{max_dose_gy:.1f}", size=12, anchor="lm")
    for dose_gy in round_steps(max_dose_gy, 6):
        y = top + (1 - dose_gy / max_dose_gy) * _BAR_HEIGHT_PX
        if y - top >= _TICK_DISTANCE_PX:
            draw.line((left + _BAR_PX, y, left + _BAR_PX + 3, y), fill=PALE)
            write(draw, (left + _BAR_PX + 6, y), f"{dose_gy:g}", size=12, anchor="lm", fill=PALE)


def _names(draw: ImageDraw.ImageDraw, outlines: Sequence[Outline]) -> None:
    """List what is outlined, targets first, each beside the colour of its line."""
    left = CANDIDATE_PICTURE_SIZE[0] - LEFT_PX - _LIST_PX + 12
    write(draw, (left, TOP_PX), "Outlined on this slice" if outlines else "No outline on this slice", size=12)
    magenta: Colour = tuple(OUTLINE.tolist())
    y = TOP_PX + 26
    for outline in sorted(outlines, key=_targets_first)[:_MOST_NAMES]:
        colour, width = (magenta, _TARGET_LINE_PX) if outline.is_target else (PALE, _OTHER_LINE_PX)
        draw.line((left, y, left + 14, y), fill=colour, width=width)
        name = fitting(one_line(outline.name, _LONGEST_TEXT), _LIST_PX - 36, size=12)
        write(draw, (left + 22, y), name, size=12, anchor="lm", fill=WHITE if outline.is_target else PALE)
        y += _LINE_PX
    if len(outlines) > _MOST_NAMES:
        write(draw, (left + 22, y), f"and {len(outlines) - _MOST_NAMES} more", size=12, anchor="lm", fill=PALE)


def _notes(draw: ImageDraw.ImageDraw, notes: Sequence[str]) -> None:
    """Say at the bottom of the right column what the picture does not show."""
    left = LEFT_PX + CANDIDATE_PANEL_PX + 12
    lines = [line for note in notes for line in _wrapped(note, CANDIDATE_PICTURE_SIZE[0] - left - LEFT_PX)]
    top = TOP_PX + CANDIDATE_PANEL_PX - _LINE_PX * len(lines)
    for number, line in enumerate(lines):
        write(draw, (left, top + number * _LINE_PX), line, size=12)


def _wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` pixels, five at most, the last cut with an ellipsis."""
    lines: list[str] = []
    for word in one_line(text, _LONGEST_TEXT).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (fitting(longer, width, size=12) == longer or len(lines) == _MOST_NOTE_LINES):
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitting(line, width, size=12) for line in lines]


def _targets_first(outline: Outline) -> bool:
    return not outline.is_target
