"""Which objects may take part in a chain at all.

What lives here: localisers, the intent of plans, copies, and objects that share a UID. What does not: approvals
(`approvals`), links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.candidates import RT_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.domain.candidates import Candidate, Node

NOT_FOR_TREATMENT = frozenset({"VERIFICATION", "MACHINE_QA", "RESEARCH", "SERVICE"})
"""Values of PlanIntent (300A,000A) that no treatment is planned with; an absent intent is unknown and is kept."""

Key = tuple[str, str]
"""Role and UID."""


def ambiguous_uids(candidates: Iterable[Candidate]) -> frozenset[Key]:
    """Return what cannot be told apart by UID though it differs: copies of one object have one size."""
    sizes: dict[Key, set[int | None]] = {}
    for candidate in candidates:
        if candidate.node.role in RT_OBJECTS:
            sizes.setdefault((candidate.node.role, candidate.node.uid), set()).add(candidate.file_size)
    return frozenset(key for key, found in sizes.items() if len(found) > 1)


def unfit(candidates: Iterable[Candidate], ambiguous: frozenset[Key]) -> dict[Node, str]:
    """Return what may not take part, with the reason."""
    refused: dict[Node, str] = {}
    seen: set[Key] = set()
    for candidate in candidates:
        node = candidate.node
        key = node.role, node.uid
        intent = (candidate.plan_intent or "").upper()
        if node.role == "CT" and not candidate.slices:
            refused[node] = "only localisers"
        elif intent in NOT_FOR_TREATMENT:
            refused[node] = f"plan intent {intent}"
        elif key in seen and key not in ambiguous:
            refused[node] = "a copy of an object with the same UID"
        else:
            seen.add(key)
    return refused
