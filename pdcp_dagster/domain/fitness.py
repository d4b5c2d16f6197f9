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

ONLY_LOCALISERS = "only localisers"
Key = tuple[str, str]
"""Role and UID."""


def ambiguous_uids(candidates: Iterable[Candidate]) -> frozenset[Key]:
    """Return what cannot be told apart by UID though it differs: copies have one size and the same tags."""
    told: dict[Key, set[object]] = {}
    for candidate in candidates:
        told.setdefault((candidate.node.role, candidate.node.uid), set()).add(_told(candidate))
    return frozenset(key for key, found in told.items() if len(found) > 1)


def _told(candidate: Candidate) -> tuple[object, ...]:
    """Return what copies of one object, or of one CT, have in common."""
    if candidate.node.role not in RT_OBJECTS:
        return candidate.instance_uids, candidate.node.frames
    return (
        candidate.file_size,
        candidate.approval_status,
        candidate.plan_intent,
        candidate.roi_names,
        candidate.image_uids,
        candidate.node.frames,
        *sorted(candidate.node.names.items()),
    )


def unfit(candidates: Iterable[Candidate], ambiguous: frozenset[Key]) -> dict[Node, str]:
    """Return what may not take part, with the reason."""
    refused: dict[Node, str] = {}
    seen: set[Key] = set()
    for candidate in candidates:
        node = candidate.node
        key = node.role, node.uid
        intent = (candidate.plan_intent or "").upper()
        if node.role == "CT" and not candidate.slices:
            refused[node] = ONLY_LOCALISERS
        elif intent in NOT_FOR_TREATMENT:
            refused[node] = f"plan intent {intent}"
        elif key in seen and key not in ambiguous:
            refused[node] = "a copy of an object with the same UID"
        else:
            seen.add(key)
    return refused
