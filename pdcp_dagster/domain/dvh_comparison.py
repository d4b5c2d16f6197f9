"""The project's DVHs beside those of the planning system.

What lives here: the comparison of one ROI, its row and its verdict. What does not: the curves (`dvh`, `tps_dvh`), which
of a patient's doses may be compared (`stages.planning_system`).

Systems differ in what they do with half a slice at each end, with pixels at the border and with bins; a comparison is
made to find a wrong structure, a wrong dose or a wrong scale, and its tolerances leave room for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pdcp_dagster.domain.dose_volume import dose_at_volume_pct, fractions_at_doses

if TYPE_CHECKING:
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.tps_dvh import TpsDvh

DOSE_PCT = 2.0
"""Doses agree within this share of the ROI's highest dose: room for differing end caps in a steep dose."""
DOSE_GY = 0.02
"""... or within this; two bins of a common width, in ROIs that get next to nothing."""
WIDEST_BIN_PCT = 5.0
"""A histogram in bins wider than this share of the highest dose, which it may be off by, agrees with anything."""
VOLUME_PCT = 3.0
"""A curve may leave the band of doses that agree by this share of the volume; of nine ROIs of a system without end
caps, compared with half-slice ones, the worst (0.3 cm3) left it by 1.1 %, all others by 0.7 % at most."""
ROI_VOLUME_PCT = 5.0
"""Volumes of ROIs agree within this, and within what half a slice at each end makes of them."""
SMALLEST_JUDGED_CM3 = 5.0
"""Smaller volumes are not judged: of 0.3 to 0.8 cm3, a system and its own contours were up to 74 % apart."""
_PERCENT = 100.0

Verdict = Literal["agrees", "differs", "not compared"]
AGREES: Verdict = "agrees"
DIFFERS: Verdict = "differs"
NOT_COMPARED: Verdict = "not compared"

Cell = str | float | int | None

COLUMNS: dict[str, str] = {
    "rtstruct_uid": "string",
    "roi_number": "Int64",
    "roi_name": "string",
    "roi_standard_name": "string",
    "structure_name_map": "string",
    "dose_uid": "string",
    **dict.fromkeys(
        (
            *("tps_volume_cm3", "volume_cm3", "volume_difference_pct"),
            *("tps_dmean_gy", "dmean_gy", "dmean_difference_gy", "tps_stated_dmean"),
            *("tps_d95_gy", "d95_gy", "tps_d50_gy", "d50_gy", "tps_d2_gy", "d2_gy"),
            *("largest_gap_pct", "largest_gap_at_gy", "dose_tolerance_gy", "gap_beyond_tolerance_pct"),
        ),
        "Float64",
    ),
    "verdict": "string",
    "reason": "string",
}
"""Columns of dvh_comparison.parquet and their types.

tps_stated_dmean: DVHMeanDose as the system wrote it; its unit is not always the one that it says.
largest_gap_pct: largest vertical distance of the two cumulative curves, in % of the volume, and the dose where it is.
gap_beyond_tolerance_pct: what is left of it if each curve may be shifted by the tolerance in dose.
"""


@dataclass(frozen=True, slots=True)
class CurveGap:
    """How far two cumulative curves are apart, in % of the volume."""

    largest_pct: float
    at_gy: float
    beyond_tolerance_pct: float


