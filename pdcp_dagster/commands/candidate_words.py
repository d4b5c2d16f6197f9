"""A candidate as a clinician reads it: dates, images, structures, plan and dose in words.

What lives here: the tables of `pdcp review show`, candidates side by side. What does not: where the values come from
(`stages.review`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from pdcp_dagster.commands.tables import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.decisions import ChosenChain
    from pdcp_dagster.stages.review import Case

_SIDE_BY_SIDE = 3
_MOST_ROIS = 12
_LONGEST = 60
_UNKNOWN = "-"
_LINKED_BY = {
    "uid": "UID",
    "structure_set": "the structure set that the dose names",
    "frame_of_reference": "frame of reference only",
}


def candidate_tables(case: Case, folder: CohortFolder) -> list[Table]:
    """Return the candidates of a patient, up to three of them side by side in each table.

    Raises ReviewError where they cannot be read.
    """
    columns = [dict(_column(case, row, folder)) for row in case.candidates]
    return [_table(columns[start : start + _SIDE_BY_SIDE]) for start in range(0, len(columns), _SIDE_BY_SIDE)]


def decision_in_words(case: Case) -> str:
    """Return what was decided by whom, and whether it counts. Raises ReviewError."""
    decision = case.decision
    if decision is None:
        return "none"
    if decision.exclude:
        said = "excluded"
    elif decision.study_instance_uid is not None:
        said = f"study {decision.study_instance_uid}"
    elif decision.chain is not None:
        said = _chain_in_words(case, decision.chain)
    else:
        said = ""
    accepted = f"accepted {', '.join(decision.accepted)}" if decision.accepted else ""
    return f"{_validity(case)}: {'; '.join(filter(None, (said, accepted)))}, by {decision.told}"


def _chain_in_words(case: Case, chain: ChosenChain) -> str:
    number = case.number_of(chain)
    if number is None:
        return f"CT {chain.ct_series_uid} with what hung on it then"
    fewer = set(chain.rtdose_uids) < set(case.verification.chosen_chain(number).rtdose_uids)
    return f"candidate {number}" + (f" with dose {_listed(chain.rtdose_uids)} only" if fewer else "")


def _validity(case: Case) -> str:
    if case.is_void:
        return "void, for the evidence has changed since"
    return "valid" if case.is_replayed else "valid from the next run on"


def _table(columns: Sequence[Mapping[str, str]]) -> Table:
    table = Table(show_lines=False)
    first, *rest = columns[0]
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column[first], overflow="fold")
    for name in rest:
        if any(column[name] for column in columns):
            table.add_row(name, *(column[name] for column in columns))
    return table


def _column(case: Case, row: Mapping[str, Any], folder: CohortFolder) -> Iterator[tuple[str, str]]:
    """Yield the lines of one candidate, ready to be printed."""
    for name, value in (
        *_images(row),
        *_plan(row),
        *_doses(row, case.dose_maxima),
        *_verdict(row),
        *_places(case, row, folder),
    ):
        yield name, printable(value)


def _images(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rois = row["roi_names"]
    named = _listed([_short(name) for name in rois[:_MOST_ROIS]], "none")
    more = f" and {len(rois) - _MOST_ROIS} more" if len(rois) > _MOST_ROIS else ""
    yield "Candidate", str(row["candidate"])
    yield "Study", f"{_said(row['study_date'], 'no date')}, {_said(row['study_description'], 'no description')}"
    yield "Study UID", _said(row["study_instance_uid"])
    yield "CT", f"{_said(row['ct_slices'])} slices, {_said(row['series_description'], 'no description')}"
    yield "Structure set", _listed([_short(label) for label in row["structure_set_labels"]])
    yield "ROIs", f"{len(rois)}: {named}{more}"


def _plan(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row["rtplan_uids"]:
        yield "Plan", _listed([_short(label) for label in row["plan_labels"]], "no label")
        yield "Plan date", _listed(row["plan_dates"], "unknown")
        yield "Intent", _listed(row["plan_intents"], "unknown")
        yield "Approval", _listed(row["approval_statuses"], "unknown")
        yield "Fractions", _said(row["fractions_planned"], "unknown")
        yield "Prescription", _gray(row["prescription_gy"])


def _doses(row: Mapping[str, Any], maxima: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Yield what is known of the doses; several with the maximum of each, for a person may choose among them."""
    uids = row["rtdose_uids"]
    if not uids:
        return
    known = [maxima[uid] for uid in uids if uid in maxima]
    yield "Dose maximum", _gray(max(known, default=None) if row["dose_maximum_gy"] is None else row["dose_maximum_gy"])
    yield "Dose type", _listed(row["dose_summation_types"], "unknown")
    several = [f"{uid} (maximum {_gray(maxima.get(uid))})" for uid in uids]
    yield "Dose UIDs", _listed(several if len(uids) > 1 else uids)


def _verdict(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Linked by", _listed([_LINKED_BY.get(way, way) for way in row["linked_by"]])
    yield "Verdict", f"{row['verdict']}: {row['reason']}" if row["reason"] else _said(row["verdict"])


def _places(case: Case, row: Mapping[str, Any], folder: CohortFolder) -> Iterator[tuple[str, str]]:
    prepared = folder.candidate(case.partition_key, int(row["candidate"]))
    yield "Picture", str(case.picture(row["picture"])) if row["picture"] else ""
    yield "Problem", row["picture_problem"] or ""
    yield "In quarantine", str(prepared.path) if case.shows_these(prepared) else ""


def _said(value: object, unknown: str = _UNKNOWN) -> str:
    return unknown if value is None else _short(value)


def _gray(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} Gy"


def _listed(values: Sequence[object], none: str = _UNKNOWN) -> str:
    return ", ".join(map(str, values)) or none


def _short(text: object) -> str:
    """Return untrusted text cut to what fits in a line; UIDs are shorter than 64 anyway."""
    whole = str(text)
    return whole if len(whole) <= _LONGEST + 4 else f"{whole[:_LONGEST]} ..."
