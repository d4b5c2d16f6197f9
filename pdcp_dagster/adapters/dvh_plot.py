"""The plot of a patient's DVHs, small enough for an asset's metadata.

What lives here: drawing cumulative DVHs with matplotlib. What does not: computing them (`domain.dvh`), pictures of
slices (`pictures`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from PIL import Image

from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LARGEST_PLOT = 15_000
"""Bytes: metadata lie in Dagster's event log."""

MOST_ROIS = 12
_SIZE_INCH = (7.0, 4.0)
_DPIS = (100, 85, 70, 55, 40)
_SHADES = (4, 2)
_GREYS = 8
_LONGEST_NAME = 26
_LONGEST_TITLE = 70
_HEADROOM = 1.03
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "text.usetex": False,
}
_TARGET_HUES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#000000", "#E69F00")
_ORGAN_HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe and Ito's colours (2008), told apart by every kind of colour vision; its yellow is too pale for a line."""

_ORGAN_DASHES: tuple[tuple[int, tuple[float, ...]], ...] = ((0, (5, 2)), (0, (1.5, 1.5)))
_GREY = "#777777"


@dataclass(frozen=True, slots=True, eq=False)
class DvhCurve:
    """One ROI's cumulative DVH: `volume_pct` of its volume gets at least `dose_gy`; arrays of one length."""

    name: str
    dose_gy: NDArray[np.float64]
    volume_pct: NDArray[np.float64]
    is_target: bool


def draw_dvh(curves: Sequence[DvhCurve], *, title: str, prescription_gy: float | None) -> bytes:
    """Return the DVHs of at most 12 ROIs as PNG of at most 15 kB, the same bytes for the same curves.

    Targets come first, solid and thicker; the others are dashed. Further ROIs are counted in the legend.
    Without any curve the axes say so.
    """
    ordered = sorted(curves, key=lambda curve: not curve.is_target)
    with mpl.rc_context(_STYLE):
        return _small_png(_figure(ordered, title, prescription_gy))


def _figure(ordered: Sequence[DvhCurve], title: str, prescription_gy: float | None) -> Figure:
    figure = Figure(figsize=_SIZE_INCH, facecolor="white")
    axes = figure.add_axes((0.09, 0.125, 0.6, 0.8))
    shown = ordered[:MOST_ROIS]
    styles = {True: _target_styles(), False: _organ_styles()}
    entries = [(_draw_curve(axes, curve, next(styles[curve.is_target])), curve.name) for curve in shown]
    if prescription_gy:
        line = axes.axvline(prescription_gy, color=_GREY, linewidth=1, linestyle=":", zorder=1)
        entries.append((line, f"prescribed: {prescription_gy:g} Gy"))
    if further := len(ordered) - len(shown):
        entries.append((Line2D([], [], linestyle="none"), f"and {further} more"))
    _set_axes(axes, shown, title, prescription_gy)
    if not shown:
        axes.text(0.5, 0.5, "No DVH was computed", transform=axes.transAxes, ha="center")
    _set_legend(axes, entries)
    return figure


def _target_styles() -> Iterator[dict[str, Any]]:
    return cycle({"color": hue, "linewidth": 2.2, "linestyle": "-", "zorder": 3} for hue in _TARGET_HUES)


def _organ_styles() -> Iterator[dict[str, Any]]:
    return cycle(
        {"color": hue, "linewidth": 1.5, "linestyle": dash, "zorder": 2}
        for dash, hue in product(_ORGAN_DASHES, _ORGAN_HUES)
    )


def _draw_curve(axes: Axes, curve: DvhCurve, style: dict[str, Any]) -> Line2D:
    (line,) = axes.plot(curve.dose_gy, curve.volume_pct, **style)
    return line


def _set_axes(axes: Axes, shown: Sequence[DvhCurve], title: str, prescription_gy: float | None) -> None:
    highest = max([float(curve.dose_gy[-1]) for curve in shown if curve.dose_gy.size] + [prescription_gy or 0.0, 0.1])
    axes.set(xlim=(0, highest * _HEADROOM), ylim=(0, 102), xlabel="Dose / Gy", ylabel="Volume / %")
    axes.set_yticks(range(0, 101, 20))
    axes.set_title(_drawable(title, _LONGEST_TITLE), fontsize=10, loc="left")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _set_legend(axes: Axes, entries: Sequence[tuple[Line2D, str]]) -> None:
    """Set the names beside the plot; put in afterwards, since matplotlib leaves out labels that start with `_`."""
    legend = axes.legend(
        [line for line, _ in entries],
        [str(number) for number in range(len(entries))],
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        fontsize=8.5,
        handlelength=2.6,
    )
    for text, (_, name) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(_drawable(name, _LONGEST_NAME))


def _drawable(text: str, longest: int) -> str:
    """Return untrusted text as one line of characters that the font has: each missing one is a warning, and a box."""
    known = _characters()
    return "".join(char if ord(char) in known else "\N{REPLACEMENT CHARACTER}" for char in one_line(text, longest))


@cache
def _characters() -> frozenset[int]:
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return frozenset(FT2Font(str(path)).get_charmap())


def _small_png(figure: Figure) -> bytes:
    canvas: Any = FigureCanvasAgg(figure)
    for dpi in _DPIS:
        figure.set_dpi(dpi)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        for shades in _SHADES:
            content = _png(image, shades)
            if len(content) <= LARGEST_PLOT:
                return content
    raise ValueError(f"no DVH plot fits into {LARGEST_PLOT} bytes")


def _png(image: Image.Image, shades: int) -> bytes:
    stream = io.BytesIO()
    image.quantize(palette=_palette(shades), dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return stream.getvalue()


@cache
def _palette(shades: int) -> Image.Image:
    """Return the lines' colours in some shades towards white, and greys: a search for colours would miss thin lines."""
    hues = 255 * np.array([to_rgb(hue) for hue in dict.fromkeys(_TARGET_HUES + _ORGAN_HUES)])
    mixed = [255 + (hues - 255) * share for share in np.linspace(1, 0, shades, endpoint=False)]
    greys = np.repeat(np.linspace(0, 255, _GREYS)[:, np.newaxis], 3, axis=1)
    carrier = Image.new("P", (1, 1))
    carrier.putpalette(np.rint(np.concatenate([greys, *mixed])).astype(np.uint8).tobytes())
    return carrier
