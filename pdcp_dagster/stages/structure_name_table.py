"""The names that a cohort's ROIs have, what its map makes of them, and what to propose where it makes nothing.

What lives here: gathering the names of all patients, one row per name. What does not: naming one patient's ROIs
(`standard_names`), or what is proposed (`domain.name_proposals`).

No patient is told of: only how many have a name. The name itself is what somebody typed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.parquet import read_columns, read_table
from pdcp_dagster.adapters.structure_names import match_wholly
from pdcp_dagster.domain.name_proposals import propose
from pdcp_dagster.domain.structure_names import STATES, UNMAPPED, name_key, standard_names
from pdcp_dagster.stages.inputs import TABLES, names_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.name_proposals import Proposal
    from pdcp_dagster.domain.structure_names import NamedRoi, StructureNameMap

STRUCTURE_NAME_COLUMNS: dict[str, str] = {
    "roi_name": "string",
    "patients": "Int64",
    "rois": "Int64",
    "state": "string",
    "roi_standard_name": "string",
    "reason": "string",
    "proposal": "string",
    "proposed_because": "string",
    "structure_name_map": "string",
}
"""The contract of cohort_structure_names.parquet."""


@dataclass(slots=True)
class _Seen:
    """How often a name was seen, and in which spellings."""

    patients: int = 0
    spellings: Counter[str] = field(default_factory=Counter)


def structure_name_table(folder: CohortFolder, structure_names: StructureNameMap | None) -> pd.DataFrame:
    """Return a row per name of ROIs, case and white space aside, of all patients with structures, of any status.

    structure_names: the cohort's map as its file says today; None: every name is unmapped. Conflicts come first, then
    what is unmapped, each with the names of most patients first.
    """
    seen = _seen(_names_by_patient(folder))
    spelt = {key: _commonest(each.spellings) for key, each in seen.items()}
    named = (
        standard_names(list(spelt.values()), structure_names, match_wholly)
        if structure_names is not None
        else [UNMAPPED] * len(spelt)
    )
    version = structure_names.version if structure_names is not None else None
    rows = [_row(name, seen[key], each, version) for (key, name), each in zip(spelt.items(), named, strict=True)]
    rows.sort(key=_order)
    return pd.DataFrame(rows, columns=list(STRUCTURE_NAME_COLUMNS)).astype(STRUCTURE_NAME_COLUMNS)


def named_by_another_map(folder: CohortFolder, structure_names: StructureNameMap | None) -> int:
    """Return how many patients' tables hold the names of another map than today's, until they are run again."""
    today = names_hash(structure_names)
    keys = read_table(folder.file("patient_ids"))["partition_key"]
    marks = (folder.patient(str(key)).mark("structure_masks") for key in keys)
    return sum(mark is not None and mark.made_with.get(TABLES, today) != today for mark in marks)


def _names_by_patient(folder: CohortFolder) -> Iterable[list[str]]:
    for key in read_table(folder.file("patient_ids"))["partition_key"]:
        try:
            names = read_columns(folder.patient(str(key)).file("structure_masks"), ["roi_name"])["roi_name"]
        except FileNotFoundError:
            continue
        yield [name for name in names if name and not name.isspace()]


def _seen(by_patient: Iterable[list[str]]) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for names in by_patient:
        keys = [name_key(name) for name in names]
        for key, name in zip(keys, names, strict=True):
            seen[key].spellings[" ".join(name.split())] += 1
        for key in set(keys):
            seen[key].patients += 1
    return dict(seen)


def _commonest(spellings: Counter[str]) -> str:
    return min(spellings, key=lambda name: (-spellings[name], name))


def _row(name: str, seen: _Seen, named: NamedRoi, version: str | None) -> dict[str, object]:
    proposal: Proposal | None = propose(name) if named.state in {"unmapped", "conflict"} else None
    return {
        "roi_name": name,
        "patients": seen.patients,
        "rois": seen.spellings.total(),
        "state": named.state,
        "roi_standard_name": named.standard_name,
        "reason": named.reason or None,
        "proposal": proposal.standard_name if proposal else None,
        "proposed_because": proposal.because if proposal else None,
        "structure_name_map": version,
    }


def _order(row: dict[str, object]) -> tuple[int, int, str]:
    return [*map(str, STATES)].index(str(row["state"])), -int(str(row["patients"])), str(row["roi_name"]).casefold()
