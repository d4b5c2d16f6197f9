"""The patient's DVHs as a drawing within the page.

What lives here: an SVG of cumulative curves, each with few points, and the sign that stands for a curve elsewhere. What
does not: colours (`style`), the plot for Dagster's metadata (`dvh_plot`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.patient_panel.text import escaped
from pdcp_dagster.domain.display import round_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.adapters.patient_panel.content import PanelCurve

MOST_POINTS = 60
HUES, DASHES = 6, 3
_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 40
_PLOT = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
_HEADROOM = 1.03
_MOST_TICKS = 8
_PCT = 100.0


def dvh_figure(curves: Sequence[PanelCurve], prescriptions_gy: Sequence[float]) -> str:
    """Return the drawing; the curves in their order, each with its name to read while pointed at."""
    classes = curve_classes(curves)
    highest_gy = max([0.1, *prescriptions_gy, *(float(curve.dose_gy[-1]) for curve in curves)]) * _HEADROOM
    drawn = [_curve(curve, kind, highest_gy) for curve, kind in zip(curves, classes, strict=True)]
    # The first ones, which are targets, on top.
    parts = [*_axes(highest_gy), *_prescribed(prescriptions_gy, highest_gy), *reversed(drawn)]
    return (
        f'<svg class="dvh" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Cumulative dose-volume histograms of {len(curves)} ROIs">{"".join(parts)}</svg>'
    )


def curve_classes(curves: Sequence[PanelCurve]) -> list[str]:
    """Return how each curve is drawn: targets solid, all others dashed; hues and dashes in turn."""
    counts = {True: 0, False: 0}
    found = []
    for curve in curves:
        count = counts[curve.is_target]
        counts[curve.is_target] += 1
        dash = "" if curve.is_target else f" d{count // HUES % DASHES}"
        found.append(f"curve {'t' if curve.is_target else 'o'}{count % HUES}{dash}")
    return found


def sign(kind: str) -> str:
    """Return the sign of a curve, a short piece of its line."""
    return f'<svg class="sign" viewBox="0 0 28 8" aria-hidden="true"><path class="{kind}" d="M0 4H28"/></svg>'


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which points of a curve to draw, at most 60, first and last among them: most where it bends most.

    Every point weighs as much as the curve turns there, and as the way from the point before it is long; a tenth of the
    points would do for a curve without bends.
    """
    if x.size <= MOST_POINTS:
        return np.arange(x.size)
    dx, dy = np.diff(x) / (x[-1] - x[0]), np.diff(y) / _PCT
    turn = np.abs(np.diff(dy / dx))
    way = np.hypot(dx, dy)
    weight = way / way.sum()
    weight[1:] += turn / max(turn.sum(), 1e-9)
    weight[:-1] += turn / max(turn.sum(), 1e-9)
    reached = np.concatenate([[0], np.cumsum(weight)])
    chosen: NDArray[np.intp] = np.unique(
        np.searchsorted(reached, np.linspace(0, reached[-1] * (1 - 1e-12), MOST_POINTS))
    )
    return chosen


def _curve(curve: PanelCurve, kind: str, highest_gy: float) -> str:
    points = thinned(curve.dose_gy, curve.volume_pct)
    across = _LEFT + curve.dose_gy[points] / highest_gy * _PLOT[0]
    down = _TOP + (1 - curve.volume_pct[points] / _PCT) * _PLOT[1]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across.tolist(), down.tolist(), strict=True))
    return f'<polyline class="{kind}" points="{way}"><title>{escaped(curve.name)}</title></polyline>'


def _axes(highest_gy: float) -> list[str]:
    bottom, right = _TOP + _PLOT[1], _LEFT + _PLOT[0]
    parts = []
    for gy in round_steps(highest_gy, _MOST_TICKS):
        x = _across(gy, highest_gy)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{gy:g}</text>')
    for pct in range(0, 101, 20):
        y = _TOP + (1 - pct / _PCT) * _PLOT[1]
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{pct}</text>')
    middle = _TOP + _PLOT[1] // 2
    parts.append(f'<text x="{(_LEFT + right) // 2}" y="{_HEIGHT - 6}" text-anchor="middle">Dose / Gy</text>')
    parts.append(f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">Volume / %</text>')
    return parts


def _prescribed(prescriptions_gy: Sequence[float], highest_gy: float) -> list[str]:
    found = []
    for gy in prescriptions_gy:
        x, bottom = _across(gy, highest_gy), _TOP + _PLOT[1]
        found.append(
            f'<path class="prescribed" d="M{x:.1f} {_TOP}V{bottom}"><title>prescribed: {gy:g} Gy</title></path>'
        )
    return found


def _across(gy: float, highest_gy: float) -> float:
    return _LEFT + gy / highest_gy * _PLOT[0]
