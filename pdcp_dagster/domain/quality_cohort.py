"""Whether a cohort as a whole goes as it should: shares of exclusions and failures, and codes that come up at once.

What lives here: judgements on the rows of the cohort report. What does not: gathering them (`stages.quality_report`),
months (`quality_drift`), one patient's checks.

No judgement names a patient, so that nothing is told where a cohort hides PatientIDs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import CODES, Effect, Finding, Status, deciding
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_chance import is_more
from pdcp_dagster.domain.words import told_apart

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

_RESULTS = frozenset({Status.SUCCESS, Status.REVIEW, Status.EXCLUDE})
_DECIDING = frozenset({Effect.EXCLUDE, Effect.REVIEW})
_TOLD = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ReportedPatient:
    """One patient as the cohort report has it.

    key: the partition key; None of one who is not in the archive.
    date: of the study that was selected, else of the latest one in the archive; None where none is known, or a dummy.
    modalities: what the archive holds of the patient; None where nobody could look.
    """

    key: str | None
    status: Status
    codes: tuple[str, ...]
    date: dt.date | None = None
    modalities: frozenset[str] | None = None

    @property
    def has_result(self) -> bool:
        """Whether the patient came to one, an exclusion included."""
        return self.status in _RESULTS


def judge_exclusions(patients: Sequence[ReportedPatient], at_most_pct: float) -> Judgement | None:
    """Judge the share of patients with a result who are excluded; None where nobody has one."""
    done = [patient for patient in patients if patient.has_result]
    if not done:
        return None
    excluded = [patient for patient in done if patient.status is Status.EXCLUDE]
    why = Counter(code for patient in excluded for code in _code_that_decided(patient))
    told = "; ".join(f"{count}: {_meaning(code)}" for code, count in _most(why)[:_TOLD])
    excluded_of = share(len(excluded), len(done), at_most_pct)
    said = f"{excluded_of} of the patients with a result are excluded, at most {at_most_pct:g} %"
    passed = _within(len(excluded), len(done), at_most_pct)
    return Judgement(passed, f"{said} is accepted (excluded_at_most_pct).{f' {told}.' if told else ''}")


def judge_failures(patients: Sequence[ReportedPatient], at_most_pct: float) -> Judgement | None:
    """Judge the share of patients who failed among those who were run; None where nobody was."""
    run = [patient for patient in patients if patient.has_result or patient.status is Status.FAILED]
    if not run:
        return None
    failed = sum(patient.status is Status.FAILED for patient in run)
    failed_of = share(failed, len(run), at_most_pct)
    said = f"{failed_of} of the patients that were run failed, at most {at_most_pct:g} % is accepted"
    why = " The report says why of each." if failed else ""
    return Judgement(_within(failed, len(run), at_most_pct), f"{said} (failed_at_most_pct).{why}")


@dataclass(frozen=True, slots=True)
class NewCodes:
    """What came of comparing results with earlier ones.

    judgement: None where there is too little to compare.
    remembered: codes by partition key, to compare the next ones with; of nobody who is no longer in the report.
    """

    judgement: Judgement | None
    remembered: Mapping[str, tuple[str, ...]]


def judge_new_codes(
    patients: Iterable[ReportedPatient],
    before: Mapping[str, tuple[str, ...]],
    at_most_pct: float,
    at_least: int,
) -> NewCodes:
    """Ask of each code that excludes or asks for a person whether it is at once had by most, and by more than before.

    before: codes of those who had a result at an earlier report, by partition key. Compared are those who had none
    then, once there are `at_least` of them (fewer wait for a later report), and, where something of them changed, those
    who had one then with themselves. Nothing is compared with fewer than `at_least` earlier results.
    """
    everybody = list(patients)
    listed = {patient.key for patient in everybody}
    now = {patient.key: patient.codes for patient in everybody if patient.has_result and patient.key is not None}
    earlier = {key: codes for key, codes in before.items() if key in listed}
    known = {key: codes for key, codes in now.items() if key in earlier}
    new = {key: codes for key, codes in now.items() if key not in earlier}
    if len(earlier) < at_least:
        return NewCodes(None, earlier | now)
    groups = []
    if len(new) >= at_least:
        groups.append(_Group("patients new since an earlier report", [*new.values()], [*earlier.values()]))
    if len(known) >= at_least and any(set(codes) != set(earlier[key]) for key, codes in known.items()):
        themselves = [earlier[key] for key in known]
        groups.append(_Group("patients who had a result at an earlier report, too", [*known.values()], themselves))
    judged = [_judge_group(group, at_most_pct, at_least) for group in groups]
    passed = all(each.passed for each in judged)
    said = " ".join(each.said for each in judged if each.passed is passed)
    remembered = earlier | (now if len(new) >= at_least else known)
    return NewCodes(Judgement(passed, said) if judged else None, remembered)


@dataclass(frozen=True, slots=True)
class _Group:
    """Codes of patients now, and of those they are compared with."""

    told: str
    now: Sequence[tuple[str, ...]]
    before: Sequence[tuple[str, ...]]


def _judge_group(group: _Group, at_most_pct: float, at_least: int) -> Judgement:
    had, had_before = _counts(group.now), _counts(group.before)
    of, of_before = len(group.now), len(group.before)
    common = [code for code, count in _most(had) if not _within(count, of, at_most_pct) and 2 * count >= at_least]
    sudden = [code for code in common if is_more(had[code], of, had_before[code], of_before, len(had))]
    told = [
        f"{share(had[code], of)} have: {_meaning(code)}; before {share(had_before[code], of_before)}"
        for code in (sudden or [code for code, _ in _most(had)[:1]])
    ]
    if sudden:
        return Judgement(passed=False, said=f"Of {of} {group.told}, {'; '.join(told)}.")
    most = f" The most common: {told[0]}." if told else ""
    return Judgement(passed=True, said=f"No code came up at once among {of} {group.told}.{most}")


def _counts(every: Iterable[tuple[str, ...]]) -> Counter[str]:
    """Return how many patients have each code that excludes or asks for a person; of an unknown code nothing."""
    return Counter(code for codes in every for code in set(codes) if code in CODES and CODES[code].effect in _DECIDING)


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _code_that_decided(patient: ReportedPatient) -> tuple[str, ...]:
    decisive = deciding([Finding(code) for code in patient.codes if code in CODES])
    return (decisive.code,) if decisive is not None else ()


def _meaning(code: str) -> str:
    return f"{CODES[code].meaning} ({code})"


def share(some: int, of: int, limit_pct: float | None = None) -> str:
    """Return in words how many of how many, with per cent that do not read like a limit that they are not."""
    return f"{some} of {of} ({told_apart(100 * some / of, limit_pct, 1)} %)"


def _within(some: int, of: int, at_most_pct: float) -> bool:
    return 100 * some <= at_most_pct * of + _ROUNDING
