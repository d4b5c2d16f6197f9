"""What a person sees of each candidate before deciding, from tags alone.

What lives here: a row per complete chain. What does not: pictures and the dose maximum, for which files are needed
(stages), the decision (`decisions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.candidates import cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.linkage import Chain

CANDIDATE_COLUMNS: dict[str, str] = {
    "candidate": "Int64",
    "study_instance_uid": "string",
    "study_date": "object",
    "study_description": "string",
    "series_description": "string",
    "ct_series_uid": "string",
    "ct_slices": "Int64",
    "rtstruct_uids": "object",
    "structure_set_labels": "object",
    "roi_names": "object",
    "rtplan_uids": "object",
    "plan_labels": "object",
    "plan_dates": "object",
    "plan_intents": "object",
    "approval_statuses": "object",
    "fractions_planned": "Int64",
    "prescription_gy": "Float64",
    "rtdose_uids": "object",
    "dose_summation_types": "object",
    "linked_by": "object",
    "verdict": "string",
    "reason": "string",
    "dose_maximum_gy": "Float64",
    "picture": "string",
    "picture_problem": "string",
}
"""The contract of candidate_studies.parquet; the last three are added by the stage.

verdict: selected, refused or open (a person must decide); reason: what chose or refused it.
"""
_RT_COLUMNS = (
    "structure_set_label",
    "rt_plan_label",
    "rt_plan_date",
    "plan_intent",
    "approval_status",
    "fractions_planned",
    "target_prescriptions_gy",
    "dose_summation_type",
)


def in_order(chains: Sequence[Chain], candidates: Mapping[Node, Candidate]) -> tuple[Chain, ...]:
    """Return candidates as people number them: by date of the study (unknown ones last), then by UIDs."""

    def key(chain: Chain) -> tuple[object, ...]:
        date = candidates[chain.anchor].study_date
        uids = [(node.role, node.study_uid, node.uid, node.orthanc_id) for node in chain.nodes]
        return date is None, str(date), chain.anchor.study_uid, chain.anchor.uid, uids

    return tuple(sorted(chains, key=key))


def candidate_rows(
    chains: Sequence[Chain], candidates: Mapping[Node, Candidate], summary: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return what tags tell of each chain, plain values in the order of the chains, without verdicts.

    The prescription of several plans together is unknown: a boost may state its own dose, or that of both.
    """
    every = {node for chain in chains for node in chain.nodes if node != chain.anchor}
    facts = {node: _facts(candidates[node], summary) for node in every}
    return [_row(chain, candidates, facts) for chain in chains]


def _row(chain: Chain, candidates: Mapping[Node, Candidate], of: Mapping[Node, Mapping[str, Any]]) -> dict[str, Any]:
    ct = candidates[chain.anchor]
    facts = {role: [of[node] for node in chain.of_role(role)] for role in ("RTSTRUCT", "RTPLAN", "RTDOSE")}
    plans = facts["RTPLAN"]
    fractions = [sum(plan["fractions_planned"]) for plan in plans if plan["fractions_planned"]]
    prescriptions = [gy for plan in plans for gy in plan["target_prescriptions_gy"] or ()]
    rois = [name for node in chain.of_role("RTSTRUCT") for name in candidates[node].roi_names]
    return {
        "study_instance_uid": chain.anchor.study_uid,
        "study_date": ct.study_date,
        "study_description": ct.study_description,
        "series_description": ct.series_description,
        "ct_series_uid": chain.anchor.uid,
        "ct_slices": ct.slices,
        "rtstruct_uids": [node.uid for node in chain.of_role("RTSTRUCT")],
        "structure_set_labels": _said(facts["RTSTRUCT"], "structure_set_label"),
        "roi_names": list(dict.fromkeys(rois)),
        "rtplan_uids": [node.uid for node in chain.of_role("RTPLAN")],
        "plan_labels": _said(plans, "rt_plan_label"),
        "plan_dates": [str(date) for date in _said(plans, "rt_plan_date")],
        "plan_intents": _said(plans, "plan_intent"),
        "approval_statuses": _said(plans, "approval_status"),
        "fractions_planned": sum(fractions) if fractions and len(fractions) == len(plans) else None,
        "prescription_gy": None if len(plans) > 1 else max(prescriptions, default=None),
        "rtdose_uids": [node.uid for node in chain.of_role("RTDOSE")],
        "dose_summation_types": _said(facts["RTDOSE"], "dose_summation_type"),
        "linked_by": sorted({link.by for of_role in chain.links.values() for link in of_role if link.by}),
    }


def contents(
    chain: Chain, candidates: Mapping[Node, Candidate], summary: pd.DataFrame
) -> list[tuple[str, str, object, object]]:
    """Return role, UID, content and frames of a chain's objects: what changes when one of them is replaced.

    Of an RT object the content is its size, of a CT the UIDs and sizes of its slices.
    """
    found = []
    for node in chain.nodes:
        own = candidates[node]
        content: object = own.file_size
        if node.role == chain.anchor.role:
            slices = cells(summary, own.rows, ("sop_instance_uid", "file_size"))
            content = sorted(f"{each['sop_instance_uid']} {each['file_size']}" for each in slices)
        found.append((node.role, node.uid, content, list(node.frames)))
    return sorted(found, key=str)


def _facts(candidate: Candidate, summary: pd.DataFrame) -> dict[str, Any]:
    (facts,) = cells(summary, candidate.rows[:1], _RT_COLUMNS)
    return facts


def _said(facts: Sequence[Mapping[str, Any]], column: str) -> list[Any]:
    return [each[column] for each in facts if each[column] is not None]
