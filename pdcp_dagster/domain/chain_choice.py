"""The choice of one chain: by a person's decision, by the cohort's rules, or left open with a code.

What lives here: several studies, CTs, plans or groups of doses, and objects that share a UID. What does not: which
chains there are (`patient_links`), what a rule keeps (`study_selection`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.study_selection import CODE_OF_RULE, EligibleStudy, choose_study
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import Chain, LinkageRecipe

SEVERAL_STUDIES = "several eligible studies"
SEVERAL_CTS = "several linked CTs"
SAME_UID = "different objects have the same UID"
_SEVERAL_OF = {"RTPLAN": ("several candidate plans", "II_REV_004"), "RTDOSE": ("doses of several plans", "II_REV_008")}
OPEN_CHOICES = frozenset({SEVERAL_STUDIES, SEVERAL_CTS, SAME_UID, *(reason for reason, _ in _SEVERAL_OF.values())})
"""Reasons that the outcome's own code tells."""


@dataclass
class ChainChoice:
    """What came of it.

    chain: the one that was chosen; None where a person must choose.
    open: the candidates among which to choose; none where one was chosen.
    passed_over: why each chain that is no candidate any more was refused.
    findings: the codes of the initial verification, then the outcome.
    """

    chain: Chain | None = None
    open: tuple[Chain, ...] = ()
    passed_over: list[tuple[Chain, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    outcome: Finding | None = None

    def pass_over(self, chains: Iterable[Chain], kept: Iterable[Chain], reason: str) -> None:
        """Refuse all chains but those that are kept."""
        left = {id(chain.part_of or chain) for chain in kept}
        self.passed_over += [(chain, reason) for chain in chains if id(chain) not in left]


def choose_chain(
    chains: Sequence[Chain],
    studies: Sequence[EligibleStudy],
    cohort: Cohort,
    recipe: LinkageRecipe,
    *,
    ambiguous: frozenset[tuple[str, str]] = frozenset(),
    witnesses: Callable[[Chain], Iterable[Node]] = lambda _: (),
    index_date: dt.date | None = None,
) -> ChainChoice:
    """Choose among at least one chain; `studies` are those of the chains.

    ambiguous: role and UID of what different objects share. witnesses: what tells of a chain's links from outside.
    """
    choice = ChainChoice()
    left = _of_one_study(choice, tuple(chains), studies, cohort, index_date)
    if not left:
        return choice
    anchors = list(dict.fromkeys(chain.anchor.uid for chain in left))
    if len(anchors) > 1:
        return _leave_open(choice, left, Finding("II_REV_003", some(anchors)))
    chosen = list(dict.fromkeys(_chosen_uids(left, recipe)))
    if len(left) > 1 and len(chosen) > 1:
        _, code = _SEVERAL_OF[recipe.choice or ""]
        return _leave_open(choice, left, Finding(code, some(chosen)))
    keys = {(node.role, node.uid) for chain in left for node in (*chain.nodes, *witnesses(chain))} & ambiguous
    if keys:
        return _leave_open(choice, left, Finding("II_REV_006", some([f"{role} {uid}" for role, uid in sorted(keys)])))
    choice.chain = left[0]
    together = f", {len(plans)} plans together" if len(plans := left[0].of_role("RTPLAN")) > 1 else ""
    choice.outcome = Finding("II_SUCC_001", f"CT {anchors[0]}{together}")
    return choice


def _of_one_study(
    choice: ChainChoice,
    chains: tuple[Chain, ...],
    studies: Sequence[EligibleStudy],
    cohort: Cohort,
    index_date: dt.date | None,
) -> tuple[Chain, ...]:
    if len(studies) == 1:
        return chains
    chosen = choose_study(studies, cohort, index_date)
    left = tuple(chain for study in chosen.studies for chain in study.chains)
    if chosen.rule is not None:
        (study,) = chosen.studies
        choice.findings.append(Finding(CODE_OF_RULE[chosen.rule], f"{_described(study)}, of {len(studies)} studies"))
        choice.pass_over(chains, left, f"another study was chosen by {chosen.rule}")
        return left
    choice.pass_over(chains, left, "its study was passed over by study_selection")
    told = [_described(study) for study in chosen.studies]
    why = f"; {chosen.why}" if chosen.why else ""
    _leave_open(choice, left, Finding("I_REV_004", f"{some(told)}{why}"))
    return ()


def _leave_open(choice: ChainChoice, chains: tuple[Chain, ...], outcome: Finding) -> ChainChoice:
    choice.open = chains
    choice.outcome = outcome
    return choice


def reason_left_open(outcome: Finding) -> str:
    """Return why each candidate of an open choice is refused for now."""
    reasons = {code: reason for reason, code in _SEVERAL_OF.values()}
    reasons |= {"I_REV_004": SEVERAL_STUDIES, "II_REV_003": SEVERAL_CTS, "II_REV_006": SAME_UID}
    return reasons[outcome.code]


def _chosen_uids(chains: Iterable[Chain], recipe: LinkageRecipe) -> list[str]:
    return [node.uid for chain in chains for node in chain.of_role(recipe.choice or recipe.anchor)]


def eligible_studies(
    chains: Sequence[Chain],
    remaining: Sequence[Candidate],
    prescribed: Mapping[Node, bool],
    approved: Callable[[Candidate], bool],
) -> tuple[EligibleStudy, ...]:
    """Return the studies of the chains' CTs, sorted by UID.

    prescribed: which plans state a prescription. approved: whether a plan is.
    """
    by_node = {candidate.node: candidate for candidate in remaining}
    found = []
    for uid in sorted({chain.anchor.study_uid for chain in chains}):
        its = tuple(chain for chain in chains if chain.anchor.study_uid == uid)
        ct = by_node[its[0].anchor]
        plans = [by_node[node] for chain in its for node in chain.of_role("RTPLAN")]
        dates = {by_node[chain.anchor].study_date for chain in its}
        found.append(
            EligibleStudy(
                uid=uid,
                chains=its,
                date=ct.study_date if len(dates) == 1 else None,
                dates_shifted=ct.dates_shifted,
                description=ct.study_description,
                whole=any({node.study_uid for node in chain.nodes} == {uid} for chain in its),
                approved=any(map(approved, plans)),
                prescribed=any(prescribed.get(plan.node, False) for plan in plans),
            )
        )
    return tuple(found)


def _described(study: EligibleStudy) -> str:
    return f"{study.date or 'no date'} '{study.description or ''}' ({study.uid})"
