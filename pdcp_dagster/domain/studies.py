"""Initial verification: which study of a patient is looked at further.

What lives here: phantoms, structure sets without keywords, missing modalities, ineligible descriptions, several
studies, in PDCP's order. What does not: links within the study (`verification`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.words import substring_in, word_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import LinkageRecipe

_LAST_DUMMY_YEAR = 1901
"""Dates that de-identification writes in place of a date lie in 1900 or 1901."""
_SHOWN = 5
_PHANTOM = "phantom"


@dataclass
class InitialVerification:
    """What came of it.

    remaining: the candidates that were not set aside, of the study that is looked at further where there is one.
    refused: why each of the others was set aside.
    study_uid: the one eligible study; None where there is none, or where a person must choose.
    """

    remaining: tuple[Candidate, ...]
    refused: dict[Node, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    study_uid: str | None = None


def verify_initially(candidates: Sequence[Candidate], cohort: Cohort, recipe: LinkageRecipe) -> InitialVerification:
    """Return the one study that is eligible, or the code that says why there is none."""
    state = InitialVerification(tuple(candidates))
    if not candidates:
        state.findings.append(Finding("I_EXEC_003"))
        return state
    _set_phantoms_aside(state, cohort, recipe)
    if not state.remaining:
        state.findings.append(Finding("I_EXEC_004"))
        return state
    _set_structure_sets_aside(state, cohort)
    missing = _missing_modalities(state, cohort, candidates)
    if missing:
        _stop(state, Finding("I_EXEC_005", missing), missing)
        return state
    _set_studies_aside(state, cohort)
    if not state.remaining:
        dropped = [finding.detail for finding in state.findings if finding.code == "I_NOTE_003"]
        state.findings.append(Finding("I_EXEC_006", _some(dropped)))
        return state
    _choose_study(state, cohort)
    return state


def _drop(state: InitialVerification, dropped: Iterable[Candidate], reason: str) -> None:
    state.refused |= dict.fromkeys((candidate.node for candidate in dropped), reason)
    state.remaining = tuple(candidate for candidate in state.remaining if candidate.node not in state.refused)


def _stop(state: InitialVerification, finding: Finding, reason: str) -> None:
    state.findings.append(finding)
    _drop(state, state.remaining, reason)


def _set_phantoms_aside(state: InitialVerification, cohort: Cohort, recipe: LinkageRecipe) -> None:
    words = cohort.phantom.words
    found = [candidate for candidate in state.remaining if word_in(words, candidate.series_description)]
    if not found:
        return
    if cohort.phantom.scope == "study":
        studies = {candidate.node.study_uid for candidate in found}
        dropped = [candidate for candidate in state.remaining if candidate.node.study_uid in studies]
    else:
        dropped = _with_what_hangs_on(found, state.remaining, recipe)
    _drop(state, dropped, _PHANTOM)
    named = sorted({f"'{candidate.series_description}'" for candidate in found})
    state.findings.append(Finding("I_NOTE_001", f"{len(dropped)} objects, by the words in {_some(named)}"))


def _with_what_hangs_on(
    found: Sequence[Candidate], candidates: Sequence[Candidate], recipe: LinkageRecipe
) -> list[Candidate]:
    """Return the candidates found, and those whose every reference, edge by edge, is to one of them."""
    gone = {candidate.node for candidate in found}
    for edge in recipe.edges:
        uids = {node.uid for node in gone if node.role == edge.parent}
        for candidate in candidates:
            named = set(candidate.node.names.get(edge.column, ()))
            if candidate.node.role == edge.child and named and named <= uids:
                gone.add(candidate.node)
    return [candidate for candidate in candidates if candidate.node in gone]


def _set_structure_sets_aside(state: InitialVerification, cohort: Cohort) -> None:
    if not cohort.roi_keywords:
        return
    for candidate in state.remaining:
        if candidate.node.role == "RTSTRUCT" and not _has_keyword(candidate, cohort):
            _drop(state, [candidate], "no ROI name with one of the cohort's keywords")
            detail = f"RTSTRUCT {candidate.node.uid}, {len(candidate.roi_names)} ROIs"
            state.findings.append(Finding("I_NOTE_002", detail))


def _has_keyword(candidate: Candidate, cohort: Cohort) -> bool:
    return any(
        substring_in(cohort.roi_keywords, name) and not substring_in(cohort.roi_keywords_exclude, name)
        for name in candidate.roi_names
    )


def _missing_modalities(state: InitialVerification, cohort: Cohort, candidates: Sequence[Candidate]) -> str:
    """Return what is missing over all studies in words, "" where nothing is."""
    left = {candidate.node.role for candidate in state.remaining}
    missing = []
    for modality in cohort.required_modalities:
        if modality not in left:
            reasons = {state.refused[each.node] for each in candidates if each.node.role == modality}
            but = " but phantoms" if reasons else ""
            missing.append(f"no {modality}{' with one of the ROI keywords' if reasons - {_PHANTOM} else but}")
    return f"{', '.join(missing)} in the archive" if missing else ""


def _set_studies_aside(state: InitialVerification, cohort: Cohort) -> None:
    rule = cohort.study_description
    contains = word_in if rule.match == "word" else substring_in
    for study_uid in _studies(state.remaining):
        members = [candidate for candidate in state.remaining if candidate.node.study_uid == study_uid]
        description = members[0].study_description
        word = contains(rule.exclude, description)
        if word is not None:
            _drop(state, members, f"study description '{description}' contains '{word}'")
            state.findings.append(Finding("I_NOTE_003", f"'{description}' contains '{word}'"))


def _choose_study(state: InitialVerification, cohort: Cohort) -> None:
    studies = _studies(state.remaining)
    if len(studies) == 1:
        state.findings.append(Finding("I_SUCC_001"))
    else:
        state.findings.append(Finding("I_REV_001", f"{len(studies)} studies"))
        complete = [uid for uid in studies if _has_all(state.remaining, uid, cohort.required_modalities)]
        if len(complete) != 1:
            described = [_described(state.remaining, uid) for uid in complete or studies]
            count = f"{len(complete)} of {len(studies)} have all modalities" if complete else "none has all modalities"
            _stop(state, Finding("I_REV_004", f"{count}; {_some(described)}"), "several eligible studies")
            return
        others = [candidate for candidate in state.remaining if candidate.node.study_uid != complete[0]]
        _drop(state, others, "its study lacks a modality that the cohort needs")
        state.findings.append(Finding("I_SUCC_002"))
        studies = complete
    state.study_uid = studies[0]
    date = state.remaining[0].study_date
    if date is None or date.year <= _LAST_DUMMY_YEAR:
        state.findings.append(Finding("I_NOTE_004"))


def _studies(candidates: Iterable[Candidate]) -> list[str]:
    return sorted({candidate.node.study_uid for candidate in candidates})


def _has_all(candidates: Iterable[Candidate], study_uid: str, modalities: Iterable[str]) -> bool:
    return {candidate.node.role for candidate in candidates if candidate.node.study_uid == study_uid} >= set(modalities)


def _described(candidates: Iterable[Candidate], study_uid: str) -> str:
    first = next(candidate for candidate in candidates if candidate.node.study_uid == study_uid)
    return f"{first.study_date or 'no date'} '{first.study_description or ''}' ({study_uid})"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
