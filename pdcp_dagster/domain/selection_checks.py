"""What a person should know of a selected chain that can be prepared nevertheless.

What lives here: images that the CT lacks, a rejected plan, links by a fall-back, frames of reference that differ. What
does not: which chain is selected (`chain_choice`), or what leaves nothing selected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.domain.candidates import Candidate
    from pdcp_dagster.domain.linkage import Chain, Link, LinkageRecipe

_REJECTED = "REJECTED"


def check_selected(selected: Iterable[Candidate]) -> list[Finding]:
    """Return the doubts about the candidates of one chain, in their order."""
    chain = tuple(selected)
    findings = []
    for candidate in chain:
        node = candidate.node
        if node.role == "RTSTRUCT":
            findings += [found for ct in chain if ct.node.role == "CT" for found in _images_lacking(candidate, ct)]
        if node.role == "RTPLAN" and (candidate.approval_status or "").upper() == _REJECTED:
            findings.append(Finding("II_REV_007", f"ApprovalStatus {_REJECTED} (RTPLAN {node.uid})"))
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


def check_links(chain: Chain, recipe: LinkageRecipe, *, accept_fallbacks: bool) -> list[Finding]:
    """Return the doubts about how a chain hangs together.

    A fall-back that could mean several parents is a doubt even where the cohort accepts fall-backs.
    """
    findings = []
    several = [link for link in chain.fallbacks() if _is_open(link, recipe)]
    plain = [link for link in chain.fallbacks() if link not in several]
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
    return findings


def _is_open(link: Link, recipe: LinkageRecipe) -> bool:
    """Whether only one of several parents can be meant; with a recipe that keeps all, all of them are."""
    return len(link.parents) > 1 and not recipe.keeps_all


def _told(links: Iterable[Link]) -> str:
    return some([f"{link.node.role} {link.node.uid} by {(link.by or '').replace('_', ' ')}" for link in links])
