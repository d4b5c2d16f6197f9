"""A patient before the person who decides: the evidence, the decision there is, and a new one.

What lives here: patients of the store as cases, from files alone. What does not: what a decision means
(`domain.decisions`, `domain.verdict`), its file (`adapters.decisions_file`), how a case is told (commands).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from pdcp_dagster.adapters.decisions_file import read_decisions
from pdcp_dagster.adapters.parquet import TableError, read_table
from pdcp_dagster.adapters.strict_yaml import in_words
from pdcp_dagster.domain.codes import UNDECIDED, Effect, Finding, Status
from pdcp_dagster.domain.decisions import Decision, decision_hash, seen
from pdcp_dagster.domain.study_rules import OwnRuleError
from pdcp_dagster.domain.verification import SeveralPatientsError, Verification, verify
from pdcp_dagster.stages.circumstances import known_of
from pdcp_dagster.stages.current import Standing, standing_of
from pdcp_dagster.stages.naming import told_name

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder
    from pdcp_dagster.domain.circumstances import Circumstances, CohortTables
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.decisions import ChosenChain

_VOID, _ACCEPTED = "I_REV_008", "I_NOTE_013"
_FROM_FILES = ("dose_maximum_gy", "picture", "picture_problem")
_UIDS = ("ct_series_uid", "rtstruct_uids", "rtplan_uids", "rtdose_uids")


class ReviewError(Exception):
    """A person's request that cannot be met; one line says why."""


@dataclass(frozen=True, eq=False)
class Case:
    """One patient with all that a decision rests on.

    around: what the verdict takes into account, but for the decision.
    """

    patient_id: str
    partition_key: str
    orthanc_id: str
    folder: PatientFolder
    cohort: Cohort
    around: Circumstances
    decision: Decision | None

    @property
    def name(self) -> str:
        """What the patient is called where people read."""
        return told_name(self.cohort, self.patient_id, self.partition_key)

    @cached_property
    def standing(self) -> Standing:
        """Where the patient stands by the last run."""
        return standing_of(self.folder)

    @cached_property
    def verification(self) -> Verification:
        """The verdict from tags as if nobody had decided anything.

        Raises ReviewError where the patient was never run, or no verdict can be had.
        """
        return self.foreseen(None)

    def foreseen(self, decision: Decision | None) -> Verification:
        """Return the verdict from tags that a run would come to with this decision.

        Raises ReviewError.
        """
        try:
            return verify(self._summary, self.cohort, replace(self.around, decision=decision))
        except (OwnRuleError, SeveralPatientsError) as error:
            raise ReviewError(f"patient {self.name!r}: {error}") from error
        except KeyError as error:
            told = f"the image summary of patient {self.name!r} has no {error}: it is of another version"
            raise ReviewError(f"{told}; run the patient again") from error

    @cached_property
    def _summary(self) -> pd.DataFrame:
        if self.folder.manifest("image_summary") is None:
            raise ReviewError(f"patient {self.name!r} was not run yet: `pdcp run` first")
        return self._read("image_summary")

    @property
    def is_void(self) -> bool:
        """Whether there is a decision, and the evidence has changed since."""
        return self.decision is not None and self.decision.evidence != self.verification.evidence

    @property
    def is_replayed(self) -> bool:
        """Whether the last run took the decision into account."""
        manifest = self.folder.manifest("verified_study")
        made_with = manifest.details.get("decision") if manifest is not None else None
        return self.decision is not None and made_with == decision_hash(self.decision)

    def shows_these(self, candidate: PatientFolder) -> bool:
        """Whether a candidate in quarantine was finished, and made from what the candidates are now."""
        manifest = candidate.manifest("verified_study")
        finished = candidate.manifest("patient_notes") is not None
        return finished and manifest is not None and manifest.details.get("evidence") == self.verification.evidence

    @cached_property
    def candidates(self) -> list[dict[str, Any]]:
        """The candidates with their present verdicts, and what an earlier run saw in their files; None is unknown."""
        seen = {_chain_of(row): row for row in self._shown_by_the_last_run()}
        rows = _records(self.foreseen(self.decision).candidates)
        return [{**row, **{name: seen.get(_chain_of(row), {}).get(name) for name in _FROM_FILES}} for row in rows]

    def _shown_by_the_last_run(self) -> list[dict[str, Any]]:
        if self.folder.manifest("candidate_studies") is None:
            return []
        return _records(self._read("candidate_studies"))

    @cached_property
    def dose_maxima(self) -> dict[str, float]:
        """The maximum in Gy by SOPInstanceUID of those RTDOSEs whose files the last run read."""
        if self.folder.manifest("plan_table") is None:
            return {}
        rows = _records(self._read("plan_table"))
        return {row["dose_uid"]: float(row["maximum_gy"]) for row in rows if row["dose_uid"] and row["maximum_gy"]}

    def _read(self, asset: str) -> pd.DataFrame:
        try:
            return read_table(self.folder.file(asset))
        except (TableError, OSError) as error:
            raise ReviewError(f"{error}; run patient {self.name!r} again") from error

    def picture(self, name: str) -> Path:
        """Return where the picture of a candidate lies."""
        return self.folder.path / "candidate_studies" / name

    def number_of(self, chain: ChosenChain) -> int | None:
        """Return the number of the candidate that a decision names, with all or some doses or plans; None: it is gone.

        Candidates with one plan come before those with several, of which a decision may name some.
        """
        for number in range(1, len(self.verification.chains) + 1):
            whole = self.verification.chosen_chain(number)
            some_plans = len(chain.rtplan_uids) > 1 and {*chain.rtplan_uids} <= {*whole.rtplan_uids}
            plans = chain.rtplan_uids if some_plans else whole.rtplan_uids
            if whole.model_copy(update={"rtdose_uids": chain.rtdose_uids, "rtplan_uids": plans}) == chain:
                return number
        return None

    @property
    def to_review(self) -> list[Finding]:
        """What the last run found that a person must look at."""
        return [finding for finding in self.standing.findings if finding.effect is Effect.REVIEW]

    @property
    def acceptable(self) -> tuple[str, ...]:
        """The codes that a decision can accept: those to review now, and those that were accepted before."""
        now = [finding.code for finding in self.to_review if finding.code not in UNDECIDED | {_VOID}]
        before = [finding.detail.split(" ")[0] for finding in self.standing.findings if finding.code == _ACCEPTED]
        return tuple(dict.fromkeys((*now, *before)))


