"""Approval of plans and doses, by their tags or by a table of the cohort's.

What lives here: who is refused for it, and what is not known. What does not: reading the table (adapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.eligibility import Approval
    from pdcp_dagster.domain.linkage import Chain

_JUDGED = frozenset({"RTPLAN", "RTDOSE"})
APPROVED, REJECTED = "APPROVED", "REJECTED"
NOT_LISTED = "not in the cohort's table of approvals"


def unapproved(candidates: Iterable[Candidate], rule: Approval | None, table: Mapping[str, str]) -> dict[Node, str]:
    """Return the plans (with a table the doses, too) whose status the cohort excludes, with the reason.

    table: status in capitals by SOPInstanceUID or SeriesInstanceUID; the instance's own counts first.
    """
    if rule is None:
        return {}
    refused = {}
    for candidate in candidates:
        node = candidate.node
        if node.role != "RTPLAN" and (rule.table is None or node.role not in _JUDGED):
            continue
        status = status_told(candidate, rule, table)
        source = "approval status" if rule.table is None else "the cohort's table of approvals says"
        if status in rule.exclude:
            refused[node] = f"{source} {status}"
    return refused


def status_told(candidate: Candidate, rule: Approval | None, table: Mapping[str, str]) -> str:
    """Return the approval that counts, in capitals, "" unknown: by the cohort's table if it has one, else by tag."""
    if rule is not None and rule.table is not None and candidate.node.role in _JUDGED:
        return _listed(candidate.node, table) or ""
    return (candidate.approval_status or "").strip().upper()


def is_listed(chain: Chain, table: Mapping[str, str]) -> bool:
    """Whether a plan or a dose of the chain is in the table."""
    return any(_listed(node, table) is not None for node in chain.nodes if node.role in _JUDGED)


def check_approval(
    chain: Chain, plans: Iterable[Candidate], rule: Approval | None, table: Mapping[str, str]
) -> list[Finding]:
    """Return what is not known of the approval of what was selected; nothing where the cohort does not ask."""
    if rule is None:
        return []
    if rule.table is not None:
        if is_listed(chain, table):
            return []
        named = ", ".join(f"{node.role} {node.uid}" for node in chain.nodes if node.role in _JUDGED)
        return [Finding("II_REV_011" if rule.unlisted == "review" else "II_NOTE_003", f"{named}, {NOT_LISTED}")]
    return [
        Finding("II_NOTE_003", f"RTPLAN {plan.node.uid} has no ApprovalStatus")
        for plan in plans
        if plan.node.role == "RTPLAN" and not plan.approval_status
    ]


def _listed(node: Node, table: Mapping[str, str]) -> str | None:
    return table.get(node.uid, table.get(node.series_uid))
