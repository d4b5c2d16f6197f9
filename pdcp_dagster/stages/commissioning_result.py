"""What came of a commissioning over all patients: ROIs by verdict and by convention, and the result in words.

What lives here: counting and wording. What does not: one patient's rows (`commissioning`), the report as files
(`commissioning_report`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.commissioning import AGREES, BY_CONVENTION, CONVENTIONS, DIFFERS, FAILED, NOT_COMPARED
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.commissioning import own_convention
from pdcp_dagster.stages.naming import told_name

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from pdcp_dagster.domain.commissioning import Convention
    from pdcp_dagster.domain.commissioning_tolerances import Tolerances
    from pdcp_dagster.stages.patient import ChainSettings

COMPARED = (DIFFERS, BY_CONVENTION, AGREES)
"""In the order of the page: what needs a look first."""
_ROI = ["partition_key", "rtstruct_uid", "roi_number"]


@dataclass(frozen=True, eq=False)
class Commissioned:
    """What came of a commissioning; table: as in commissioning.parquet."""

    settings: ChainSettings
    tolerances: Tolerances
    day: dt.date
    table: pd.DataFrame

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The table's rows as plain values, None where nothing is known, with what the patient is called."""
        cohort = self.settings.cohort
        plain = self.table.astype(object).where(self.table.notna(), None)
        records = [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
        return [row | {"patient": told_name(cohort, row["patient_id"], row["partition_key"])} for row in records]

    @cached_property
    def rois(self) -> list[dict[str, Any]]:
        """The first row of each ROI that was compared."""
        firsts = {tuple(row[name] for name in _ROI): row for row in reversed(self.compared)}
        return list(reversed(firsts.values()))

    @cached_property
    def compared(self) -> list[dict[str, Any]]:
        """The rows of all ROIs that were compared, those that differ first."""
        rows = [row for row in self.records if row["verdict"] in COMPARED]
        return sorted(rows, key=lambda row: COMPARED.index(row["verdict"]))

    @property
    def others(self) -> list[dict[str, Any]]:
        """What was not compared: a row each, of a ROI or of a whole patient."""
        return [row for row in self.records if row["verdict"] not in COMPARED]

    @cached_property
    def counts(self) -> Counter[str]:
        """How many ROIs, or whole patients where nothing of them was compared, came to each verdict."""
        return Counter(row["verdict"] for row in (*self.rois, *self.others))

    @property
    def patients(self) -> int:
        """How many patients have a ROI that was compared."""
        return len({row["partition_key"] for row in self.rois})

    @property
    def systems(self) -> tuple[str, ...]:
        """The planning systems of those who were compared, as their plans name them."""
        return tuple(dict.fromkeys(row["tps"] for row in self.compared if row["tps"]))

    @property
    def within(self) -> dict[Convention, int]:
        """How many of the compared ROIs each convention is within all tolerances of."""
        found = Counter(
            (row["end_caps"], row["dose_interpolation"]) for row in self.compared if row["within_tolerance"]
        )
        return {each: found[each.end_caps, each.interpolation] for each in CONVENTIONS}

    @property
    def shown(self) -> list[dict[str, Any]]:
        """A row per compared ROI: that of the cohort's own convention where there is one."""
        own = {tuple(row[name] for name in _ROI): row for row in self.compared if row["is_cohorts_own"]}
        return [own.get(tuple(row[name] for name in _ROI), row) for row in self.rois]

    @property
    def failed(self) -> int:
        """How many patients could not be read, which is not the same as nothing to compare."""
        return self.counts[FAILED]

    @property
    def torn(self) -> tuple[str, ...]:
        """The planning systems of whose ROIs each is within tolerance by some convention, and all by none together.

        A system computes all its DVHs by one convention: what only another one explains may be an error of a slice.
        """
        fitting: dict[str, set[Convention]] = {}
        for roi in self.rois:
            if roi["verdict"] == DIFFERS:
                continue
            of_roi = {one for one in CONVENTIONS if self._fits(roi, one)}
            name = roi["tps"] or "not named"
            fitting[name] = fitting.get(name, set(CONVENTIONS)) & of_roi
        return tuple(name for name, conventions in fitting.items() if not conventions)

    @cached_property
    def _fitting(self) -> set[tuple[Any, ...]]:
        return {
            (*(row[name] for name in _ROI), row["end_caps"], row["dose_interpolation"])
            for row in self.compared
            if row["within_tolerance"]
        }

    def _fits(self, roi: dict[str, Any], convention: Convention) -> bool:
        return (*(roi[name] for name in _ROI), convention.end_caps, convention.interpolation) in self._fitting

    @property
    def is_explained(self) -> bool:
        """Whether all that was compared agrees by one convention of each system, and every patient could be read."""
        return not self.failed and not self.counts[DIFFERS] and not self.torn

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        rois, patients = _counted(len(self.rois), "ROI"), _counted(self.patients, "patient")
        others = _counted(self.counts[NOT_COMPARED], "ROI or patient", "ROIs or patients")
        failed = f", {_counted(self.failed, 'patient')} could not be read" if self.failed else ""
        return (
            f"{rois} of {patients}: {self.counts[AGREES]} agree, {self.counts[BY_CONVENTION]} agree by convention, "
            f"{self.counts[DIFFERS]} differ; {others} could not be compared{failed}.{self._torn_told}"
        )

    @property
    def _torn_told(self) -> str:
        torn = some(list(self.torn))
        return f" No one convention explains all ROIs of: {torn}. A system has but one: look at them." if torn else ""

    @property
    def advice(self) -> str:
        """Say which convention would agree with more ROIs than the cohort's own, "" where none does."""
        own = own_convention(self.settings)
        best = max(CONVENTIONS, key=lambda each: (self.within[each], each == own))
        if self.within[best] <= self.within[own]:
            return ""
        return (
            f"With {best.told} {self.within[best]} of {len(self.rois)} ROIs are within all tolerances, "
            f"with the cohort's own {self.within[own]}."
        )

    def reasons(self) -> list[tuple[str, str]]:
        """Return what was not compared, together where the reason is the same, and the reason."""
        by_reason: dict[str, list[str]] = {}
        for row in self.others:
            what = f"{row['patient']}, {row['roi_name'] or 'an unnamed ROI'}" if row["dose_uid"] else row["patient"]
            reason = f"Could not be read: {row['reason']}" if row["verdict"] == FAILED else str(row["reason"])
            by_reason.setdefault(reason, []).append(what)
        return [(some(whats), reason) for reason, whats in by_reason.items()]


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