def open_case(folder: CohortFolder, cohort: Cohort, tables: CohortTables, name: str) -> Case:
    """Return the case of one patient, by PatientID, or by partition key where the cohort hides PatientIDs.

    Raises ReviewError where the cohort was never run or has no such patient, DecisionsFileError, OwnRuleNotFound.
    """
    listed = _listed(folder, cohort)
    patient_id = _patient_id(cohort, listed, name)
    if patient_id is None:
        raise ReviewError(f"not in the cohort's patient list: {name!r}")
    return _case(folder, cohort, tables, patient_id, listed[patient_id])


def patient_id_of(folder: CohortFolder, cohort: Cohort, name: str) -> str:
    """Return whom a person means (see `open_case`); what is no name of a listed patient is taken for a PatientID."""
    if not cohort.hides_patient_ids:
        return name
    return _patient_id(cohort, _listed(folder, cohort), name) or name


def _patient_id(cohort: Cohort, listed: Mapping[str, tuple[str, str]], name: str) -> str | None:
    """Return the PatientID; what is one patient's PatientID and another's key is taken for the key (`naming`)."""
    if cohort.hides_patient_ids:
        of_key = next((patient_id for patient_id, (key, _) in listed.items() if key == name), None)
        if of_key is not None:
            return of_key
    return name if name in listed else None


def cases_to_review(folder: CohortFolder, cohort: Cohort, tables: CohortTables) -> Iterator[Case]:
    """Yield the patients to review, and those decided about since their last run, in the order of the patient list.

    Raises what `open_case` raises.
    """
    for patient_id, found in _listed(folder, cohort).items():
        case = _case(folder, cohort, tables, patient_id, found)
        if case.standing.status is Status.REVIEW or case.standing.decided_since:
            yield case


