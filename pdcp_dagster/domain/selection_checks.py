"""What a person should know of a selected chain that can be prepared nevertheless.

What lives here: images that the CT lacks, and a rejected plan. What does not: which chain is selected (`study_links`),
or what leaves nothing selected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.domain.candidates import Candidate

_REJECTED = "REJECTED"


def check_selected(selected: Iterable[Candidate]) -> list[Finding]:
    """Return the doubts about the candidates of one chain, in their order."""
    chain = tuple(selected)
    findings = []
    for candidate in chain:
        node = candidate.node
        if node.role == "RTSTRUCT":
            findings += [found for ct in chain if ct.node.role == "CT" for found in _images_lacking(candidate, ct)]
        if node.role == "RTPLAN" and candidate.approval_status == _REJECTED:
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
