"""The picture of one ROI: axial, coronal and sagittal slices side by side, with all one needs to read them.

What lives here: layout and words. What does not: a panel's pixels (`panel`), files and sizes (`encoding`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from pdcp_dagster.adapters.pictures.panel import PANEL_PX, Scene, blended, draw_panel
from pdcp_dagster.adapters.pictures.text import BACKGROUND, BLACK, PALE, WHITE, fitting, width_of, write, write_on_image
from pdcp_dagster.domain.display import (
    DOSE_STEP,
    LOWEST_SHOWN_DOSE,
    NOT_SHOWN,
    SOFT_TISSUE_LEVEL_HU,
    SOFT_TISSUE_WIDTH_HU,
    dose_bands,
    one_line,
    round_steps,
)
from pdcp_dagster.domain.views import slice_position, view_along

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.adapters.pictures.panel import Dose
    from pdcp_dagster.adapters.pictures.text import Colour
    from pdcp_dagster.domain.central_slices import CentralSlices, Indices
    from pdcp_dagster.domain.views import SliceView
    from pdcp_dagster.domain.volume import Volume

MARGIN_PX = 8
HEADER_PX = 50
FOOTER_PX = 42
LEGEND_PX = 74
_ROW_PX = PANEL_PX + FOOTER_PX
PICTURE_SIZE = (3 * (PANEL_PX + MARGIN_PX) + MARGIN_PX + LEGEND_PX, HEADER_PX + _ROW_PX)
"""Of a picture whose central slices are those with most of the ROI; with others it is a row higher."""

TALL_PICTURE_SIZE = (PICTURE_SIZE[0], PICTURE_SIZE[1] + _ROW_PX)

_ROI_MARGIN_MM = 40.0
_LEAST_SIDE_MM = 200.0
_BAR_GREY = 5 * 255 / 11
"""Soft tissue, and a grey of the palette."""
_BAR_PX = 16
_TICK_DISTANCE_PX = 15
_SCALE_BAR_MM = 50.0
_LONGEST_NAME = 80
_LONGEST_NAME_PX = 560
_GAP_PX, _LINE_PX = 16, 16
_ORDER = ("axial", "coronal", "sagittal")
_MOST, _CENTRAL, _BOTH = "most of the ROI", "through its centre", "most of the ROI and its centre"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of a picture: slice `index` of a view, why it is shown, and its upper left corner, px."""

    view: SliceView
    index: int
    why: str
    left: int
    top: int


def draw_roi_picture(
    ct: Volume,
    mask: NDArray[np.uint8],
    offset: Indices,
    dose: Dose | None,
    central: CentralSlices,
    *,
    roi_name: str,
    plan_label: str | None,
    patient_label: str,
    max_dose_gy: float | None,
) -> Image.Image:
    """Draw the slices with the most of an ROI along each axis, and below them the central ones that differ, as RGB.

    ct: HU. mask: `(k, j, i)` crop of the CT's grid from index `offset` (k, j, i) on, not empty.
    dose: gives the dose on any grid; None draws no dose.
    plan_label: empty where the plan has none; None where there is no plan, of which nothing is said then.
    max_dose_gy: the dose at the top of the legend (its maximum); None or 0 draws no dose.
    All panels have one scale: a square around the ROI with at least 40 mm on each side, at least 200 mm wide. Both
    panels of an axis show the same square.
    """
    scene = Scene(ct, mask, offset, dose, max_dose_gy or 0.0)
    panels = _panels(scene, central)
    side_mm = max(_LEAST_SIDE_MM, 2 * _ROI_MARGIN_MM + max(scene.extent_mm(panel.view) for panel in panels))
    tall = any(panel.top > HEADER_PX for panel in panels)
    image = Image.new("RGB", TALL_PICTURE_SIZE if tall else PICTURE_SIZE, BACKGROUND)
    draw = ImageDraw.Draw(image)
    for panel in panels:
        image.paste(Image.fromarray(draw_panel(scene, panel.view, panel.index, side_mm)), (panel.left, panel.top))
        _label(draw, scene, panel, side_mm)
    if scene.has_dose:
        _legend(image, draw, scene.max_dose_gy)
    plan = "" if plan_label is None else _labelled("Plan", plan_label)
    _head(draw, roi_name, plan, _labelled("Patient", patient_label), _facts(central, has_dose=scene.has_dose))
    return image


def axial_panel(image: Image.Image) -> Image.Image:
    """Return the axial slice with most of the ROI from a picture that `draw_roi_picture` drew, without words around."""
    return image.crop((MARGIN_PX, HEADER_PX, MARGIN_PX + PANEL_PX, HEADER_PX + PANEL_PX))


def _panels(scene: Scene, central: CentralSlices) -> list[Panel]:
    panels = []
    views = sorted((view_along(scene.ct.grid, axis) for axis in range(3)), key=_position)
    for number, view in enumerate(views):
        most, middle = central.most[view.axis], central.central[view.axis]
        left = MARGIN_PX + number * (PANEL_PX + MARGIN_PX)
        panels.append(Panel(view, most, _BOTH if most == middle else _MOST, left, HEADER_PX))
        if most != middle:
            panels.append(Panel(view, middle, _CENTRAL, left, HEADER_PX + _ROW_PX))
    return panels


def _position(view: SliceView) -> int:
    return _ORDER.index(view.name)


