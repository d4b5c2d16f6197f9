"""Verification: from the image summary and the cohort to what is selected, with every refused object's reason.

What lives here: the verdict of a patient from tags alone. What does not: which study is eligible (`studies`), how
objects are linked (`linkage`), what the notes say of it (`notes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pdcp_dagster.domain.candidates import candidates_from, instance_records
from pdcp_dagster.domain.image_counts import count_images, count_selected, list_of_values
from pdcp_dagster.domain.linkage import RECIPES, REFUSED, SELECTED, Selection, select
from pdcp_dagster.domain.studies import verify_initially
from pdcp_dagster.domain.study_links import StudyLinks, link_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import Cohort

VERIFIED_COLUMNS = (
    "role",
    "study_instance_uid",
    "series_uid",
    "sop_instance_uid",
    "orthanc_id",
    "linked_to",
    "linked_by",
    "verdict",
    "reason",
)
"""The contract of verified_study.parquet, all text: a row per RT object, and one per CT series (sop_instance_uid null).

orthanc_id: Orthanc's instance ID, of a CT its series ID. linked_to: the UIDs that the object was linked to, separated
by backslashes. reason: why it was refused, null where it was selected.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """The verdict on one patient from tags.

    verified: a row per object considered, in the columns of `VERIFIED_COLUMNS`.
    selection: what to retrieve; None where the patient is excluded or a person must choose.
    list_of_values, raw_images_summary, verified_images_summary: parts of the notes under PDCP's keys.
    """

    verified: pd.DataFrame
    findings: tuple[Finding, ...]
    selection: Selection | None
    list_of_values: dict[str, Any]
    raw_images_summary: dict[str, Any]
    verified_images_summary: dict[str, Any]


def verify(summary: pd.DataFrame, cohort: Cohort) -> Verification:
    """Decide which study, CT, structure set, plan and doses belong together, from the image summary alone.

    The order of the summary's rows does not matter.
    """
    recipe = RECIPES[cohort.linkage]
    rows = instance_records(summary)
    candidates = candidates_from(rows)
    initial = verify_initially(candidates, cohort, recipe)
    links = StudyLinks() if initial.study_uid is None else link_study(initial.remaining, cohort, recipe)
    refused = {**initial.refused, **links.refused}
    considered = [candidate for candidate in candidates if candidate.node.role in recipe.roles]
    verified = _table(considered, recipe.roles, links, refused)
    selection = select(verified, rows)
    return Verification(
        verified=verified,
        findings=(*initial.findings, *links.findings),
        selection=selection,
        list_of_values=list_of_values(rows, verified, selection),
        raw_images_summary=count_images(rows),
        verified_images_summary=count_selected(rows, selection),
    )


def _table(
    candidates: Sequence[Candidate], roles: Sequence[str], links: StudyLinks, refused: Mapping[Node, str]
) -> pd.DataFrame:
    ordered = sorted(
        (candidate.node for candidate in candidates), key=lambda node: (roles.index(node.role), *_key(node))
    )
    rows = [
        (
            node.role,
            node.study_uid,
            node.series_uid,
            None if node.role == roles[0] else node.uid,
            node.orthanc_id,
            "\\".join(links.linked_to.get(node, ())) or None,
            links.linked_by.get(node),
            SELECTED if node in links.selected else REFUSED,
            None if node in links.selected else refused.get(node, ""),
        )
        for node in ordered
    ]
    return pd.DataFrame(rows, columns=list(VERIFIED_COLUMNS)).astype("string")


def _key(node: Node) -> tuple[str, ...]:
    return node.study_uid, node.series_uid, node.uid, node.orthanc_id
