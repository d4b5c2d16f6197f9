"""Initial verification: which of a patient's objects are looked at further.

What lives here: phantoms, structure sets without keywords, missing modalities, ineligible descriptions, in PDCP's
order. What does not: the cohort's rules of eligibility (`study_rules`), links (`patient_links`), the choice among
several studies (`study_selection`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.words import some, substring_in, word_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import LinkageRecipe

_PHANTOM = "phantom"


@dataclass
class InitialVerification:
    """What came of it.

    remaining: the candidates that were not set aside; none where the patient is excluded.
    refused: why each of the others was set aside.
    undated: studies of which a rule on dates could not be decided.
    """

    remaining: tuple[Candidate, ...]
    refused: dict[Node, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    undated: set[str] = field(default_factory=set)

    @property
    def studies(self) -> list[str]:
        """The studies of what remains, sorted."""
        return sorted({candidate.node.study_uid for candidate in self.remaining})

    def of_study(self, study_uid: str) -> list[Candidate]:
        """Return what remains of a study."""
        return [candidate for candidate in self.remaining if candidate.node.study_uid == study_uid]

    def set_aside(self, dropped: Iterable[Candidate], reason: str) -> None:
        """Take candidates out, for a reason in words."""
        self.refused |= dict.fromkeys((candidate.node for candidate in dropped), reason)
        self.remaining = tuple(candidate for candidate in self.remaining if candidate.node not in self.refused)

    def exclude(self, finding: Finding, reason: str) -> None:
        """End with an exclusion: everything that remains is refused for the reason."""
        self.findings.append(finding)
        self.set_aside(self.remaining, reason)


def verify_initially(candidates: Sequence[Candidate], cohort: Cohort, recipe: LinkageRecipe) -> InitialVerification:
    """Return what is eligible by words and modalities, or the code that says why nothing is."""
    state = InitialVerification(tuple(candidates))
    if not candidates:
        state.findings.append(Finding("I_EXEC_003"))
        return state
    _set_nameless_aside(state)
    if not state.remaining:
        state.findings.append(Finding("I_EXEC_003"))
        return state
    _set_phantoms_aside(state, cohort, recipe)
    if not state.remaining:
        told = [finding.detail for finding in state.findings if finding.code == "I_NOTE_001"]
        state.findings.append(Finding("I_EXEC_004", some(told)))
        return state
    _set_structure_sets_aside(state, cohort)
    missing = _missing_modalities(state, cohort, candidates)
    if missing:
        state.exclude(Finding("I_EXEC_005", missing), missing)
        return state
    _set_studies_aside(state, cohort)
    dropped = [finding.detail for finding in state.findings if finding.code == "I_NOTE_003"]
    if dropped and not any(candidate.node.role == recipe.anchor for candidate in state.remaining):
        state.exclude(Finding("I_EXEC_006", some(dropped)), "every study with a CT has an excluded description")
    return state


def _set_nameless_aside(state: InitialVerification) -> None:
    """Set aside what no reference can mean and no rule can judge."""
    nameless = [
        candidate
        for candidate in state.remaining
        if not (candidate.node.role and candidate.node.uid and candidate.node.series_uid and candidate.node.study_uid)
    ]
    if nameless:
        state.set_aside(nameless, "no modality or identifiers")
        ids = [candidate.node.orthanc_id or "unknown" for candidate in nameless]
        state.findings.append(Finding("I_NOTE_012", f"in Orthanc {some(ids)}"))


def _set_phantoms_aside(state: InitialVerification, cohort: Cohort, recipe: LinkageRecipe) -> None:
    words = cohort.phantom.words
    of_study = {
        candidate.node.study_uid for candidate in state.remaining if word_in(words, candidate.study_description)
    }
    found = [
        candidate
        for candidate in state.remaining
        if candidate.node.study_uid in of_study or word_in(words, candidate.series_description)
    ]
    if found:
        if cohort.phantom.scope == "study":
            of_study = {candidate.node.study_uid for candidate in found}
            dropped = [candidate for candidate in state.remaining if candidate.node.study_uid in of_study]
        else:
            dropped = _with_what_hangs_on(found, state.remaining, recipe)
        described = {f"'{each.series_description}'" for each in found if word_in(words, each.series_description)}
        described |= {f"'{each.study_description}'" for each in found if word_in(words, each.study_description)}
        state.set_aside(dropped, _PHANTOM)
        state.findings.append(
            Finding("I_NOTE_001", f"{len(dropped)} objects, by the words in {some(sorted(described))}")
        )
    _doubt_names(state, words, hidden=cohort.hides_patient_ids)


def _doubt_names(state: InitialVerification, words: Sequence[str], *, hidden: bool) -> None:
    """A name may have such a word by chance: nothing is set aside for it. Hidden names are not told, but the words."""
    found = {name: word_in(words, name) for each in state.remaining for name in each.patient_names}
    told = {word if hidden else name for name, word in found.items() if word}
    if told:
        state.findings.append(Finding("I_REV_005", some(sorted(f"'{each}'" for each in told))))


def _with_what_hangs_on(
    found: Sequence[Candidate], candidates: Sequence[Candidate], recipe: LinkageRecipe
) -> list[Candidate]:
    """Return the candidates found, and those whose every reference, way by way, is to one of them."""
    gone = {candidate.node for candidate in found}
    for edge in recipe.edges:
        for way in edge.ways:
            if way.column is None or (way.parent_column is not None and way.through is None):
                continue
            uids = {node.uid for node in gone if node.role == (way.through or edge.parent)}
            for candidate in candidates:
                named = set(candidate.node.names.get(way.column, ()))
                if candidate.node.role == edge.child and named and named <= uids:
                    gone.add(candidate.node)
    return [candidate for candidate in candidates if candidate.node in gone]


def _set_structure_sets_aside(state: InitialVerification, cohort: Cohort) -> None:
    if not cohort.roi_keywords:
        return
    for candidate in state.remaining:
        if candidate.node.role == "RTSTRUCT" and not _has_keyword(candidate, cohort):
            state.set_aside([candidate], "no ROI name with one of the cohort's keywords")
            detail = f"RTSTRUCT {candidate.node.uid}, {len(candidate.roi_names)} ROIs"
            state.findings.append(Finding("I_NOTE_002", detail))


def is_asked_for(roi_name: str, cohort: Cohort) -> bool:
    """Whether a ROI's name contains one of the cohort's keywords and none of those that it excludes."""
    named = substring_in(cohort.roi_keywords, roi_name)
    return named is not None and substring_in(cohort.roi_keywords_exclude, roi_name) is None


def _has_keyword(candidate: Candidate, cohort: Cohort) -> bool:
    return any(is_asked_for(name, cohort) for name in candidate.roi_names)


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
    undescribed = 0
    for study_uid in state.studies if rule.exclude else ():
        members = state.of_study(study_uid)
        descriptions = sorted({each.study_description for each in members if each.study_description})
        undescribed += not descriptions
        for description in descriptions:
            word = contains(rule.exclude, description)
            if word is not None:
                state.set_aside(members, f"study description '{description}' contains '{word}'")
                state.findings.append(Finding("I_NOTE_003", f"'{description}' contains '{word}'"))
                break
    if undescribed and state.remaining:
        state.findings.append(Finding("I_NOTE_005", f"{undescribed} of the studies"))