def _listed(folder: CohortFolder, cohort: Cohort) -> dict[str, tuple[str, str]]:
    """Return partition key and Orthanc's ID by PatientID."""
    try:
        table = read_table(folder.file("patient_ids"))
    except FileNotFoundError:
        raise ReviewError(f"nothing of cohort {cohort.name!r} yet: `pdcp run --cohort {cohort.name}`") from None
    except (TableError, OSError) as error:
        raise ReviewError(str(error)) from error
    return {
        str(patient): (str(key), str(orthanc))
        for patient, key, orthanc in zip(table["patient_id"], table["partition_key"], table["orthanc_id"], strict=True)
    }


def _case(folder: CohortFolder, cohort: Cohort, tables: CohortTables, patient_id: str, found: tuple[str, str]) -> Case:
    key, orthanc_id = found
    around = known_of(cohort, tables, patient_id)
    decision = read_decisions(folder.decisions).get(patient_id)
    return Case(patient_id, key, orthanc_id, folder.patient(key), cohort, around, decision)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person decided, as it was asked for.

    candidate: a number from 1; doses: of its RTDOSEs those that count, all where none is named.
    study: the StudyInstanceUID of the CT. accepted: codes.
    """

    reviewer: str
    date: dt.date
    reason: str
    candidate: int | None = None
    doses: Sequence[str] = ()
    study: str | None = None
    exclude: bool = False
    accepted: Sequence[str] = ()


def decide(case: Case, wish: Wish) -> Decision:
    """Return the decision that a wish amounts to, tied to the evidence as it is now.

    Raises ReviewError where the patient has no such candidate, dose, study or code, or the decision means nothing.
    """
    _require_known(case, wish)
    content = {
        "patient_id": case.patient_id,
        "study_instance_uid": wish.study,
        "chain": _chosen(case.verification, wish) if wish.candidate is not None else None,
        "exclude": wish.exclude,
        "accepted": tuple(text for code in dict.fromkeys(wish.accepted) for text in _as_seen(case, code)),
        "reviewer": wish.reviewer.strip(),
        "date": wish.date,
        "reason": wish.reason.strip(),
        "evidence": case.verification.evidence,
    }
    try:
        decision = Decision.model_validate(content)
    except ValidationError as error:
        raise ReviewError("; ".join(in_words(error))) from None
    if any(finding.code == _VOID for finding in case.foreseen(decision).findings):
        raise ReviewError(f"patient {case.name!r} has no candidate that could be prepared: nothing to decide")
    return decision


def _as_seen(case: Case, code: str) -> list[str]:
    """Return the findings of a code as they are now, and those that were accepted before."""
    now = [seen(finding) for finding in (*case.verification.findings, *case.standing.findings) if finding.code == code]
    before = case.decision.accepted if case.decision is not None else ()
    return list(dict.fromkeys([*now, *(text for text in before if text.split(":", 1)[0] == code)]))


def _require_known(case: Case, wish: Wish) -> None:
    studies = sorted({chain.anchor.study_uid for chain in case.verification.chains})
    if wish.study is not None and wish.study not in studies:
        raise ReviewError(f"no candidate is of study {wish.study!r}, but of: {', '.join(studies) or 'none'}")
    if wish.doses and wish.candidate is None:
        raise ReviewError("doses are chosen among those of one candidate: name that, too")
    for code in wish.accepted:
        if code in UNDECIDED:
            raise ReviewError(f"{code} cannot be accepted, for it leaves a choice open: choose a candidate (or a dose)")
        if code not in case.acceptable:
            there = ", ".join(case.acceptable) or "none"
            raise ReviewError(f"patient {case.name!r} has no code {code!r} to accept, but: {there}")


def _chosen(verification: Verification, wish: Wish) -> ChosenChain:
    try:
        chain = verification.chosen_chain(wish.candidate or 0)
    except IndexError:
        raise ReviewError(f"there is no candidate {wish.candidate}, but {len(verification.chains)}") from None
    unknown = [uid for uid in wish.doses if uid not in chain.rtdose_uids]
    if unknown:
        there = ", ".join(chain.rtdose_uids) or "none"
        raise ReviewError(f"candidate {wish.candidate} has no dose {unknown[0]!r}, but: {there}")
    kept = tuple(uid for uid in chain.rtdose_uids if not wish.doses or uid in wish.doses)
    return chain.model_copy(update={"rtdose_uids": kept})


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as plain values: None where nothing is known, lists as tuples."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "__len__") and not isinstance(value, str):
        return tuple(value)
    return None if pd.isna(value) else value


def _chain_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _UIDS)
