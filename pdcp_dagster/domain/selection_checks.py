"""What a person should know of a selected chain that can be prepared nevertheless.

What lives here: images that the CT lacks, other CTs and plans that may be meant, rejected objects, links by a
fall-back, references and frames of reference that contradict one another. What does not: which chain is selected
(`chain_choice`), or what leaves nothing selected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.approvals import APPROVED, REJECTED, status_told
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.fitness import ONLY_LOCALISERS
from pdcp_dagster.domain.linkage import UID, witnesses_of
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.eligibility import Approval
    from pdcp_dagster.domain.linkage import Chain, Link
    from pdcp_dagster.domain.patient_links import PatientLinks

_CT_IMAGES = frozenset({"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""SOP classes CT Image, Enhanced CT Image and Legacy Converted Enhanced CT Image Storage."""


def check_selected(
    chain: Chain,
    links: PatientLinks,
    candidates: Mapping[Node, Candidate],
    rule: Approval | None,
    table: Mapping[str, str],
) -> list[Finding]:
    """Return the doubts about what a chain consists of, and about what it leaves out."""
    ct = candidates[chain.anchor]
    findings = []
    for node in chain.of_role("RTSTRUCT"):
        findings += _images_lacking(candidates[node], ct)
        findings += _other_cts(candidates[node], ct, links)
    judged = [candidates[node] for node in (*chain.nodes, *witnesses_of(chain, links.context))]
    findings += [
        Finding("II_REV_007", f"{each.node.role} {each.node.uid}")
        for each in judged
        if status_told(each, rule, table) == REJECTED
    ]
    findings += _plans_without_dose(chain, links, candidates, rule, table)
    return [*findings, *_contradictions(chain)]


def _other_cts(structure_set: Candidate, ct: Candidate, links: PatientLinks) -> list[Finding]:
    """Tell of CTs that a structure set names beside the selected one and that are no candidates themselves."""
    every = (*links.context.nodes, *links.context.others)
    there = {node.uid for node in every if node.role == "CT"}
    refused = {node.uid: "set aside" for node in links.context.others if node.role == "CT"}
    refused |= {node.uid: why for node, why in links.refused.items() if node.role == "CT" and why != ONLY_LOCALISERS}
    series = structure_set.node.names.get("referenced_series_uids", ())
    classes = structure_set.image_classes if len(structure_set.image_classes) == len(series) else [""] * len(series)
    told = []
    for uid, sop_class in zip(series, classes, strict=True):
        if uid == ct.node.uid:
            continue
        if uid in refused:
            told.append(f"CT {uid}, {refused[uid]}")
        elif uid not in there and sop_class in _CT_IMAGES:
            told.append(f"CT {uid}, not in the archive")
    return [Finding("II_REV_012", f"RTSTRUCT {structure_set.node.uid}, {some(told)}")] if told else []


def _plans_without_dose(
    chain: Chain,
    links: PatientLinks,
    candidates: Mapping[Node, Candidate],
    rule: Approval | None,
    table: Mapping[str, str],
) -> list[Finding]:
    """Tell of plans for the same structures that lack a dose and are no less approved than the selected one."""
    plans = chain.of_role("RTPLAN")
    if not plans:
        return []
    sets = {*chain.of_role("RTSTRUCT")}
    here = next(each for each in links.anchored if each.anchor == chain.anchor)
    least = min(_rank(candidates[plan], rule, table) for plan in plans)
    left = [
        link.node.uid
        for link in here.links["RTPLAN"]
        if link.node not in links.in_any_chain
        and sets & {*link.parents}
        and _rank(candidates[link.node], rule, table) >= least
    ]
    return [Finding("II_REV_013", f"RTPLAN {some(left)}")] if left else []


def _rank(plan: Candidate, rule: Approval | None, table: Mapping[str, str]) -> int:
    status = status_told(plan, rule, table)
    return 2 if status == APPROVED else 1 if not status else 0


def _contradictions(chain: Chain) -> list[Finding]:
    """Tell of references beside the one that made the link."""
    sets = {node.uid for node in chain.of_role("RTSTRUCT")}
    findings = []
    for link in chain.links.get("RTDOSE", ()):
        named = set(link.node.names.get("referenced_structure_set_uids", ()))
        if link.by == UID and named and not named & sets:
            findings.append(Finding("II_REV_014", f"RTDOSE {link.node.uid}, RTSTRUCT {some(sorted(named))}"))
    for plan in chain.of_role("RTPLAN"):
        further = sorted({*plan.names.get("referenced_structure_set_uids", ())} - sets)
        if further:
            findings.append(Finding("II_NOTE_007", f"RTPLAN {plan.uid}, RTSTRUCT {some(further)}"))
    return findings


def _images_lacking(structure_set: Candidate, ct: Candidate) -> list[Finding]:
    """Say how many of the images that a structure set names in the CT's series this series lacks.

    A structure set lists images once per series (ContourImageSequence, PS3.3 C.8.8.5); one that lists none lacks none.
    """
    images = set(structure_set.image_uids)
    series = structure_set.node.names.get("referenced_series_uids", ())
    named = len(images)
    if len(series) == len(structure_set.image_counts):
        named = dict(zip(series, structure_set.image_counts, strict=True)).get(ct.node.uid, named)
    lacking = named - len(images & ct.instance_uids)
    if lacking <= 0:
        return []
    uid = structure_set.node.uid
    return [Finding("II_REV_005", f"{lacking} of {named} images that RTSTRUCT {uid} refers to are not in the CT")]


def check_links(chain: Chain, ct: Candidate, *, accept_fallbacks: bool) -> list[Finding]:
    """Return the doubts about how a chain hangs together.

    A fall-back that could mean several parents is a doubt even where the cohort accepts fall-backs.
    """
    findings = []
    several = [link for link in chain.fallbacks() if link.open]
    plain = [link for link in chain.fallbacks() if not link.open]
    if several:
        findings.append(Finding("II_REV_009", f"{_told(several)}, where it may belong to any of several"))
    if plain:
        findings.append(Finding("II_NOTE_002" if accept_fallbacks else "II_REV_009", _told(plain)))
    anchor = chain.anchor
    strangers = [
        node for node in chain.nodes if anchor.frames and node.frames and not {*anchor.frames} & {*node.frames}
    ]
    if strangers:
        told = some([f"{node.role} {node.uid}" for node in strangers])
        findings.append(Finding("II_REV_010", f"{told}, not in that of CT {anchor.uid}"))
    if ct.several_frames:
        findings.append(Finding("II_REV_010", f"the slices of CT {anchor.uid}"))
    return findings


def _told(links: Iterable[Link]) -> str:
    return some([f"{link.node.role} {link.node.uid} by {(link.by or '').replace('_', ' ')}" for link in links])