def compare(dvh: Dvh, tps: TpsDvh, *, end_caps_cm3: float, is_external: bool) -> dict[str, Cell]:
    """Return what the two DVHs of one ROI say, and the verdict on them with its reason in words.

    end_caps_cm3: what half a slice beyond the first and the last contour makes of the ROI's volume. is_external: of the
    body's outline no volume is judged, as systems leave out of it what is far from the dose.
    """
    row = _numbers(dvh, tps)
    if dvh.dmean_gy is None:
        return row | {"verdict": NOT_COMPARED, "reason": "too much of it lies outside the dose grid"}
    too_wide = bins_too_wide(dvh, tps)
    if too_wide:
        return row | {"verdict": NOT_COMPARED, "reason": too_wide}
    tolerance_gy = max(DOSE_PCT / _PERCENT * tps.curve.dmax_gy, DOSE_GY, tps.curve.bin_gy)
    gap = curve_gap(dvh, tps, tolerance_gy)
    row |= {
        "largest_gap_pct": gap.largest_pct,
        "largest_gap_at_gy": gap.at_gy,
        "dose_tolerance_gy": tolerance_gy,
        "gap_beyond_tolerance_pct": gap.beyond_tolerance_pct,
    }
    mean_gy = dvh.dmean_gy - tps.curve.dmean_gy
    apart = [f"mean dose {mean_gy:+.2f} Gy"] if abs(mean_gy) > tolerance_gy else []
    apart += [f"curves {gap.largest_pct:.1f} % apart"] if gap.beyond_tolerance_pct > VOLUME_PCT else []
    if tps.volume_cm3 and not is_external:
        apart += _volume_apart(dvh.volume_cm3, tps.volume_cm3, end_caps_cm3)
    return row | {"verdict": DIFFERS if apart else AGREES, "reason": ", ".join(apart) or None}


def bins_too_wide(dvh: Dvh, tps: TpsDvh) -> str:
    """Return in words why the system's histogram is too coarse to say anything, "" where it is not."""
    bin_gy = tps.curve.bin_gy
    widest_gy = max(WIDEST_BIN_PCT / _PERCENT * max(tps.curve.dmax_gy, dvh.dmax_gy), DOSE_GY)
    return f"its bins of {bin_gy:.3g} Gy are too wide" if bin_gy > widest_gy else ""


def curve_gap(dvh: Dvh, tps: TpsDvh, tolerance_gy: float) -> CurveGap:
    """Return the gap between the curves, each relative to its own volume; the ROI must be inside the dose grid."""
    doses = np.union1d(dvh.edges_gy, tps.curve.dose_gy)
    theirs = tps.curve.fraction_at(doses)
    apart = np.abs(fractions_at_doses(dvh, doses) - theirs)
    at = int(apart.argmax())
    too_high = theirs - fractions_at_doses(dvh, doses - tolerance_gy)
    too_low = fractions_at_doses(dvh, doses + tolerance_gy) - theirs
    beyond = max(float(too_high.max()), float(too_low.max()), 0.0)
    return CurveGap(_PERCENT * float(apart[at]), float(doses[at]), _PERCENT * beyond)


def _numbers(dvh: Dvh, tps: TpsDvh) -> dict[str, Cell]:
    ours, theirs = dvh.dmean_gy, tps.curve.dmean_gy
    volume = tps.volume_cm3
    row: dict[str, Cell] = {
        "tps_volume_cm3": volume,
        "volume_cm3": dvh.volume_cm3,
        "volume_difference_pct": _PERCENT * (dvh.volume_cm3 / volume - 1) if volume else None,
        "tps_dmean_gy": theirs,
        "dmean_gy": ours,
        "dmean_difference_gy": None if ours is None else ours - theirs,
        "tps_stated_dmean": tps.stated_dmean,
    }
    for pct in (95, 50, 2):
        row |= {f"tps_d{pct}_gy": tps.curve.dose_at_pct(pct), f"d{pct}_gy": dose_at_volume_pct(dvh, pct)}
    return row


def _volume_apart(ours_cm3: float, theirs_cm3: float, end_caps_cm3: float) -> list[str]:
    if max(ours_cm3, theirs_cm3) < SMALLEST_JUDGED_CM3:
        return []
    allowed_cm3 = ROI_VOLUME_PCT / _PERCENT * theirs_cm3 + end_caps_cm3
    if abs(ours_cm3 - theirs_cm3) <= allowed_cm3:
        return []
    return [f"volume {_PERCENT * (ours_cm3 / theirs_cm3 - 1):+.1f} %"]
