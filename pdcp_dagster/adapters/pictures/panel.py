"""One panel: a slice of the CT with the ROI's outline and the dose, square pixels, the right way up.

What lives here: cutting the window out of the volumes, scaling, blending. What does not: text and layout
(`roi_picture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from pdcp_dagster.domain.display import NOT_SHOWN, band_colours, dose_bands, grey_of_hu, outline, widened
from pdcp_dagster.domain.views import box_of, cut, extent_mm, window_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.central_slices import Indices
    from pdcp_dagster.domain.views import SliceView, Window
    from pdcp_dagster.domain.volume import Volume

_Value = TypeVar("_Value", np.uint8, np.float32)

PANEL_PX = 320
DOSE_OPACITY = 0.48
OUTLINE = np.array((255, 120, 215), dtype=np.uint8)
"""Pink in a black seam: no colour of the wash to any kind of colour vision, and no letter or bone, which are white."""
_SEAM = np.array((0, 0, 0), dtype=np.uint8)
_SEAM_OPACITY = 0.75
_AIR_HU = -1024
_INSIDE = 128
_COLOURS = band_colours().astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a picture shows: arrays on one grid, none of them copied.

    mask: `(k, j, i)` crop of the grid, 0 outside the ROI; offset: index (k, j, i) of its first voxel.
    dose_gy: `(k, j, i)` on the CT's grid, NaN where there is none.
    max_dose_gy: the dose that gets the highest colour.
    """

    ct: Volume
    mask: NDArray[np.uint8]
    offset: Indices
    dose_gy: NDArray[np.float32] | None
    max_dose_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One slice to draw: the view, its index in the grid, and the ROI in it."""

    view: SliceView
    index: int
    roi: NDArray[np.generic]
    roi_start: tuple[int, int]

    @classmethod
    def of(cls, scene: Scene, view: SliceView, index: int) -> Shot:
        """Take slice `index` along `view.axis`; the ROI must have a voxel in it."""
        roi = view.plane(scene.mask, index - scene.offset[view.axis])
        return cls(view, index, roi, (scene.offset[view.down], scene.offset[view.across]))

    def extent_mm(self, scene: Scene) -> float:
        """Return the longer edge of the box around the ROI in this slice, mm."""
        return extent_mm(self.view, scene.ct.grid, box_of(self.roi, self.roi_start))


def draw_panel(scene: Scene, shot: Shot, side_mm: float) -> NDArray[np.uint8]:
    """Return a square of `side_mm` around the ROI as RGB `(320, 320, 3)`, upright."""
    window = window_around(shot.view, scene.ct.grid, box_of(shot.roi, shot.roi_start), side_mm)
    hu, box = cut(shot.view.plane(scene.ct.values, shot.index), (0, 0), window, _AIR_HU)
    grey = _scaled(grey_of_hu(hu), box)
    rgb = np.repeat(grey.astype(np.float32)[..., np.newaxis], 3, axis=2)
    if scene.dose_gy is not None and scene.max_dose_gy > 0:
        _wash(rgb, _scaled_dose(shot.view.plane(scene.dose_gy, shot.index), window), scene.max_dose_gy)
    _draw_outline(rgb, shot, window)
    upright: NDArray[np.uint8] = np.asarray(shot.view.upright(np.rint(rgb).astype(np.uint8)))
    return upright


def blended(below: NDArray[np.float32], bands: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Return RGB values `(n, 3)` with the colours of their dose bands `(n,)` laid over them."""
    mixed: NDArray[np.float32] = below * np.float32(1 - DOSE_OPACITY) + _COLOURS[bands] * np.float32(DOSE_OPACITY)
    return mixed


def _wash(rgb: NDArray[np.float32], dose_gy: NDArray[np.float32], max_dose_gy: float) -> None:
    bands = dose_bands(dose_gy, max_dose_gy)
    shown = bands != NOT_SHOWN
    rgb[shown] = blended(rgb[shown], bands[shown])


def _draw_outline(rgb: NDArray[np.float32], shot: Shot, window: Window) -> None:
    roi, box = cut(shot.roi, shot.roi_start, window, 0)
    inside = _scaled((roi != 0).astype(np.uint8) * np.uint8(255), box) >= _INSIDE
    line = outline(inside)
    line |= outline(inside & ~line)
    seam = widened(line) & ~line
    rgb[seam] = rgb[seam] * np.float32(1 - _SEAM_OPACITY) + _SEAM * np.float32(_SEAM_OPACITY)
    rgb[line] = OUTLINE


def _scaled_dose(plane: NDArray[np.generic], window: Window) -> NDArray[np.float32]:
    """Scale a dose with NaN where there is none: only known doses are mixed, each by its share."""
    dose, box = cut(plane, (0, 0), window, np.nan)
    known = np.isfinite(dose)
    if known.all():
        return _scaled(dose.astype(np.float32), box)
    share = _scaled(known.astype(np.float32), box)
    total = _scaled(np.where(known, dose, 0).astype(np.float32), box)
    return np.where(share >= 0.5, total / np.maximum(share, np.float32(0.5)), np.float32(np.nan)).astype(np.float32)  # noqa: PLR2004 - half a pixel


def _scaled(values: NDArray[_Value], box: tuple[float, float, float, float]) -> NDArray[_Value]:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.array(image.resize((PANEL_PX, PANEL_PX), Image.Resampling.BILINEAR, box=box))
