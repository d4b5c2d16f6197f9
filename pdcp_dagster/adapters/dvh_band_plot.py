"""The DVHs of a cohort as one picture, for an asset's metadata: a small plot for each structure.

What lives here: drawing median, quartiles and patients with matplotlib. What does not: the bands (`domain.dvh_bands`),
one patient's plot (`dvh_plot`), the report page.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from PIL import Image

from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from pdcp_dagster.domain.dvh_bands import DvhBand

MOST_STRUCTURES = 6
LARGEST = 60_000
"""Bytes: the picture lies in Dagster's event log once for each report."""

MOST_PATIENTS = 300
"""Curves of one structure that are drawn: more would only be a grey area."""

_COLUMNS = 3
_PLOT_INCH = (3.3, 2.5)
_DPIS = (100, 80, 60, 40)
_COLOURS = 48
_BLUE, _GREY = "#0b5c9e", "#808a94"
_LONGEST_NAME = 30
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "text.parse_math": False,
    "text.usetex": False,
}


def draw_bands(bands: Sequence[DvhBand]) -> bytes:
    """Return the bands of the 6 structures with most patients as PNG of at most 60 kB, the same for the same bands.

    Raises ValueError without bands.
    """
    if not bands:
        raise ValueError("there is no structure to draw")
    chosen = sorted(bands, key=lambda band: (-len(band.patients), band.structure))[:MOST_STRUCTURES]
    columns = min(len(chosen), _COLUMNS)
    rows = -(-len(chosen) // columns)
    with mpl.rc_context(_STYLE):
        figure = Figure(
            figsize=(columns * _PLOT_INCH[0], rows * _PLOT_INCH[1]), facecolor="white", layout="constrained"
        )
        for axes, band in zip(figure.subplots(rows, columns, squeeze=False).flat, chosen, strict=False):
            _draw(axes, band)
        for axes in figure.axes[len(chosen) :]:
            axes.set_axis_off()
        return _small_png(figure)


def _draw(axes: Axes, band: DvhBand) -> None:
    drawn = np.unique(
        np.linspace(0, len(band.patients) - 1, min(len(band.patients), MOST_PATIENTS)).round().astype(int)
    )
    lines = [np.column_stack([band.dose_gy, curve]) for curve in band.curves_pct[drawn]]
    axes.add_collection(LineCollection(lines, colors=_GREY, linewidths=0.5, alpha=min(0.6, 2 / len(drawn) ** 0.5)))
    axes.fill_between(band.dose_gy, band.lower_pct, band.upper_pct, color=_BLUE, alpha=0.25, linewidth=0)
    axes.plot(band.dose_gy, band.median_pct, color=_BLUE, linewidth=1.8)
    count = "1 patient" if len(band.patients) == 1 else f"{len(band.patients)} patients"
    axes.set_title(f"{_drawable(band.structure)} ({count})", fontsize=9, loc="left")
    axes.set(xlim=(0, max(float(band.dose_gy[-1]), 0.1)), ylim=(0, 102), xlabel="Dose / Gy", ylabel="Volume / %")
    axes.set_yticks(range(0, 101, 25))
    axes.grid(color="#dddddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _small_png(figure: Figure) -> bytes:
    canvas: Any = FigureCanvasAgg(figure)
    for dpi in _DPIS:
        figure.set_dpi(dpi)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        stream = io.BytesIO()
        image.quantize(_COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        if stream.tell() <= LARGEST:
            return stream.getvalue()
    raise ValueError(f"no plot of the bands fits into {LARGEST} bytes")


def _drawable(text: str) -> str:
    """Return untrusted text as one line of characters that the font has: each missing one is a warning, and a box."""
    line, known = one_line(text, _LONGEST_NAME), _characters()
    return "".join(char if ord(char) in known else "\N{REPLACEMENT CHARACTER}" for char in line)


@cache
def _characters() -> frozenset[int]:
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return frozenset(FT2Font(str(path)).get_charmap())