def _head(draw: ImageDraw.ImageDraw, roi_name: str, plan: str, patient: str, facts: str) -> None:
    """Set name and facts at the left, plan and patient at the right, each cut to what the other leaves."""
    name = fitting(one_line(roi_name, _LONGEST_NAME), _LONGEST_NAME_PX, size=20)
    write(draw, (MARGIN_PX, 5), name, size=20)
    _set_right(draw, 8, plan, 14, WHITE, beside=width_of(name, size=20))
    write(draw, (MARGIN_PX, 31), facts, size=12, fill=PALE)
    _set_right(draw, 31, patient, 12, PALE, beside=width_of(facts, size=12))


def _set_right(draw: ImageDraw.ImageDraw, top: int, text: str, size: int, fill: Colour, *, beside: int) -> None:
    right = PICTURE_SIZE[0] - MARGIN_PX
    line = fitting(one_line(text, _LONGEST_NAME), right - MARGIN_PX - beside - _GAP_PX, size=size)
    write(draw, (right, top), line, size=size, anchor="ra", fill=fill)


def _labelled(what: str, label: str) -> str:
    return f"{what} {label}" if label.strip() else f"{what} without a label"


def _facts(central: CentralSlices, *, has_dose: bool) -> str:
    window = f"window {SOFT_TISSUE_WIDTH_HU:.0f}, level {SOFT_TISSUE_LEVEL_HU:.0f} HU"
    wash = f"dose from {LOWEST_SHOWN_DOSE:.0%} of its maximum in steps of {DOSE_STEP:.0%}"
    return f"ROI {central.roi_number}  ·  {window}  ·  {wash if has_dose else 'no dose'}"


def _label(draw: ImageDraw.ImageDraw, scene: Scene, panel: Panel, side_mm: float) -> None:
    _letters(draw, panel)
    _scale_bar(draw, panel, side_mm)
    why = panel.why if scene.roi(panel.view, panel.index) is not None else f"{panel.why}, none of it here"
    below = panel.top + PANEL_PX + 5
    write(draw, (panel.left, below), f"{panel.view.name.capitalize()}  ·  {why}", size=12)
    write(draw, (panel.left, below + _LINE_PX), _where(scene, panel), size=12, fill=PALE)


def _where(scene: Scene, panel: Panel) -> str:
    name, position = slice_position(scene.ct.grid, panel.view.axis, panel.index)
    # Adding 0.0 after rounding turns -0.0 into 0.0, which prints without a sign.
    where = f"{name} = {round(position, 1) + 0.0:.1f} mm".replace("-", "\N{MINUS SIGN}")
    return f"{where}  ·  slice {panel.index + 1} of {scene.ct.grid.shape[panel.view.axis]}"


def _letters(draw: ImageDraw.ImageDraw, panel: Panel) -> None:
    edges, middle = panel.view.edges, PANEL_PX // 2
    places = (
        (edges.left, (6, middle), "lm"),
        (edges.right, (PANEL_PX - 6, middle), "rm"),
        (edges.top, (middle, 5), "ma"),
        (edges.bottom, (middle, PANEL_PX - 5), "md"),
    )
    for letters, (x, y), anchor in places:
        write_on_image(draw, (panel.left + x, panel.top + y), letters, size=16, anchor=anchor)


def _scale_bar(draw: ImageDraw.ImageDraw, panel: Panel, side_mm: float) -> None:
    length = _SCALE_BAR_MM / side_mm * PANEL_PX
    right, bottom = panel.left + PANEL_PX - 10, panel.top + PANEL_PX - 10
    draw.rectangle((right - length - 1, bottom - 3, right + 1, bottom + 1), fill=BLACK)
    draw.rectangle((right - length, bottom - 2, right, bottom), fill=WHITE)
    write_on_image(draw, (right - length / 2, bottom - 5), "5 cm", size=11, anchor="md")


def _legend(image: Image.Image, draw: ImageDraw.ImageDraw, max_dose_gy: float) -> None:
    """Draw the colours as they look on tissue, from nothing at the bottom to the maximum on top."""
    left = PICTURE_SIZE[0] - LEGEND_PX + MARGIN_PX // 2
    top, bottom = HEADER_PX + 24, HEADER_PX + PANEL_PX - 8
    shares = np.linspace(1, 0, bottom - top, dtype=np.float32)
    bands = dose_bands(shares, 1.0)
    below = np.full((shares.size, 3), _BAR_GREY, dtype=np.float32)
    below[bands != NOT_SHOWN] = blended(below[bands != NOT_SHOWN], bands[bands != NOT_SHOWN])
    bar = np.repeat(np.rint(below).astype(np.uint8)[:, np.newaxis], _BAR_PX, axis=1)
    image.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    write(draw, (left, HEADER_PX + 2), "Dose / Gy", size=12)
    write(draw, (left + _BAR_PX + 6, top), f"{max_dose_gy:.1f}", size=12, anchor="lm")
    for dose_gy in round_steps(max_dose_gy, 6):
        y = bottom - dose_gy / max_dose_gy * (bottom - top)
        if y - top >= _TICK_DISTANCE_PX:
            draw.line((left + _BAR_PX, y, left + _BAR_PX + 3, y), fill=PALE)
            write(draw, (left + _BAR_PX + 6, y), f"{dose_gy:g}", size=12, anchor="lm", fill=PALE)
