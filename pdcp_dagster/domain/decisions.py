"""A person's decision on a patient: which candidate is prepared, or that none is.

What lives here: the form of a decision, what it means for the candidates, and the hash that ties it to what the person
saw. What does not: decisions.yaml (adapters), the commands that write it.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 # pydantic reads annotations at run time
import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from pdcp_dagster.domain.code_registry import CODES, UNDECIDED, Effect
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.eligibility import Section, Word, Words
from pdcp_dagster.domain.plan_groups import with_doses, with_plans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pdcp_dagster.domain.linkage import Chain

_HASH_DIGITS = 16
_VOID = "I_REV_008"


class ChosenChain(Section):
    """The objects of one candidate by UID; `rtdose_uids` may be fewer than it has, and so may be several plans."""

    ct_series_uid: Word
    rtstruct_uids: Words
    rtplan_uids: Words = ()
    rtdose_uids: Words = ()


class Decision(Section):
    """One entry of decisions.yaml: a study or a chain is chosen, the patient excluded, or findings accepted.

    study_instance_uid: the study of the CT. accepted: findings to review that the person looked at and found right, to
    the letter, `CODE: what was seen`.
    evidence: the hash of the candidates as the person saw them (`evidence_hash`).
    """

    patient_id: Annotated[str, Field(min_length=1)]
    study_instance_uid: Word | None = None
    chain: ChosenChain | None = None
    exclude: bool = False
    accepted: Words = ()
    reviewer: Word
    date: dt.date
    reason: Word
    evidence: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]

    @field_validator("accepted")
    @classmethod
    def _acceptable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            require_acceptable(text.split(":", 1)[0])
        return texts

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        chosen = [self.study_instance_uid is not None, self.chain is not None, self.exclude]
        if sum(chosen) > 1 or (self.exclude and self.accepted):
            raise ValueError("a decision chooses a study, or a chain, or excludes the patient")
        if not any(chosen) and not self.accepted:
            raise ValueError("a decision needs study_instance_uid, chain, exclude or accepted")
        return self

    @property
    def told(self) -> str:
        """Who decided when and why, in words."""
        return f"{self.reviewer} on {self.date}, '{self.reason}'"


def decision_hash(decision: Decision | None) -> str:
    """Return a short hash of a decision, "" of none."""
    if decision is None:
        return ""
    return hashlib.sha256(decision.model_dump_json().encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def evidence_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a short hash of the candidates as tags tell of them (`evidence.candidate_rows`), in any order."""
    texts = sorted(json.dumps(row, sort_keys=True, default=str, ensure_ascii=True) for row in rows)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:_HASH_DIGITS]


def chosen_by(decision: Decision, chains: Iterable[Chain]) -> tuple[Chain, ...]:
    """Return the candidates that a decision leaves; of one, perhaps, fewer doses or plans than it has."""
    if decision.study_instance_uid is not None:
        return tuple(chain for chain in chains if chain.anchor.study_uid == decision.study_instance_uid)
    if decision.chain is None:
        return tuple(chains)
    wanted = decision.chain
    return tuple(
        with_doses(chain, set(wanted.rtdose_uids))
        for chain in _with_wanted_plans(chains, set(wanted.rtplan_uids))
        if chain.anchor.uid == wanted.ct_series_uid
        and _uids(chain, "RTSTRUCT") == set(wanted.rtstruct_uids)
        and set(wanted.rtdose_uids) <= _uids(chain, "RTDOSE")
        and bool(wanted.rtdose_uids) is bool(_uids(chain, "RTDOSE"))
    )


def _with_wanted_plans(chains: Iterable[Chain], wanted: set[str]) -> Iterator[Chain]:
    """Yield the chains of exactly these plans; of a chain with more, the part with these where they are several."""
    for chain in chains:
        plans = _uids(chain, "RTPLAN")
        if plans == wanted:
            yield chain
        elif len(wanted) > 1 and wanted < plans:
            yield with_plans(chain, wanted)


def chosen_chain(chain: Chain) -> ChosenChain:
    """Return how a decision names a candidate."""
    return ChosenChain(
        ct_series_uid=chain.anchor.uid,
        rtstruct_uids=tuple(sorted(_uids(chain, "RTSTRUCT"))),
        rtplan_uids=tuple(sorted(_uids(chain, "RTPLAN"))),
        rtdose_uids=tuple(sorted(_uids(chain, "RTDOSE"))),
    )


def _uids(chain: Chain, role: str) -> set[str]:
    return {node.uid for node in chain.of_role(role)}


def require_acceptable(code: str) -> None:
    """Return where a person may accept findings of this code. Raises ValueError."""
    if code not in CODES or CODES[code].effect is not Effect.REVIEW or code in {*UNDECIDED, _VOID}:
        raise ValueError(f"{code} is no code that can be accepted: those to review are, but for open choices")


def seen(finding: Finding) -> str:
    """Return how a decision names a finding: another detail is another finding."""
    return f"{finding.code}: {' '.join(finding.detail.split())}".strip()


def accepted(findings: Iterable[Finding], texts: Sequence[str], told: str) -> tuple[Finding, ...]:
    """Return findings with those to review that a person accepted, to the letter, turned into notes."""
    return tuple(
        Finding("I_NOTE_013", f"{finding.code} {finding.detail} ({told})")
        if finding.effect is Effect.REVIEW and seen(finding) in texts
        else finding
        for finding in findings
    )
