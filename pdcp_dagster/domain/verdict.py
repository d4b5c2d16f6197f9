"""The verdict in the making: links, a person's decision, the choice of a chain, and what is told of each of them.

What lives here: who comes first. What does not: each rule by itself (`patient_links`, `plan_groups`, `decisions`,
`chain_choice`, `selection_checks`), what is told of studies (`studies_seen`).
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.approvals import APPROVED, REJECTED, check_approval, status_told
from pdcp_dagster.domain.candidates import cells
from pdcp_dagster.domain.chain_choice import (
    OPEN_CHOICES,
    ChainChoice,
    choose_chain,
    eligible_studies,
    reason_left_open,
)
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.decisions import accepted, chosen_by, evidence_hash
from pdcp_dagster.domain.evidence import candidate_rows, contents, in_order
from pdcp_dagster.domain.extent import is_inside
from pdcp_dagster.domain.linkage import RECIPES, witnesses_of
from pdcp_dagster.domain.patient_links import PatientLinks, link_patient, notes_on, reason_of_node, why_no_chain
from pdcp_dagster.domain.plan_groups import SUMMED, each_plan, joined_chains, without_parts
from pdcp_dagster.domain.selection_checks import check_links, check_selected
from pdcp_dagster.domain.studies_seen import StudiesSeen, findings_on_studies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.circumstances import Circumstances
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import Chain, Link
    from pdcp_dagster.domain.studies import InitialVerification

_GEOMETRY = (
    "image_position_patient",
    "image_orientation_patient",
    "pixel_spacing",
    "rows",
    "columns",
    "number_of_frames",
    "grid_frame_offset_vector",
    "frame_numbers",
    "frame_positions_mm",
)
_BY_A_PERSON = "a person chose another candidate"


class NoSuchCandidateError(ValueError):
    """A candidate was asked for by a number that no candidate has."""


class Verdict:
    """What came of one patient; made once, then read."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        initial: InitialVerification,
        cohort: Cohort,
        around: Circumstances,
        summary: pd.DataFrame,
    ) -> None:
        self._by_node = {candidate.node: candidate for candidate in candidates}
        self._initial, self._cohort, self._around, self._summary = initial, cohort, around, summary
        self._known_inside: dict[tuple[Node, Node], bool | None] = {}
        self._recipe = RECIPES[cohort.linkage]
        self._of_decision: list[Finding] = []
        self.accepted: tuple[str, ...] = ()
        self.links: PatientLinks | None = None
        self._of_one_plan: tuple[Chain, ...] = ()
        self.chains: tuple[Chain, ...] = ()
        self.choice = ChainChoice()
        if initial.remaining:
            self._link()
        else:
            self._decided(())

    @cached_property
    def selected(self) -> frozenset[Node]:
        """What is to be prepared."""
        return frozenset(self.choice.chain.nodes) if self.choice.chain is not None else frozenset()

    @property
    def anchor_orthanc_id(self) -> str:
        """Orthanc's ID of the selected CT series, "" without one."""
        return self.choice.chain.anchor.orthanc_id if self.choice.chain is not None else ""

    def evidence_rows(self) -> list[dict[str, Any]]:
        """Return what tags tell of each candidate."""
        return candidate_rows(self.chains, self._by_node, self._summary)

    def evidence(self) -> str:
        """Return the hash of what a person sees of the candidates, and of the sizes of their objects.

        Of candidates with one plan each: joined ones hold nothing else, and a decision outlasts `dose_sum`.
        """
        rows = zip(self._of_one_plan, candidate_rows(self._of_one_plan, self._by_node, self._summary), strict=True)
        return evidence_hash(
            [{**row, "contents": contents(chain, self._by_node, self._summary)} for chain, row in rows]
        )

    def linked_to(self, node: Node) -> tuple[str, ...]:
        """Return the UIDs that a node was linked to, also one that was refused; of a selected one the selected only."""
        return tuple(dict.fromkeys(parent.uid for link in self._links_of.get(node, ()) for parent in link.parents))

    def linked_by(self, node: Node) -> str | None:
        """Return how a node was linked."""
        return next((link.by for link in self._links_of.get(node, ())), None)

    def reason(self, node: Node) -> str:
        """Return why a node was refused."""
        return self._reasons.get(node, "")

    def findings(self) -> tuple[Finding, ...]:
        """Return all codes in the order of the steps, those to review that a person accepted as notes."""
        found = [*self._initial.findings, *self._of_studies(), *self._of_decision]
        if self.links is not None:
            found += [*self.links.findings, *self._doubts(), *notes_on(self._told_reasons, OPEN_CHOICES)]
        if self.choice.outcome is not None and self.choice.outcome.code != "I_REV_004":
            found.append(self.choice.outcome)
        decision = self._around.decision
        return accepted(found, self.accepted, decision.told if decision else "")

    def _link(self) -> None:
        remaining = self._initial.remaining
        self.links = link_patient(
            remaining,
            self._cohort,
            self._recipe,
            self._around.approvals,
            inside=self._inside,
            set_aside=self._initial.refused,
        )
        self._of_one_plan = in_order(self.links.chains, self._by_node)
        self.chains = (*self._of_one_plan, *self._of_several_plans())
        left = self._only() if self._around.only_candidate is not None else self._decided(self.chains)
        if not self.chains:
            self.choice.outcome = self.choice.outcome or why_no_chain(self.links)
        elif left:
            self._choose(left)

    def _choose(self, left: tuple[Chain, ...]) -> None:
        assert self.links is not None, "a chain has links"  # noqa: S101
        whole, summed = without_parts(left), ChainChoice()
        summed.pass_over(left, whole, SUMMED)
        studies = eligible_studies(whole, self._initial.remaining, self._prescribed(whole), self._is_approved)
        chosen = choose_chain(
            whole,
            studies,
            self._cohort,
            self._recipe,
            ambiguous=self.links.ambiguous,
            witnesses=partial(witnesses_of, context=self.links.context),
            index_date=self._around.index_date,
        )
        chosen.passed_over = [*summed.passed_over, *chosen.passed_over, *self.choice.passed_over]
        self.choice = chosen

    def _of_several_plans(self) -> tuple[Chain, ...]:
        """Return the candidates of several plans, none of them rejected, where the cohort asks for their sum."""
        if self._cohort.dose_sum != "plans":
            return ()
        return joined_chains(chain for chain in self._of_one_plan if not self._is_rejected(chain))

    def _is_rejected(self, chain: Chain) -> bool:
        rule, table = self._cohort.eligibility.approval, self._around.approvals
        return any(status_told(self._by_node[node], rule, table) == REJECTED for node in chain.nodes)

    def _only(self) -> tuple[Chain, ...]:
        number = self._around.only_candidate or 0
        if not 1 <= number <= len(self.chains):
            raise NoSuchCandidateError(f"there is no candidate {number}, but {len(self.chains)}")
        left = (self.chains[number - 1],)
        self.choice.pass_over(self.chains, left, "another candidate is in quarantine here")
        self._of_decision.append(Finding("I_NOTE_011", f"candidate {number} of {len(self.chains)}"))
        return left

    def _decided(self, chains: tuple[Chain, ...]) -> tuple[Chain, ...]:
        """Return the candidates that a person's decision leaves; all of them where there is none, or it is void."""
        decision = self._around.decision
        if decision is None:
            return chains
        same = decision.evidence == self.evidence()
        left = chosen_by(decision, chains) if same else ()
        chose = decision.chain is not None or decision.study_instance_uid is not None
        if not same or (chose and not left):
            self._of_decision.append(Finding("I_REV_008", decision.told))
            return chains
        self.accepted = decision.accepted
        if decision.exclude:
            self.choice.pass_over(chains, (), "a person excluded the patient")
            self.choice.outcome = Finding("I_EXEC_011", decision.told)
            return ()
        if chose:
            self.choice.pass_over(chains, left, _BY_A_PERSON)
            self._of_decision.append(Finding("I_SUCC_010", decision.told))
        return left

    def _of_studies(self) -> list[Finding]:
        linked = self.links.in_any_chain if self.links is not None else frozenset()
        return findings_on_studies(
            StudiesSeen(self._initial, self.choice, self.chains, linked, self._recipe.roles, self._by_node)
        )

    def _doubts(self) -> list[Finding]:
        chain = self.choice.chain
        if chain is None or self.links is None:
            return []
        rule, table = self._cohort.eligibility.approval, self._around.approvals
        accept = self._cohort.fallback_links == "accept"
        return [
            *check_selected(chain, self.links, self._by_node, rule, table),
            *check_links(chain, self._by_node[chain.anchor], accept_fallbacks=accept),
            *(finding for part in each_plan(chain) for finding in self._of_approval(part)),
        ]

    def _of_approval(self, chain: Chain) -> list[Finding]:
        rule, table = self._cohort.eligibility.approval, self._around.approvals
        return check_approval(chain, [self._by_node[node] for node in chain.nodes], rule, table)

    @cached_property
    def _told_reasons(self) -> dict[Node, str]:
        set_aside = self._initial.refused
        return {node: reason for node, reason in self._reasons.items() if node not in set_aside}

    @cached_property
    def _reasons(self) -> dict[Node, str]:
        reasons = dict(self._initial.refused)
        if self.links is None:
            return reasons
        for chain, why in self.choice.passed_over:
            reasons |= dict.fromkeys(chain.nodes, why)
        if self.choice.open and self.choice.outcome is not None:
            why = reason_left_open(self.choice.outcome)
            reasons |= dict.fromkeys((node for chain in self.choice.open for node in chain.nodes), why)
        reasons |= self.links.refused
        for node in self.links.context.nodes:
            if node not in reasons and node not in self.selected:
                reasons[node] = self._why_unchosen(node, self.links)
        return {node: reason for node, reason in reasons.items() if node not in self.selected}

    def _why_unchosen(self, node: Node, links: PatientLinks) -> str:
        if node in self._in_chains:
            return "a person chose other doses"
        return reason_of_node(node, links, chosen=self.choice.chain is not None)

    @cached_property
    def _in_chains(self) -> frozenset[Node]:
        return frozenset(node for chain in self.chains for node in chain.nodes)

    @cached_property
    def _links_of(self) -> dict[Node, tuple[Link, ...]]:
        found: dict[Node, tuple[Link, ...]] = {}
        for each in self.links.anchored if self.links is not None else ():
            for of_role in each.links.values():
                for link in of_role:
                    if link.by is not None:
                        found[link.node] = (*found.get(link.node, ()), link)
        if self.choice.chain is not None:
            chosen = [link for of_role in self.choice.chain.links.values() for link in of_role if link.by is not None]
            found |= {link.node: (link,) for link in chosen}
        return found

    def _is_approved(self, plan: Candidate) -> bool:
        return status_told(plan, self._cohort.eligibility.approval, self._around.approvals) == APPROVED

    def _prescribed(self, chains: Sequence[Chain]) -> dict[Node, bool]:
        plans = {node for chain in chains for node in chain.of_role("RTPLAN")}
        if not plans or all(rule.name != "has_prescription" for rule in self._cohort.study_selection):
            return {}
        return {plan: self._states_prescription(plan) for plan in plans}

    def _states_prescription(self, plan: Node) -> bool:
        (found,) = cells(self._summary, self._by_node[plan].rows[:1], ("target_prescriptions_gy",))
        doses = found["target_prescriptions_gy"]
        return doses is not None and any(dose > 0 for dose in doses)

    def _inside(self, dose: Node, ct: Node) -> bool | None:
        if (dose, ct) not in self._known_inside:
            self._known_inside[dose, ct] = self._lies_inside(dose, ct)
        return self._known_inside[dose, ct]

    def _lies_inside(self, dose: Node, ct: Node) -> bool | None:
        (grid,) = cells(self._summary, self._by_node[dose].rows[:1], _GEOMETRY)
        return is_inside(grid, cells(self._summary, self._by_node[ct].rows, _GEOMETRY))
