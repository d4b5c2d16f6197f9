"""The planning system's DVHs beside the project's under each convention: what a convention explains, and what remains.

What lives here: conventions, the differences of one ROI, and the verdict on them. What does not: tolerances
(`commissioning_tolerances`), the curves (`dvh`, `tps_dvh`), which DVHs may be compared (`stages.planning_system`).

`dvh_comparison` looks for gross errors in every patient, and leaves room for what systems do differently. Here that
room is what is asked about: tolerances are tight, and a difference that vanishes under another convention has a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.domain.dose_volume import dose_at_volume_pct
from pdcp_dagster.domain.dvh_comparison import bins_too_wide, curve_gap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.commissioning_tolerances import Tolerances
    from pdcp_dagster.domain.contours import EndCaps
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.interpolation import Interpolation
    from pdcp_dagster.domain.tps_dvh import TpsDvh

_AT_PCT = (95, 50, 2)
_PERCENT = 100.0

Verdict = Literal["agrees", "agrees by convention", "differs", "not compared", "failed"]
AGREES: Verdict = "agrees"
BY_CONVENTION: Verdict = "agrees by convention"
DIFFERS: Verdict = "differs"
NOT_COMPARED: Verdict = "not compared"
FAILED: Verdict = "failed"
"""A patient's files could not be read, which is not the same as nothing to compare."""


@dataclass(frozen=True, slots=True)
class Convention:
    """What systems do differently and a cohort file can choose (`dvh.end_caps`, `dvh.dose_interpolation`)."""

    end_caps: EndCaps
    interpolation: Interpolation

    @property
    def told(self) -> str:
        """The convention as a cohort file says it."""
        return f"end_caps: {self.end_caps}, dose_interpolation: {self.interpolation}"

    def unlike(self, other: Convention) -> tuple[str, ...]:
        """Return in words in what this differs from the other."""
        pairs = (
            ("end caps", self.end_caps != other.end_caps),
            ("dose interpolation", self.interpolation != other.interpolation),
        )
        return tuple(name for name, differs in pairs if differs)


CONVENTIONS: tuple[Convention, ...] = (
    Convention("half_slice", "linear"),
    Convention("none", "linear"),
    Convention("half_slice", "cubic"),
    Convention("none", "cubic"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One quantity of a ROI: ours, theirs, and how far apart in `unit`; tolerance None: told and not judged."""

    name: str
    unit: str
    ours: float
    theirs: float | None
    apart: float | None
    tolerance: float | None

    @property
    def share(self) -> float:
        """How much of its tolerance a difference takes up; above 1 it is out of tolerance."""
        return 0.0 if self.apart is None or self.tolerance is None else abs(self.apart) / self.tolerance

    @property
    def told(self) -> str:
        """The difference in words: "D95 -0.10 Gy"."""
        return f"{self.name} {self.apart or 0.0:+.2f} {self.unit}"


@dataclass(frozen=True, slots=True)
class Differences:
    """All that is compared of a ROI under one convention."""

    volume: Difference
    dmean: Difference
    d95: Difference
    d50: Difference
    d2: Difference
    curve: Difference
    largest_gap_pct: float
    largest_gap_at_gy: float

    @property
    def judged(self) -> tuple[Difference, ...]:
        """The quantities in the order in which they are told."""
        return (self.volume, self.dmean, self.d95, self.d50, self.d2, self.curve)

    @property
    def outside(self) -> tuple[str, ...]:
        """Return in words what is out of tolerance."""
        return tuple(each.told for each in self.judged if each.share > 1)

    @property
    def worst(self) -> float:
        """The largest share of a tolerance that is taken up."""
        return max(each.share for each in self.judged)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a ROI.

    reason: by which convention it agrees, what is out of tolerance, or why it cannot be compared; "" where it agrees.
    convention: under which the two are closest, the cohort's own where that agrees.
    """

    verdict: Verdict
    reason: str
    convention: Convention | None = None


def differences(dvh: Dvh, tps: TpsDvh, tolerances: Tolerances, *, is_external: bool) -> Differences | str:
    """Return how a ROI's two DVHs differ, or why they cannot be compared.

    is_external: of the body's outline no volume is judged, as systems leave out of it what is far from the dose.
    """
    at = {pct: dose_at_volume_pct(dvh, pct) for pct in _AT_PCT}
    known = {pct: gy for pct, gy in at.items() if gy is not None}
    if dvh.dmean_gy is None or len(known) < len(_AT_PCT):
        return "too much of it lies outside the dose grid"
    too_wide = bins_too_wide(dvh, tps)
    if too_wide:
        return too_wide
    gy = tolerances.dose_tolerance_gy(tps)
    gap = curve_gap(dvh, tps, gy)
    d95, d50, d2 = (_dose(f"D{pct}", ours, tps.curve.dose_at_pct(pct), gy) for pct, ours in known.items())
    beyond = gap.beyond_tolerance_pct
    return Differences(
        volume=_volume(dvh, tps, tolerances, judged=not is_external),
        dmean=_dose("mean dose", dvh.dmean_gy, tps.curve.dmean_gy, gy),
        d95=d95,
        d50=d50,
        d2=d2,
        curve=Difference("curves apart", "% of the volume", gap.largest_pct, None, beyond, tolerances.curve_pct),
        largest_gap_pct=gap.largest_pct,
        largest_gap_at_gy=gap.at_gy,
    )


def judge(by_convention: Mapping[Convention, Differences | str], own: Convention) -> Judgement:
    """Return the verdict on a ROI: under the cohort's own convention, else under the others, the fewest changes first.

    by_convention: of the own one at least.
    """
    found = {each: one for each, one in by_convention.items() if isinstance(one, Differences)}
    if not found:
        return Judgement(NOT_COMPARED, str(by_convention[own]))
    if own in found and not found[own].outside:
        return Judgement(AGREES, "", own)
    within = [each for each, one in found.items() if not one.outside]
    if within:
        chosen = min(within, key=lambda each: (len(each.unlike(own)), found[each].worst))
        return Judgement(BY_CONVENTION, " and ".join(chosen.unlike(own)), chosen)
    closest = min(found, key=lambda each: found[each].worst)
    where = "" if closest == own else f" (closest with {closest.told})"
    return Judgement(DIFFERS, f"{', '.join(found[closest].outside)}{where}", closest)


def _volume(dvh: Dvh, tps: TpsDvh, tolerances: Tolerances, *, judged: bool) -> Difference:
    ours, theirs = dvh.volume_cm3, tps.volume_cm3
    large = theirs is not None and max(ours, theirs) >= tolerances.smallest_cm3
    apart = _PERCENT * (ours / theirs - 1) if theirs else None
    return Difference("volume", "%", ours, theirs, apart, tolerances.volume_pct if judged and large else None)


def _dose(name: str, ours: float, theirs: float, tolerance_gy: float) -> Difference:
    return Difference(name, "Gy", ours, theirs, ours - theirs, tolerance_gy)
