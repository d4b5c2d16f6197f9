"""One panel: a slice of the CT with the ROI's outline and the dose, square pixels, the right way up.

What lives here: cutting the window out of the volumes, scaling, blending. What does not: text and layout
(`roi_picture`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pdcp_dagster.domain.display import DOSE_BANDS, NOT_SHOWN, band_colours, dose_bands, grey_of_hu, outline, widened
from pdcp_dagster.domain.views import cut, extent_mm, pixel_grid, span_of, window_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.central_slices import Indices
    from pdcp_dagster.domain.views import SliceView, Window
    from pdcp_dagster.domain.volume import Grid, Volume

Dose = Callable[["Grid"], "NDArray[np.float32]"]
"""Gives the dose at the voxels of any grid, Gy, `(k, j, i)`, NaN where it is unknown."""

PANEL_PX = 288
DOSE_OPACITY = 0.48
OUTLINE = np.array((238, 51, 255), dtype=np.uint8)
"""Magenta in a black seam: of all colours among those farthest from greys and from the washed ones, to people who see
all colours as to those who lack one kind of cones (CIELAB distance 38 or more by Machado et al. 2009); a paler pink is
bone under a low dose to a deuteranope."""
_SEAM_SHARE = 0.25
_AIR_HU = -1024
_INSIDE = 128
_A_DOT_PX = 9
"""An ROI of so few pixels is drawn wider than it is: one would not find it."""
_COLOURS = band_colours().astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a picture shows: arrays on one grid, none of them copied.

    mask: `(k, j, i)` crop of the grid, 0 outside the ROI; offset: index (k, j, i) of its first voxel.
    dose: None where there is none to show.
    max_dose_gy: the dose that gets the highest colour.
    """

    ct: Volume
    mask: NDArray[np.uint8]
    offset: Indices
    dose: Dose | None
    max_dose_gy: float

    @property
    def has_dose(self) -> bool:
        """Whether there is a dose to show."""
        return self.dose is not None and self.max_dose_gy > 0

    def extent_mm(self, view: SliceView) -> float:
        """Return the longer edge of the ROI's box as seen in this view, mm."""
        return extent_mm(view, self.ct.grid, self.box(view))

    def box(self, view: SliceView) -> Window:
        """Return the ROI's box as seen in this view: of all its slices, so that they can be compared."""
        return span_of(view, self.mask.shape, self.offset)

    def roi(self, view: SliceView, index: int) -> NDArray[np.generic] | None:
        """Return the ROI in a slice, `(down, across)` from the mask's first voxel on; None where it has no voxel."""
        layer = index - self.offset[view.axis]
        if not 0 <= layer < self.mask.shape[view.axis]:
            return None
        plane = view.plane(self.mask, layer)
        return plane if plane.any() else None


def draw_panel(scene: Scene, view: SliceView, index: int, side_mm: float) -> NDArray[np.uint8]:
    """Return slice `index`: a square of `side_mm` around the ROI as RGB `(288, 288, 3)`, upright.

    Where the dose reaches beyond the image it is shown on black.
    """
    window = window_around(view, scene.ct.grid, scene.box(view), side_mm)
    hu, box = cut(view.plane(scene.ct.values, index), (0, 0), window, _AIR_HU)
    bands = _bands(scene, view, index, window)
    rgb: NDArray[np.uint8] = np.take(
        _looks(), _scaled(grey_of_hu(hu), box) + 256 * (bands.astype(np.int32) - NOT_SHOWN), axis=0
    )
    roi = scene.roi(view, index)
    if roi is not None:
        _draw_outline(rgb, roi, (scene.offset[view.down], scene.offset[view.across]), window)
    upright: NDArray[np.uint8] = np.ascontiguousarray(view.upright(rgb), dtype=np.uint8)
    return upright


def blended(below: NDArray[np.float32], bands: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Return RGB values `(n, 3)` with the colours of their dose bands `(n,)` laid over them."""
    mixed: NDArray[np.float32] = below * np.float32(1 - DOSE_OPACITY) + _COLOURS[bands] * np.float32(DOSE_OPACITY)
    return mixed


@cache
def _looks() -> NDArray[np.uint8]:
    """Return the colour of each grey without a wash, then under each band: `(19 * 256, 3)`."""
    greys = np.repeat(np.arange(256, dtype=np.float32)[:, np.newaxis], 3, axis=1)
    washed = [blended(greys, np.full(len(greys), band)) for band in range(DOSE_BANDS)]
    looks: NDArray[np.uint8] = np.rint(np.concatenate([greys, *washed])).astype(np.uint8)
    return looks


def _draw_outline(rgb: NDArray[np.uint8], roi: NDArray[np.generic], start: tuple[int, int], window: Window) -> None:
    plane, box = cut(roi, start, window, 0)
    share = _scaled((plane != 0).astype(np.uint8) * np.uint8(255), box)
    # What is thinner than a pixel of the picture everywhere would vanish: it is shown where it is thickest.
    inside = share >= max(min(_INSIDE, int(share.max())), 1)
    line = outline(inside)
    line |= outline(inside & ~line)
    if np.count_nonzero(line) <= _A_DOT_PX:
        line = widened(line)
    seam = widened(line) & ~line
    rgb[seam] = np.rint(rgb[seam] * np.float32(_SEAM_SHARE)).astype(np.uint8)
    rgb[line] = OUTLINE


def _bands(scene: Scene, view: SliceView, index: int, window: Window) -> NDArray[np.int8]:
    """Return the dose band of each of the panel's pixels, not yet upright."""
    if scene.dose is None or not scene.has_dose:
        return np.full((PANEL_PX, PANEL_PX), NOT_SHOWN, dtype=np.int8)
    dose_gy = scene.dose(pixel_grid(view, scene.ct.grid, index, window, PANEL_PX))
    return dose_bands(dose_gy[0], scene.max_dose_gy)


def _scaled(values: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.array(image.resize((PANEL_PX, PANEL_PX), Image.Resampling.BILINEAR, box=box))
