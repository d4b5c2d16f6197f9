"""Whether the archive lacks more of the patients of some months than of the others.

What lives here: the judgement on months. What does not: which date counts (`stages.quality_report`), shares over the
whole cohort (`quality_cohort`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_chance import chance_of_more, is_more
from pdcp_dagster.domain.quality_cohort import share
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pdcp_dagster.domain.quality_cohort import ReportedPatient

LEAST_DIFFERENCE_PCT = 10.0
"""In a large cohort less than this may be beyond chance, and matters to nobody."""
DELETED = "I_EXEC_012"
LACKING = frozenset({"I_EXEC_005", "I_EXEC_009", "II_EXEC_001", "II_EXEC_002", "XXIV_EXEC_004"})
"""Codes that exclude for want of objects, or of objects that belong together."""
_INCOMPLETE = "excluded, for something is missing or not linked"


def judge_drift(patients: Iterable[ReportedPatient], required: Sequence[str], at_least: int) -> Judgement | None:
    """Compare each month of study dates with all others: which share lacks a modality, or is excluded for want of data.

    required: modalities that the cohort needs. Only months with `at_least` patients are compared, with at least as many
    of other months; None where there is no such month. Patients without a result or a date, and those deleted from the
    archive, are left out. Of whom it is not known what the archive holds is asked alone whether they are excluded.
    """
    months: dict[str, list[ReportedPatient]] = defaultdict(list)
    undated = 0
    for patient in patients:
        if not patient.has_result or DELETED in patient.codes:
            continue
        if patient.date is None:
            undated += 1
        else:
            months[f"{patient.date:%Y-%m}"].append(patient)
    everybody = sum(map(len, months.values()))
    compared = [
        month for month, of in sorted(months.items()) if len(of) >= at_least and everybody - len(of) >= at_least
    ]
    if not compared:
        return None
    worse = _worse(months, compared, required, at_least)
    unknown = sum(patient.modalities is None for of in months.values() for patient in of)
    left_out = f" Without a date and left out: {undated}." if undated else ""
    left_out += f" The modalities of {unknown} are unknown and not compared." if unknown else ""
    if worse:
        return Judgement(passed=False, said=f"{'; '.join(each.told for each in worse)}.{left_out}")
    said = f"None of {len(compared)} months with at least {at_least} patients lacks more than the others"
    return Judgement(passed=True, said=f"{said} ({some(compared)}).{left_out}")


@dataclass(frozen=True, slots=True)
class _Worse:
    chance: float
    told: str


def _worse(
    months: Mapping[str, Sequence[ReportedPatient]], compared: Sequence[str], required: Sequence[str], at_least: int
) -> list[_Worse]:
    """Return the months that are worse than the others, the least likely by chance first."""
    found = []
    for what in (*required, _INCOMPLETE):
        lacking = {month: _lack(of, what) for month, of in months.items()}
        every, everybody = sum(map(sum, lacking.values())), sum(map(len, lacking.values()))
        for month in compared:
            here, of = sum(lacking[month]), len(lacking[month])
            there, of_others = every - here, everybody - of
            if min(of, of_others) < at_least:
                continue
            apart_pct = 100 * (here / of - there / of_others)
            comparisons = len(compared) * (len(required) + 1)
            if apart_pct >= LEAST_DIFFERENCE_PCT and is_more(here, of, there, of_others, comparisons):
                said = f"{month}: {share(here, of)} {_words(what)}, in other months {share(there, of_others)}"
                found.append(_Worse(chance_of_more(here, of, there, of_others), said))
    return sorted(found, key=lambda each: (each.chance, each.told))


def _lack(patients: Iterable[ReportedPatient], what: str) -> list[bool]:
    """Return whether each lacks it, of those of whom that is known."""
    if what == _INCOMPLETE:
        return [bool(LACKING & {*patient.codes}) for patient in patients]
    return [what not in patient.modalities for patient in patients if patient.modalities is not None]


def _words(what: str) -> str:
    return what if what == _INCOMPLETE else f"have no {what}"
