"""The picture of one ROI: axial, coronal and sagittal slice side by side, with all one needs to read them.

What lives here: layout and words. What does not: a panel's pixels (`panel`), files and sizes (`encoding`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from pdcp_dagster.adapters.pictures.panel import PANEL_PX, Scene, Shot, blended, draw_panel
from pdcp_dagster.adapters.pictures.text import BACKGROUND, BLACK, PALE, WHITE, fitting, write, write_on_image
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

    from pdcp_dagster.domain.central_slices import CentralSlices, Indices
    from pdcp_dagster.domain.volume import Volume

MARGIN_PX = 8
HEADER_PX = 50
FOOTER_PX = 24
LEGEND_PX = 74
PICTURE_SIZE = (3 * (PANEL_PX + MARGIN_PX) + MARGIN_PX + LEGEND_PX, HEADER_PX + PANEL_PX + FOOTER_PX)

_ROI_MARGIN_MM = 40.0
_LEAST_SIDE_MM = 200.0
_BAR_GREY = 5 * 255 / 11
"""Soft tissue, and a grey of the palette."""
_BAR_PX = 16
_TICK_DISTANCE_PX = 15
_SCALE_BAR_MM = 50.0
_LONGEST_NAME = 80
_ORDER = ("axial", "coronal", "sagittal")


def draw_roi_picture(
    ct: Volume,
    mask: NDArray[np.uint8],
    offset: Indices,
    dose_on_ct: NDArray[np.float32] | None,
    central: CentralSlices,
    *,
    roi_name: str,
    plan_label: str | None,
    patient_label: str,
    max_dose_gy: float | None,
) -> Image.Image:
    """Draw the slices with the most of an ROI along each axis, as RGB.

    ct: HU. mask: `(k, j, i)` crop of the CT's grid from index `offset` (k, j, i) on, not empty.
    dose_on_ct: Gy on the CT's grid, NaN outside the dose grid; None draws no dose.
    plan_label: empty where the plan has none; None where there is no plan, of which nothing is said then.
    max_dose_gy: the dose at the top of the legend (its maximum); None or 0 draws no dose.
    All three panels have one scale: a square around the ROI with at least 40 mm on each side, at least 200 mm wide.
    """
    scene = Scene(ct, mask, offset, dose_on_ct, max_dose_gy or 0.0)
    shots = [Shot.of(scene, view_along(ct.grid, axis), central.most[axis]) for axis in range(3)]
    shots.sort(key=lambda shot: _ORDER.index(shot.view.name))
    side_mm = max(_LEAST_SIDE_MM, 2 * _ROI_MARGIN_MM + max(shot.extent_mm(scene) for shot in shots))
    image = Image.new("RGB", PICTURE_SIZE, BACKGROUND)
    draw = ImageDraw.Draw(image)
    for number, shot in enumerate(shots):
        left = MARGIN_PX + number * (PANEL_PX + MARGIN_PX)
        image.paste(Image.fromarray(draw_panel(scene, shot, side_mm)), (left, HEADER_PX))
        _letter(draw, left, shot)
        _scale_bar(draw, left, side_mm)
        write(draw, (left, HEADER_PX + PANEL_PX + 5), _caption(scene, shot), size=12, fill=PALE)
    has_dose = scene.dose_gy is not None and scene.max_dose_gy > 0
    if has_dose:
        _legend(image, draw, scene.max_dose_gy)
    _head(
        draw,
        roi_name,
        "" if plan_label is None else _labelled("Plan", plan_label),
        _labelled("Patient", patient_label),
        _facts(central, has_dose=has_dose),
    )
    return image


def first_panel(image: Image.Image) -> Image.Image:
    """Return the first panel (axial) of a picture that `draw_roi_picture` drew."""
    return image.crop((MARGIN_PX, HEADER_PX, MARGIN_PX + PANEL_PX, HEADER_PX + PANEL_PX))


def _head(draw: ImageDraw.ImageDraw, roi_name: str, plan: str, patient: str, facts: str) -> None:
    right = PICTURE_SIZE[0] - MARGIN_PX
    name = fitting(one_line(roi_name, _LONGEST_NAME), 560, size=20)
    write(draw, (MARGIN_PX, 5), name, size=20)
    write(draw, (MARGIN_PX, 31), facts, size=12, fill=PALE)
    write(draw, (right, 8), fitting(one_line(plan, _LONGEST_NAME), 440, size=14), size=14, anchor="ra", fill=WHITE)
    write(draw, (right, 31), fitting(one_line(patient, _LONGEST_NAME), 440, size=12), size=12, anchor="ra", fill=PALE)


def _labelled(what: str, label: str) -> str:
    return f"{what} {label}" if label.strip() else f"{what} without a label"


def _facts(central: CentralSlices, *, has_dose: bool) -> str:
    window = f"window {SOFT_TISSUE_WIDTH_HU:.0f}, level {SOFT_TISSUE_LEVEL_HU:.0f} HU"
    wash = f"dose from {LOWEST_SHOWN_DOSE:.0%} of its maximum in steps of {DOSE_STEP:.0%}"
    return f"ROI {central.roi_number}  ·  slices with most of it  ·  {window}  ·  {wash if has_dose else 'no dose'}"


def _caption(scene: Scene, shot: Shot) -> str:
    name, position = slice_position(scene.ct.grid, shot.view.axis, shot.index)
    # Adding 0.0 after rounding turns -0.0 into 0.0, which prints without a sign.
    where = f"{name} = {round(position, 1) + 0.0:.1f} mm".replace("-", "\N{MINUS SIGN}")
    count = scene.ct.grid.shape[shot.view.axis]
    return f"{shot.view.name.capitalize()}  ·  {where}  ·  slice {shot.index + 1} of {count}"


def _letter(draw: ImageDraw.ImageDraw, left: int, shot: Shot) -> None:
    edges, middle = shot.view.edges, PANEL_PX // 2
    places = (
        (edges.left, (left + 6, HEADER_PX + middle), "lm"),
        (edges.right, (left + PANEL_PX - 6, HEADER_PX + middle), "rm"),
        (edges.top, (left + middle, HEADER_PX + 5), "ma"),
        (edges.bottom, (left + middle, HEADER_PX + PANEL_PX - 5), "md"),
    )
    for letters, at, anchor in places:
        write_on_image(draw, at, letters, size=16, anchor=anchor)


def _scale_bar(draw: ImageDraw.ImageDraw, left: int, side_mm: float) -> None:
    length = _SCALE_BAR_MM / side_mm * PANEL_PX
    right, bottom = left + PANEL_PX - 10, HEADER_PX + PANEL_PX - 10
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
