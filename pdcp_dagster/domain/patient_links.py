"""Study verification: the complete chains of a patient, over all studies, and the reason of everything that is in none.

What lives here: fitness, approval, links and the number of slices brought together. What does not: finding one link
(`linkage`), choosing among chains (`chain_choice`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pdcp_dagster.domain.approvals import NOT_LISTED, is_listed, unapproved
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.fitness import ONLY_LOCALISERS, ambiguous_uids, unfit
from pdcp_dagster.domain.linkage import Chain, LinkageContext, chains, first_gap, frame_gap, link_from
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.cohort import Cohort, CtInstances
    from pdcp_dagster.domain.linkage import LinkageRecipe, Links


@dataclass(frozen=True, slots=True)
class Anchored:
    """One CT with everything that hangs on it and the complete chains among that."""

    anchor: Node
    links: Links
    chains: tuple[Chain, ...]


@dataclass
class PatientLinks:
    """What is linked in a patient.

    chains: the complete chains that may be chosen.
    ambiguous: (role, UID) that objects of different sizes share; which of them others refer to, nobody can tell.
    refused: why each node that may not take part was refused. unapproved: those of them for their approval.
    """

    context: LinkageContext
    anchored: tuple[Anchored, ...]
    chains: tuple[Chain, ...]
    ambiguous: frozenset[tuple[str, str]]
    refused: dict[Node, str]
    unapproved: frozenset[Node]
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def in_any_chain(self) -> frozenset[Node]:
        """What is in a complete chain, of a refused CT, too."""
        return frozenset(node for each in self.anchored for chain in each.chains for node in chain.nodes)

    @cached_property
    def in_a_chain(self) -> frozenset[Node]:
        """What is in a chain that may be chosen."""
        return frozenset(node for chain in self.chains for node in chain.nodes)


def link_patient(
    candidates: Sequence[Candidate],
    cohort: Cohort,
    recipe: LinkageRecipe,
    approvals: Mapping[str, str],
    *,
    inside: Callable[[Node, Node], bool | None],
    set_aside: Iterable[Node] = (),
) -> PatientLinks:
    """Return every complete chain of a patient, and why there is none of the others.

    set_aside: what does not take part and may yet be referred to.
    """
    members = [each for each in candidates if each.node.role in {*recipe.roles, *recipe.witnesses}]
    ambiguous = ambiguous_uids(members)
    refused = unfit(members, ambiguous)
    rule = cohort.eligibility.approval
    refused_for_approval = unapproved((each for each in members if each.node not in refused), rule, approvals)
    refused |= refused_for_approval
    fit = [each.node for each in members if each.node not in refused]
    keys = {(node.role, node.uid) for node in fit}
    others = [node for node in (*refused, *set_aside) if (node.role, node.uid) not in keys]
    context = LinkageContext(
        recipe, fit, inside, tuple(node for node in others if refused.get(node) != ONLY_LOCALISERS)
    )
    anchored = tuple(_anchored(node, context) for node in fit if node.role == recipe.anchor)
    links = PatientLinks(context, anchored, (), ambiguous, refused, frozenset(refused_for_approval))
    slices = {each.node: each.slices for each in members}
    found = [
        each for each in anchored if each.chains and _require_size(links, each.anchor, slices, cohort.ct_instances)
    ]
    links.chains = tuple(chain for each in found for chain in each.chains)
    if rule is not None and rule.unlisted == "exclude":
        _drop_unlisted(links, approvals)
    return links


def _anchored(anchor: Node, context: LinkageContext) -> Anchored:
    links = link_from(anchor, context)
    return Anchored(anchor, links, chains(links, context.recipe))


def _require_size(links: PatientLinks, anchor: Node, slices: Mapping[Node, int], bounds: CtInstances) -> bool:
    """Whether a linked CT has a plausible number of slices, noting where it has not."""
    count = slices[anchor]
    uid = anchor.uid
    if count > bounds.review_above and (count <= bounds.maximum or bounds.action == "review"):
        bound = bounds.review_above if count <= bounds.maximum else bounds.maximum
        links.findings.append(Finding("II_REV_001", f"{count} slices, more than {bound} (CT {uid})"))
        return True
    if bounds.minimum <= count <= bounds.review_above:
        return True
    if count < bounds.minimum:
        links.findings.append(Finding("II_REV_002", f"{count} slices, fewer than {bounds.minimum} (CT {uid})"))
        if bounds.action == "review":
            return True
        links.refused[anchor] = f"{count} slices, fewer than {bounds.minimum}"
        return False
    links.refused[anchor] = f"{count} slices, more than {bounds.maximum}"
    return False


def _drop_unlisted(links: PatientLinks, approvals: Mapping[str, str]) -> None:
    dropped = [chain for chain in links.chains if not is_listed(chain, approvals)]
    links.chains = tuple(chain for chain in links.chains if is_listed(chain, approvals))
    kept = {node for chain in links.chains for node in chain.nodes}
    gone = [node for chain in dropped for node in chain.nodes if node not in kept and node.role in {"RTPLAN", "RTDOSE"}]
    links.refused |= dict.fromkeys(gone, NOT_LISTED)
    links.unapproved |= frozenset(gone)


def why_no_chain(links: PatientLinks) -> Finding:
    """Return the code of a patient without any chain that may be chosen."""
    if not links.anchored:
        return Finding("II_EXEC_001")
    if links.unapproved and _linked_without_approval(links):
        told = sorted(f"{node.role} {node.uid}, {links.refused[node]}" for node in links.unapproved)
        return Finding("II_EXEC_004", some(told))
    return Finding("II_EXEC_002", some([_gap(links, each) for each in links.anchored]))


def _linked_without_approval(links: PatientLinks) -> bool:
    """Whether there were a chain if approval did not count."""
    nodes = [*links.context.nodes, *(node for node in links.unapproved if node not in links.context.nodes)]
    context = replace(links.context, nodes=nodes)
    return any(_anchored(each.anchor, context).chains for each in links.anchored if each.anchor not in links.refused)


def _gap(links: PatientLinks, each: Anchored) -> str:
    gap = first_gap(each.links, links.context.recipe)
    why = links.refused.get(each.anchor) or (gap.wanted if gap else "no complete chain")
    return f"CT {each.anchor.uid}, {why}"


def reason_of_node(node: Node, links: PatientLinks, *, chosen: bool) -> str:
    """Return why a node that might have been linked is in no chain that was chosen; `chosen`: whether one was."""
    recipe = links.context.recipe
    if node.role in recipe.witnesses:
        return "not part of the linkage"
    if node in links.in_any_chain:
        return _why_its_chain(node, links)
    if node.role == recipe.anchor:
        gap = next(first_gap(each.links, recipe) for each in links.anchored if each.anchor == node)
        return gap.wanted if gap else "no complete chain"
    if (node.role, node.uid) in links.ambiguous:
        return "another object has the same UID"
    if any(link.node == node for each in links.anchored for link in each.links.get(node.role, ())):
        return _unused(node, recipe, chosen=chosen)
    return _unlinked(node, links)


def _why_its_chain(node: Node, links: PatientLinks) -> str:
    """Return why the complete chains of a node do not count."""
    if (node.role, node.uid) in links.ambiguous:
        return "another object has the same UID"
    if node in links.in_a_chain:
        return "another was chosen"
    unlisted = any(links.refused[each] == NOT_LISTED for each in links.unapproved)
    return f"its plan is {NOT_LISTED}" if unlisted else "its CT was refused"


def _unused(node: Node, recipe: LinkageRecipe, *, chosen: bool) -> str:
    roles = recipe.roles
    if chosen and recipe.choice is not None and roles.index(node.role) < roles.index(recipe.choice):
        return "not used by the plan"
    below = next((edge.child for edge in recipe.edges if edge.parent == node.role), None)
    return f"no {below} refers to it" if below else "not part of the selected chain"


def _unlinked(node: Node, links: PatientLinks) -> str:
    """Return why no way of its edge leads from a node to a parent that is linked to a CT."""
    edge = links.context.recipe.edge_of(node.role)
    for way in edge.ways:
        named = set(node.names.get(way.column, ())) if way.column else set()
        parent = way.through or ("RTSTRUCT" if way.parent_column else edge.parent)
        if not named or (way.through and not _is_known(parent, named, links)):
            continue
        if any(other.role == parent and other.uid in named for other in links.context.nodes):
            return f"the {parent} that it refers to is not linked to a {links.context.recipe.anchor}"
        if any(other.role == parent and other.uid in named for other in links.context.others):
            return f"the {parent} that it refers to was refused"
        return f"the {parent} that it refers to is not in the archive"
    parent = edge.ways[0].through or edge.parent
    named = set(node.names.get(edge.ways[0].column or "", ()))
    refers = f"the {parent} that it refers to is not in the archive" if named else f"it refers to no {parent}"
    return f"{refers}{_no_frame(node, links)}"


def _is_known(role: str, uids: set[str], links: PatientLinks) -> bool:
    every = (*links.context.nodes, *links.context.others)
    return any(other.role == role and other.uid in uids for other in every)


def _no_frame(node: Node, links: PatientLinks) -> str:
    """Return why its frame of reference did not help, "" where it has none."""
    edge = links.context.recipe.edge_of(node.role)
    if not node.frames:
        return ""
    gaps = {
        frame_gap(node, link.node, each.anchor, links.context)
        for each in links.anchored
        for link in each.links.get(edge.parent, ())
    }
    told = next((gap for gap in _NEAREST_FIRST if gap in gaps), None)
    return f", and has {told}" if told else ""


_NEAREST_FIRST = (
    "an unknown grid",
    "a grid that is not inside the CT",
    "another study",
    "another frame of reference",
)
"""What `frame_gap` says, the one nearest to a link first."""
NOTES_OF_REASONS = {
    "it refers to no RTPLAN": "II_NOTE_004",
    "it refers to no RTSTRUCT": "II_NOTE_005",
    "it refers to no CT": "II_NOTE_006",
}
"""Codes of their own for what was lost in silence elsewhere, by how the reason begins."""


def notes_on(refused: Mapping[Node, str], told: Iterable[str]) -> list[Finding]:
    """Return a note per role and reason, so that nothing is lost in silence; reasons that a code tells are left out."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for node, reason in refused.items():
        if reason not in set(told):
            by_reason.setdefault((node.role, reason), []).append(node.uid)
    findings = []
    for (role, reason), uids in sorted(by_reason.items()):
        code = next((code for start, code in NOTES_OF_REASONS.items() if reason.startswith(start)), None)
        if code is None:
            findings.append(Finding("II_NOTE_001", f"{len(uids)} {role}, {reason}"))
        else:
            findings.append(Finding(code, f"{role} {some(sorted(uids))}, {reason}"))
    return findings
