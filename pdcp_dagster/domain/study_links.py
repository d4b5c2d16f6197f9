"""Study verification: which CT, structure set, plan and doses of one study belong together.

What lives here: plan intent, the number of slices, several CTs or plans, objects that share a UID, and the reason of
everything refused. What does not: finding the links (`linkage`), choosing the study (`studies`), doubts about what is
selected (`selection_checks`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.domain.candidates import RT_OBJECTS
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.linkage import chains, first_gap, link_from
from pdcp_dagster.domain.selection_checks import check_selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.cohort import Cohort, CtInstances
    from pdcp_dagster.domain.linkage import Link, LinkageRecipe, Links

NOT_FOR_TREATMENT = frozenset({"VERIFICATION", "MACHINE_QA", "RESEARCH", "SERVICE"})
"""Values of PlanIntent (300A,000A) that no treatment is planned with; an absent intent is unknown and is kept."""


_SEVERAL_CTS = "several linked CTs"
_SEVERAL_PLANS = "several candidate plans"
_SAME_UID = "different objects have the same UID"
_SHOWN = 5


@dataclass
class StudyLinks:
    """What is linked in a study.

    ambiguous: (role, UID) that objects of different sizes share; which of them others refer to, nobody can tell.

    selected: the nodes of the one chain; empty where there is none, or where a person must choose.
    refused: why each of the other nodes was refused.
    linked_to, linked_by: the UIDs that each node was linked to, and how; also of refused ones, as evidence.
    """

    selected: frozenset[Node] = frozenset()
    ambiguous: frozenset[tuple[str, str]] = frozenset()
    refused: dict[Node, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    linked_to: dict[Node, tuple[str, ...]] = field(default_factory=dict)
    linked_by: dict[Node, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """One CT with everything that hangs on it and the complete chains among that."""

    anchor: Node
    links: Links
    chains: tuple[Links, ...]


def link_study(candidates: Sequence[Candidate], cohort: Cohort, recipe: LinkageRecipe) -> StudyLinks:
    """Return the one complete chain of a study, or the code that says why there is none or more than one."""
    state = StudyLinks()
    members = [candidate for candidate in candidates if candidate.node.role in recipe.roles]
    state.ambiguous = _ambiguous(members)
    _refuse_unfit(state, members)
    nodes = [candidate.node for candidate in members if candidate.node not in state.refused]
    slices = {candidate.node: candidate.slices for candidate in members}
    anchored = [_anchored(node, nodes, recipe) for node in nodes if node.role == recipe.anchor]
    _record_links(state, anchored)
    linked = [each for each in anchored if each.chains and _require_size(state, each, slices, cohort.ct_instances)]
    outcome = _decide(state, anchored, linked, recipe)
    for node in nodes:
        if node not in state.selected and node not in state.refused:
            state.refused[node] = _reason(node, state, nodes, anchored, recipe)
    doubts = check_selected(candidate for candidate in members if candidate.node in state.selected)
    state.findings += [*doubts, *_notes(state), outcome]
    return state


def _ambiguous(members: Iterable[Candidate]) -> frozenset[tuple[str, str]]:
    """Return what cannot be told apart by UID though it differs: copies of one object have one size."""
    sizes: dict[tuple[str, str], set[int | None]] = {}
    for candidate in members:
        if candidate.node.role in RT_OBJECTS:
            sizes.setdefault((candidate.node.role, candidate.node.uid), set()).add(candidate.file_size)
    return frozenset(key for key, found in sizes.items() if len(found) > 1)


def _refuse_unfit(state: StudyLinks, members: Iterable[Candidate]) -> None:
    seen: set[tuple[str, str]] = set()
    for candidate in members:
        node = candidate.node
        if node.role == "CT" and not candidate.slices:
            state.refused[node] = "only localisers"
        elif candidate.plan_intent in NOT_FOR_TREATMENT:
            state.refused[node] = f"plan intent {candidate.plan_intent}"
        elif (node.role, node.uid) in seen - state.ambiguous:
            state.refused[node] = "a copy of an object with the same UID"
        seen.add((node.role, node.uid))


def _anchored(anchor: Node, nodes: Sequence[Node], recipe: LinkageRecipe) -> _Anchored:
    links = link_from(anchor, nodes, recipe)
    return _Anchored(anchor, links, chains(links, recipe))


def _record_links(state: StudyLinks, anchored: Iterable[_Anchored]) -> None:
    for each in anchored:
        for link in _links(each.links):
            if link.by is not None:
                known = state.linked_to.get(link.node, ())
                state.linked_to[link.node] = tuple(sorted({*known, *(parent.uid for parent in link.parents)}))
                state.linked_by[link.node] = link.by


def _require_size(state: StudyLinks, linked: _Anchored, slices: dict[Node, int], bounds: CtInstances) -> bool:
    """Whether a linked CT has a plausible number of slices, noting where it has not."""
    count = slices[linked.anchor]
    uid = linked.anchor.uid
    if count > bounds.review_above and (count <= bounds.maximum or bounds.action == "review"):
        bound = bounds.review_above if count <= bounds.maximum else bounds.maximum
        state.findings.append(Finding("II_REV_001", f"{count} slices, more than {bound} (CT {uid})"))
        return True
    if bounds.minimum <= count <= bounds.review_above:
        return True
    if count < bounds.minimum:
        state.findings.append(Finding("II_REV_002", f"{count} slices, fewer than {bounds.minimum} (CT {uid})"))
        if bounds.action == "review":
            return True
        state.refused[linked.anchor] = f"{count} slices, fewer than {bounds.minimum}"
        return False
    state.refused[linked.anchor] = f"{count} slices, more than {bounds.maximum}"
    return False


def _decide(
    state: StudyLinks, anchored: Sequence[_Anchored], linked: Sequence[_Anchored], recipe: LinkageRecipe
) -> Finding:
    """Return the code of the outcome, having selected the chain or refused all candidates among which to choose."""
    if not anchored:
        return Finding("II_EXEC_001")
    if not linked:
        return Finding("II_EXEC_002", "; ".join(_gap(state, each, recipe) for each in anchored[:_SHOWN]))
    if len(linked) > 1:
        _refuse_candidates(state, (chain for each in linked for chain in each.chains), _SEVERAL_CTS)
        return Finding("II_REV_003", ", ".join(each.anchor.uid for each in linked))
    found = linked[0].chains
    plans = list(dict.fromkeys(link.node.uid for chain in found for link in chain[recipe.choice or recipe.anchor]))
    if len(plans) > 1:
        _refuse_candidates(state, found, _SEVERAL_PLANS)
        return Finding("II_REV_004", ", ".join(plans))
    keys = {(link.node.role, link.node.uid) for chain in found for link in _links(chain)}
    if keys & state.ambiguous:
        _refuse_candidates(state, found, _SAME_UID)
        return Finding("II_REV_006", ", ".join(f"{role} {uid}" for role, uid in sorted(keys & state.ambiguous)))
    state.selected = frozenset(link.node for link in _links(found[0]))
    # Of what a selected object was linked to, only the selected counts.
    for link in _links(found[0]):
        if link.by is not None:
            state.linked_to[link.node] = tuple(parent.uid for parent in link.parents)
    return Finding("II_SUCC_001", f"CT {linked[0].anchor.uid}")


def _refuse_candidates(state: StudyLinks, found: Iterable[Links], reason: str) -> None:
    for chain in found:
        for link in _links(chain):
            state.refused[link.node] = reason


def _gap(state: StudyLinks, each: _Anchored, recipe: LinkageRecipe) -> str:
    gap = first_gap(each.links, recipe)
    return f"CT {each.anchor.uid}, {state.refused.get(each.anchor) or (gap.wanted if gap else 'no complete chain')}"


def _reason(
    node: Node, state: StudyLinks, nodes: Sequence[Node], anchored: Sequence[_Anchored], recipe: LinkageRecipe
) -> str:
    """Return why a node that might have been linked was not selected."""
    if node.role == recipe.anchor:
        gap = next(first_gap(each.links, recipe) for each in anchored if each.anchor == node)
        return gap.wanted if gap else "no complete chain"
    if (node.role, node.uid) in state.ambiguous:
        return "another object has the same UID"
    if any(link.node == node for each in anchored for chain in each.chains for link in _links(chain)):
        return "its CT was refused"
    if node in state.linked_to:
        return _unused(node, state, recipe)
    return _unlinked(node, state, nodes, recipe)


def _unlinked(node: Node, state: StudyLinks, nodes: Sequence[Node], recipe: LinkageRecipe) -> str:
    edge = next(edge for edge in recipe.edges if edge.child == node.role)
    named = set(node.names.get(edge.column, ()))
    if not named:
        return f"it refers to no {edge.parent}"
    if any(other.role == edge.parent and other.uid in named for other in nodes):
        return f"the {edge.parent} that it refers to is not linked to a {recipe.anchor}"
    if any(other.role == edge.parent and other.uid in named for other in state.refused):
        return f"the {edge.parent} that it refers to was refused"
    return f"the {edge.parent} that it refers to is not in the study"


def _unused(node: Node, state: StudyLinks, recipe: LinkageRecipe) -> str:
    roles = recipe.roles
    if state.selected and recipe.choice is not None and roles.index(node.role) < roles.index(recipe.choice):
        return "not used by the plan"
    below = next((edge.child for edge in recipe.edges if edge.parent == node.role), None)
    return f"no {below} refers to it" if below else "not part of the selected chain"


def _notes(state: StudyLinks) -> list[Finding]:
    """Return one note per role and reason, so that nothing is lost in silence; the outcome tells of the candidates."""
    told = {_SEVERAL_CTS, _SEVERAL_PLANS, _SAME_UID}
    counts = Counter((node.role, reason) for node, reason in state.refused.items() if reason not in told)
    return [Finding("II_NOTE_001", f"{count} {role}, {reason}") for (role, reason), count in sorted(counts.items())]


def _links(links: Links) -> list[Link]:
    return [link for of_role in links.values() for link in of_role]
