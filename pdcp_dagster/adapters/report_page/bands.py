"""The DVHs of the cohort, a structure at a time: median, quartiles and each patient.

What lives here: which structures, and their curves as data of bounded size. What does not: computing the bands
(`domain.dvh_bands`), drawing them (`script_bands`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pdcp_dagster.adapters.report_page.cells import escaped, shown
from pdcp_dagster.adapters.report_page.embedded import data_element, packed_pct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh_bands import DvhBand

MOST_STRUCTURES = 24
MOST_CURVE_BYTES = 6_000_000
_FEWEST_POINTS = 24
FINE_STEPS = 10_000
COARSE_STEPS = 200
"""Each patient's curve is kept in steps of 0.01 %, or in a large cohort of 0.5 %, finer than a pixel of the plot."""

_HOW = (
    "Point at a curve, or move with the arrow keys: up and down from patient to patient, left and right along the "
    "dose. Click, or press Enter, for the patient's row in the table."
)


def bands_section(bands: Sequence[DvhBand], further_structures: int = 0) -> str:
    """Return the plot with its choice of structures, of which there are at most MOST_STRUCTURES; "" without bands.

    further_structures: how many there are besides these bands.
    """
    chosen = most_frequent(bands, MOST_STRUCTURES)
    if not chosen:
        return ""
    return (
        '<section class="card" id="bands"><h2>Dose-volume histograms of the cohort</h2>'
        f'<form class="filter"><label>Structure <select id="structure">{_options(chosen)}</select></label></form>'
        '<div id="plot" tabindex="0" role="application" aria-roledescription="plot" aria-describedby="plot-how">'
        '<canvas aria-hidden="true"></canvas><svg aria-hidden="true" viewBox="0 0 760 420"></svg></div>'
        '<p id="plot-said" aria-live="polite"></p><p class="keys"><span class="key median"></span> median '
        '<span class="key quartiles"></span> quartiles at each dose '
        '<span class="key each"></span> <span id="plot-lines"></span></p>'
        f'<p class="faint" id="plot-how">{_HOW}{_left_out(further_structures + len(bands) - len(chosen))}</p></section>'
        f"{data_element('bands-data', _data(chosen))}"
    )


def most_frequent(bands: Sequence[DvhBand], most: int) -> list[DvhBand]:
    """Return the bands of most patients, those of more patients first, then by name."""
    ordered = sorted(bands, key=lambda band: (-len(band.patients), not band.is_standard_name, band.structure))
    return [band for band in ordered if band.patients][:most]


def _options(bands: Sequence[DvhBand]) -> str:
    parts = []
    for title, standard in (("Standard names (TG-263)", True), ("Names as written", False)):
        options = "".join(
            f'<option value="{number}">{escaped(band.structure)} ({len(band.patients)})</option>'
            for number, band in enumerate(bands)
            if band.is_standard_name is standard
        )
        parts.append(f'<optgroup label="{title}">{options}</optgroup>' if options else "")
    return "".join(parts)


def _left_out(count: int) -> str:
    if not count:
        return ""
    further = "1 further structure is" if count == 1 else f"{count} further structures are"
    return f" {further} not drawn: those of the fewest patients."


def _data(bands: Sequence[DvhBand]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for band in bands for name in band.patients))
    number_of = {name: number for number, name in enumerate(names)}
    total = sum(len(band.patients) for band in bands)
    points = max(2, min(max(len(band.dose_gy) for band in bands), max(_FEWEST_POINTS, MOST_CURVE_BYTES // total)))
    most = max(1, MOST_CURVE_BYTES // (points * len(bands))) if total * points > MOST_CURVE_BYTES else total
    steps = FINE_STEPS if 2 * total * points <= MOST_CURVE_BYTES else COARSE_STEPS
    return {
        "steps": steps,
        "names": [shown(name) for name in names],
        "points": points,
        "bands": [_band(band, number_of, points, most, steps) for band in bands],
    }


def _band(band: DvhBand, number_of: dict[str, int], points: int, most: int, steps: int) -> dict[str, Any]:
    """Return a band as data, its curves at even doses from 0; of more than `most` patients an even choice is drawn."""
    count = len(band.patients)
    drawn = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    highest = float(band.dose_gy[-1])
    fine = max(len(band.dose_gy), 2)
    lines = np.stack([band.median_pct, band.lower_pct, band.upper_pct])
    median, lower, upper = _at(lines, band.dose_gy, np.linspace(0, highest, fine))
    curves = _at(band.curves_pct[drawn], band.dose_gy, np.linspace(0, highest, points))
    return {
        "structure": shown(band.structure),
        "highest": round(highest, 4),
        "count": count,
        "fine": fine,
        "median": packed_pct(median, FINE_STEPS),
        "lower": packed_pct(lower, FINE_STEPS),
        "upper": packed_pct(upper, FINE_STEPS),
        "patients": [number_of[band.patients[number]] for number in drawn],
        "curves": packed_pct(curves, steps),
    }


def _at(curves: NDArray[Any], dose_gy: NDArray[np.float64], wanted_gy: NDArray[np.float64]) -> NDArray[Any]:
    """Return curves of shape (k, n) at other doses, shape (k, m), linear between the given ones."""
    if len(dose_gy) == 1:
        return np.repeat(curves, len(wanted_gy), axis=1)
    place = np.interp(wanted_gy, dose_gy, np.arange(len(dose_gy)))
    below = np.minimum(place.astype(int), len(dose_gy) - 2)
    share = (place - below).astype(curves.dtype)
    at: NDArray[Any] = curves[:, below] * (1 - share) + curves[:, below + 1] * share
    return at
