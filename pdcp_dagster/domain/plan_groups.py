"""Plans that are prepared together: the chain of several plans on one CT and the same structures.

What lives here: which chains of one plan may be joined, and parts of a joined chain that a person chose. What does not:
whether a cohort asks for it (`verdict`), whether the doses can be added (`plan_sum`).

Plans on different structure sets are never joined: that a boost was drawn later, and not planned anew, no tag tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.linkage import Chain, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pdcp_dagster.domain.candidates import Node

SUMMED = "its dose is to be added to those of other plans (dose_sum: plans)"
_PLAN, _DOSE = "RTPLAN", "RTDOSE"


def joined_chains(chains: Iterable[Chain]) -> tuple[Chain, ...]:
    """Return a chain of several plans for each CT and structure sets that several plans with doses use."""
    groups: dict[object, list[Chain]] = {}
    for chain in chains:
        groups.setdefault((chain.anchor, frozenset(chain.of_role("RTSTRUCT"))), []).append(chain)
    return tuple(_joined(group) for group in groups.values() if _are_different_plans(group))


def without_parts(chains: Sequence[Chain]) -> tuple[Chain, ...]:
    """Return the chains but for those whose plans are all in another one."""
    plans = {id(chain): (chain.anchor, {*chain.of_role(_PLAN)}) for chain in chains}

    def is_part(chain: Chain) -> bool:
        anchor, own = plans[id(chain)]
        return any(anchor == its_anchor and own < its for its_anchor, its in plans.values())

    return tuple(chain for chain in chains if not is_part(chain))


def each_plan(chain: Chain) -> tuple[Chain, ...]:
    """Return the parts of a chain with one plan each; the chain itself where it has no more."""
    uids = [node.uid for node in chain.of_role(_PLAN)]
    return tuple(with_plans(chain, {uid}) for uid in uids) if len(uids) > 1 else (chain,)


def with_plans(chain: Chain, uids: set[str]) -> Chain:
    """Return a part of a joined chain: these plans with their doses."""
    kept = {node for node in chain.of_role(_PLAN) if node.uid in uids}
    return _part(chain, kept, {*chain.of_role(_DOSE)})


def with_doses(chain: Chain, uids: set[str]) -> Chain:
    """Return a chain with these of its doses, without plans that have none left; the chain itself where all are."""
    doses = {link for link in chain.links.get(_DOSE, ()) if link.node.uid in uids}
    if len(doses) == len(chain.of_role(_DOSE)):
        return chain
    plans = {node for node in chain.of_role(_PLAN) if any(node in link.parents for link in doses)}
    return _part(chain, plans, {link.node for link in doses})


def _are_different_plans(chains: Sequence[Chain]) -> bool:
    uids = [node.uid for chain in chains for node in chain.of_role(_PLAN)]
    return len(set(uids)) == len(uids) > 1


def _joined(chains: Sequence[Chain]) -> Chain:
    """Bring chains of one CT together; a dose of several plans is linked to all of them."""
    links: dict[str, dict[Node, Link]] = {role: {} for role in chains[0].links}
    for chain in chains:
        for role, of_role in chain.links.items():
            for link in of_role:
                known = links[role].get(link.node, link)
                parents = tuple(dict.fromkeys((*known.parents, *link.parents)))
                links[role][link.node] = Link(link.node, parents, link.by, known.open or link.open)
    return Chain({role: tuple(of_role.values()) for role, of_role in links.items()})


def _part(chain: Chain, plans: set[Node], doses: set[Node]) -> Chain:
    links = {role: tuple(_narrowed(chain.links[role], role, plans, doses)) for role in chain.links}
    return Chain(links, part_of=chain.part_of or chain)


def _narrowed(links: Iterable[Link], role: str, plans: set[Node], doses: set[Node]) -> Iterator[Link]:
    for link in links:
        of_plans = [parent for parent in link.parents if parent.role == _PLAN]
        parents = tuple(parent for parent in link.parents if parent in plans or parent not in of_plans)
        if role == _DOSE and link.node in doses and bool(parents) is bool(link.parents):
            yield Link(link.node, parents, link.by, link.open)
        elif role != _DOSE and (role != _PLAN or link.node in plans):
            yield link
