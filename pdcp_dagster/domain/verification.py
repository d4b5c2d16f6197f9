"""Verification: from the image summary and the cohort to what is selected, with every refused object's reason.

What lives here: the verdict of a patient from tags alone, as a table of contents. What does not: which study is
eligible (`studies`, `study_rules`), how objects are linked (`linkage`, `patient_links`), which chain is chosen
(`chain_choice`), what the notes say of it (`notes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pdcp_dagster.domain.candidates import candidates_from, instance_records
from pdcp_dagster.domain.circumstances import NOTHING_ELSE
from pdcp_dagster.domain.codes import CODES
from pdcp_dagster.domain.decisions import chosen_chain
from pdcp_dagster.domain.evidence import CANDIDATE_COLUMNS
from pdcp_dagster.domain.image_counts import count_images, count_selected, list_of_values
from pdcp_dagster.domain.linkage import RECIPES
from pdcp_dagster.domain.selection import REFUSED, SELECTED, Selection, gather
from pdcp_dagster.domain.studies import verify_initially
from pdcp_dagster.domain.study_rules import apply_study_rules
from pdcp_dagster.domain.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.candidates import Node
    from pdcp_dagster.domain.chain_choice import ChainChoice
    from pdcp_dagster.domain.circumstances import Circumstances
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.decisions import ChosenChain
    from pdcp_dagster.domain.linkage import Chain

VERIFIED_COLUMNS = (
    "role",
    "study_instance_uid",
    "series_uid",
    "sop_instance_uid",
    "orthanc_id",
    "linked_to",
    "linked_by",
    "verdict",
    "reason",
)
"""The contract of verified_study.parquet, all text: a row per RT object, and one per CT series (sop_instance_uid null).

orthanc_id: Orthanc's instance ID, of a CT its series ID. linked_to: the UIDs that the object was linked to, separated
by backslashes. reason: why it was refused, null where it was selected.
"""


class SeveralPatientsError(ValueError):
    """An image summary with instances of more than one PatientID: nothing of it may be linked."""


@dataclass(frozen=True, eq=False)
class Verification:
    """The verdict on one patient from tags.

    verified: a row per object considered, in the columns of `VERIFIED_COLUMNS`.
    selection: what to retrieve; None where the patient is excluded or a person must choose.
    list_of_values, raw_images_summary, verified_images_summary: parts of the notes under PDCP's keys.
    chains: the candidates in their order; `choice` is what came of them.
    accepted: findings to review that a person accepted, to the letter.
    """

    verified: pd.DataFrame
    findings: tuple[Finding, ...]
    selection: Selection | None
    list_of_values: dict[str, Any]
    raw_images_summary: dict[str, Any]
    verified_images_summary: dict[str, Any]
    chains: tuple[Chain, ...]
    choice: ChainChoice
    accepted: tuple[str, ...]
    _verdict: Verdict

    @cached_property
    def evidence(self) -> str:
        """The hash of what a person sees of the candidates (`decisions.evidence_hash`)."""
        return self._verdict.evidence()

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row per candidate in the columns of `CANDIDATE_COLUMNS`, numbered from 1; what files tell is null."""
        rows = [
            {**row, "candidate": number, **self._standing(chain)}
            for number, (chain, row) in enumerate(zip(self.chains, self._verdict.evidence_rows(), strict=True), start=1)
        ]
        return pd.DataFrame(rows, columns=list(CANDIDATE_COLUMNS)).astype(CANDIDATE_COLUMNS)

    def chosen_chain(self, number: int) -> ChosenChain:
        """Return how a decision names a candidate. Raises IndexError."""
        if not 1 <= number <= len(self.chains):
            raise IndexError(number)
        return chosen_chain(self.chains[number - 1])

    def _standing(self, chain: Chain) -> dict[str, str | None]:
        passed_over = next((why for other, why in self.choice.passed_over if other is chain), None)
        if passed_over is not None:
            return {"verdict": REFUSED, "reason": passed_over}
        outcome = self.choice.outcome
        told = CODES[outcome.code].meaning if outcome else None
        return {"verdict": "open" if self.choice.open else SELECTED, "reason": told}


def verify(summary: pd.DataFrame, cohort: Cohort, around: Circumstances = NOTHING_ELSE) -> Verification:
    """Decide which CT, structure sets, plan and doses belong together, from the image summary alone.

    The order of the summary's rows does not matter.

    Raises
    ------
    SeveralPatientsError
        Where the summary has instances of several PatientIDs.
    OwnRuleError
        Where a rule of the cohort's own breaks.

    """
    recipe = RECIPES[cohort.linkage]
    rows = instance_records(summary)
    _require_one_patient(rows)
    candidates = candidates_from(rows)
    initial = verify_initially(candidates, cohort, recipe)
    apply_study_rules(initial, cohort, recipe, summary, around.rules)
    verdict = Verdict(candidates, initial, cohort, around, summary)
    roles = (*recipe.roles, *sorted(recipe.witnesses))
    considered = [candidate.node for candidate in candidates if candidate.node.role in roles]
    verified = _table(considered, roles, verdict)
    selection = _selection(verdict, rows)
    return Verification(
        verified=verified,
        findings=verdict.findings(),
        selection=selection,
        list_of_values=list_of_values(rows, selection, verdict.anchor_orthanc_id),
        raw_images_summary=count_images(rows),
        verified_images_summary=count_selected(rows, selection),
        chains=verdict.chains,
        choice=verdict.choice,
        accepted=verdict.accepted,
        _verdict=verdict,
    )


def _require_one_patient(rows: Sequence[Mapping[str, Any]]) -> None:
    patients = {row["patient_id"] for row in rows} - {None}
    if len(patients) > 1:
        raise SeveralPatientsError(f"an image summary of {len(patients)} PatientIDs")


def _selection(verdict: Verdict, rows: Sequence[Mapping[str, Any]]) -> Selection | None:
    chain = verdict.choice.chain
    if chain is None:
        return None
    instances = frozenset(node.orthanc_id for node in chain.nodes)
    return gather(chain.anchor.study_uid, chain.anchor.uid, instances, rows)


def _table(nodes: Sequence[Node], roles: Sequence[str], verdict: Verdict) -> pd.DataFrame:
    ordered = sorted(nodes, key=lambda node: (roles.index(node.role), *_key(node)))
    rows = [
        (
            node.role,
            node.study_uid,
            node.series_uid,
            None if node.role == roles[0] else node.uid,
            node.orthanc_id,
            "\\".join(verdict.linked_to(node)) or None,
            verdict.linked_by(node),
            SELECTED if node in verdict.selected else REFUSED,
            None if node in verdict.selected else verdict.reason(node),
        )
        for node in ordered
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(VERIFIED_COLUMNS)
    return pd.DataFrame(
        {name: pd.array(list(values), dtype="string") for name, values in zip(VERIFIED_COLUMNS, columns, strict=True)}
    )


def _key(node: Node) -> tuple[str, ...]:
    return node.study_uid, node.series_uid, node.uid, node.orthanc_id
