"""The codes that say why a patient passed, needs a person or is excluded, and the status that follows from them.

What lives here: one registry of all codes with their meaning and remedy in words, findings, and the rule from findings
to status. What does not: who raises a code (`verification`, `dose`, the stages), or the notes file (`notes`). A failure
(something could not be read) is an exception, never a code.

Code strings of PDCP are kept (its documentation, Tables 1 to 11); later ones follow its pattern
`<step>_<EXEC|REV|SUCC|NOTE>_<number>`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Status(enum.StrEnum):
    """Where a patient stands; FAILED and PENDING never follow from codes."""

    SUCCESS = "SUCCESS"
    REVIEW = "REVIEW"
    EXCLUDE = "EXCLUDE"
    FAILED = "FAILED"
    PENDING = "PENDING"


class Effect(enum.StrEnum):
    """What a code does to the patient's status."""

    EXCLUDE = "EXCLUDE"
    REVIEW = "REVIEW"
    PROCEED = "PROCEED"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    step: the Roman numeral of PDCP's step, a key of `STEPS`.
    code: the code string.
    action: the third part of PDCP's note: EXECLUDE (its spelling), PROCEED, LOW, NORMAL or SEVERE.
    effect: what it does to the status.
    meaning: what it says, for a clinician.
    remedy: what can be done about it, for a clinician.
    """

    step: str
    code: str
    action: str
    effect: Effect
    meaning: str
    remedy: str


STEPS: Mapping[str, str] = MappingProxyType(
    {
        "I": "Initial verification",
        "II": "Study verification",
        "XI": "CT retrieval",
        "XII": "CT volume",
        "XIII": "RTSTRUCT retrieval",
        "XIV": "Structure masks",
        "XV": "RTPLAN retrieval",
        "XVI": "RTDOSE retrieval",
        "XXIV": "Dose selection",
        "XXV": "Dose-volume histograms",
        "XXVI": "Pictures",
    }
)

_EXCLUDED = ("EXECLUDE", Effect.EXCLUDE)
_PROCEED = ("PROCEED", Effect.PROCEED)
_REVIEW = ("NORMAL", Effect.REVIEW)
_SEVERE = ("SEVERE", Effect.REVIEW)
_NOTE = ("LOW", Effect.NOTE)
_NOTHING_TO_DO = "Nothing to do."

_INITIAL = (
    (
        "I_EXEC_001",
        _EXCLUDED,
        "the patient is not in the archive",
        "Check the PatientID, or ask for an export.",
    ),
    (
        "I_EXEC_003",
        _EXCLUDED,
        "the archive holds no image or radiotherapy object of this patient that the cohort looks at",
        "Ask for an export of the planning study.",
    ),
    (
        "I_EXEC_004",
        _EXCLUDED,
        "only phantom series are in the archive",
        "If this is a patient, correct the cohort's phantom words.",
    ),
    (
        "I_EXEC_005",
        _EXCLUDED,
        "a modality that the cohort needs is not in the archive",
        "Ask for a re-export.",
    ),
    (
        "I_EXEC_006",
        _EXCLUDED,
        "every study has a description that the cohort excludes",
        "If the patient belongs to the cohort, correct study_description in the cohort file.",
    ),
    ("I_SUCC_001", _PROCEED, "one study is eligible", _NOTHING_TO_DO),
    ("I_SUCC_002", _PROCEED, "of several studies one has all the modalities that the cohort needs", _NOTHING_TO_DO),
    ("I_REV_001", _NOTE, "several studies are eligible", "The code that follows says what came of it."),
    (
        "I_REV_004",
        _REVIEW,
        "several studies are eligible and no rule chooses one",
        "Decide which study answers the research question.",
    ),
    ("I_NOTE_001", _NOTE, "phantom series were set aside", _NOTHING_TO_DO),
    ("I_NOTE_002", _NOTE, "a structure set without any of the cohort's keywords was set aside", _NOTHING_TO_DO),
    ("I_NOTE_003", _NOTE, "a study was set aside for its description", _NOTHING_TO_DO),
    ("I_NOTE_004", _NOTE, "the study has no date", "Rules on dates cannot be decided for this patient."),
)
_STUDY = (
    ("II_EXEC_001", _EXCLUDED, "the study has no CT", "Ask for a re-export of the planning CT."),
    (
        "II_EXEC_002",
        _EXCLUDED,
        "no CT is linked to a structure set, a plan and a dose",
        "Look at the refused objects and their reasons, and ask for a re-export of the whole plan.",
    ),
    ("II_SUCC_001", _PROCEED, "one CT is linked to the structure set, the plan and the dose", _NOTHING_TO_DO),
    (
        "II_REV_001",
        _SEVERE,
        "the CT has more slices than is usual",
        "Check that it is one planning CT, not several phases or scans in one series.",
    ),
    (
        "II_REV_002",
        _SEVERE,
        "the CT has too few slices",
        "Check that the CT is complete in the archive, and ask for a re-export if it is not.",
    ),
    ("II_REV_003", _REVIEW, "several CTs are linked to a plan and its dose", "Decide which CT is the planning CT."),
    ("II_REV_004", _REVIEW, "several plans with a dose use the CT", "Decide which plan was meant for treatment."),
    (
        "II_REV_005",
        _REVIEW,
        "the CT lacks images that the structure set was drawn on",
        "Check that the CT is complete in the archive, and ask for a re-export if it is not.",
    ),
    (
        "II_REV_006",
        _REVIEW,
        "different objects have the same UID",
        "Find out which of them was meant for treatment, and remove the other from the archive.",
    ),
    ("II_REV_007", _REVIEW, "the plan was rejected", "Check whether the patient was treated with this plan."),
    ("II_NOTE_001", _NOTE, "a candidate was refused", "Its reason is in the table of verified objects."),
)
_RETRIEVAL = (
    ("XI_SUCC_001", _PROCEED, "the CT was retrieved and every byte checked", _NOTHING_TO_DO),
    ("XII_SUCC_001", _PROCEED, "the CT volume was built", _NOTHING_TO_DO),
    (
        "XII_EXEC_002",
        _EXCLUDED,
        "the CT slices do not form a regular volume (gaps, duplicates, uneven spacing, shear or differing directions)",
        "Check the series in the archive, and ask for a re-export if slices are missing or doubled.",
    ),
    ("XIII_SUCC_001", _PROCEED, "the structure set was retrieved and every byte checked", _NOTHING_TO_DO),
    ("XIV_SUCC_001", _PROCEED, "the structure masks were drawn", _NOTHING_TO_DO),
    (
        "XIV_EXEC_002",
        _EXCLUDED,
        "no structure has a closed contour on the CT",
        "Check in the planning system that the structure set was drawn on this CT.",
    ),
    ("XIV_NOTE_001", _NOTE, "structures were flagged", "Their flags are in the table of structures."),
    ("XV_SUCC_001", _PROCEED, "the plan was retrieved and every byte checked", _NOTHING_TO_DO),
    ("XVI_SUCC_001", _PROCEED, "the dose was retrieved and every byte checked", _NOTHING_TO_DO),
)
_DOSE = (
    ("XXIV_SUCC_001", _PROCEED, "the planned dose was summed", _NOTHING_TO_DO),
    (
        "XXIV_EXEC_003",
        _EXCLUDED,
        "the dose maximum lies outside the cohort's bounds",
        "Check that the dose is that of the whole treatment, in Gy.",
    ),
    (
        "XXIV_REV_003",
        _REVIEW,
        "the dose maximum lies outside the cohort's bounds",
        "Check that the dose is that of the whole treatment, in Gy.",
    ),
    ("XXIV_REV_001", _REVIEW, "doses of one plan differ", "Decide which dose belongs to the treated plan."),
    (
        "XXIV_REV_002",
        _REVIEW,
        "the doses cannot be summed (their summation types or fraction groups do not complete a plan)",
        "Ask for the dose of the whole plan (summation type PLAN).",
    ),
    (
        "XXIV_EXEC_004",
        _EXCLUDED,
        "no dose has usable units, dose type, frame of reference and summation type",
        "Ask for a re-export of the plan's dose in Gy.",
    ),
    (
        "XXIV_REV_004",
        _REVIEW,
        "the dose does not fit the prescription",
        "Check whether the dose is that of the whole plan, in Gy, and whether the prescription is right.",
    ),
    (
        "XXIV_REV_005",
        _REVIEW,
        "the dose planes are uneven, and a NIfTI file cannot hold them",
        "The histograms are right; for a dose file, ask for an export with even planes.",
    ),
    ("XXIV_NOTE_001", _NOTE, "of identical doses one was kept", _NOTHING_TO_DO),
    ("XXIV_NOTE_002", _NOTE, "a dose was refused", "Its reason is in the table of plans."),
    ("XXV_SUCC_001", _PROCEED, "the dose-volume histograms were computed", _NOTHING_TO_DO),
    (
        "XXV_REV_001",
        _REVIEW,
        "the dose grid does not cover a target to 99.5 %",
        "Ask for a dose on a grid that covers the targets.",
    ),
    (
        "XXV_REV_002",
        _REVIEW,
        "a target has no dose-volume histogram",
        "Look at the target's contours and frame of reference, and ask for a re-export.",
    ),
    (
        "XXV_REV_003",
        _REVIEW,
        "the contours of a target are doubtful",
        "Look at the target's pictures and contours.",
    ),
    (
        "XXV_NOTE_001",
        _NOTE,
        "the prescription is unknown",
        "Give prescription_gy in the cohort file if relative figures are wanted.",
    ),
    ("XXVI_SUCC_001", _PROCEED, "the pictures were drawn", _NOTHING_TO_DO),
)

CODES: Mapping[str, Code] = MappingProxyType(
    {
        code: Code(code.split("_")[0], code, action, effect, meaning, remedy)
        for code, (action, effect), meaning, remedy in (*_INITIAL, *_STUDY, *_RETRIEVAL, *_DOSE)
    }
)
"""Every code that can occur, in order of the steps."""

_DETAIL_SAYS_IT_ALL = frozenset({"I_EXEC_005"})
"""Codes whose detail repeats the meaning: "no RTDOSE in the archive"."""

_OPENING = {
    Effect.EXCLUDE: "Excluded",
    Effect.REVIEW: "To review",
    Effect.PROCEED: "Passed",
    Effect.NOTE: "Note",
}


UNDECIDED = frozenset({"I_REV_004", "II_REV_003", "II_REV_004", "II_REV_006", "XXIV_REV_001", "XXIV_REV_002"})
"""Codes to review that leave nothing selected: several studies, CTs, plans or objects of one UID, or doses that no rule
sums.
"""


_TOLD_OF_THE_PASSED = ("XII_SUCC_001", "XIV_SUCC_001", "XXIV_SUCC_001", "XXV_SUCC_001", "XXVI_SUCC_001")


@dataclass(frozen=True, slots=True)
class Finding:
    """One code as it was met in one patient.

    code: a key of `CODES`.
    detail: what was seen in this patient, in words that follow the code's meaning ("150 slices").

    Raises ValueError where the code is not registered.
    """

    code: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not a registered code")

    @property
    def effect(self) -> Effect:
        """What this finding does to the status."""
        return CODES[self.code].effect

    @property
    def stops(self) -> bool:
        """Whether nothing after the stage that found this can be prepared: excluded, or a choice left to a person."""
        return self.effect is Effect.EXCLUDE or self.code in UNDECIDED

    def note(self) -> str:
        """Return PDCP's string `<step>: <CODE>:<ACTION>`, with `:<detail>` where there is one.

        Scripts split notes on colons, so colons in the detail become semicolons; line breaks become blanks.
        """
        entry = CODES[self.code]
        text = f"{entry.step}: {entry.code}:{entry.action}"
        detail = " ".join(self.detail.replace(":", ";").split())
        return f"{text}:{detail}" if detail else text


def status_of(findings: Iterable[Finding]) -> Status:
    """Return EXCLUDE where any finding excludes, else REVIEW where any asks for a person, else SUCCESS."""
    effects = {finding.effect for finding in findings}
    if Effect.EXCLUDE in effects:
        return Status.EXCLUDE
    return Status.REVIEW if Effect.REVIEW in effects else Status.SUCCESS


def deciding(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding that decided the status: first that excludes, else first to review, else last passed.

    None where there is none of these (no findings, or notes only).
    """
    every = tuple(findings)
    for effect in (Effect.EXCLUDE, Effect.REVIEW):
        for finding in every:
            if finding.effect is effect:
                return finding
    passed = [finding for finding in every if finding.effect is Effect.PROCEED]
    return passed[-1] if passed else None


def reason_of(findings: Iterable[Finding]) -> str:
    """Return the patient's status in words: what decided it, or for one who passed, what was made of whom."""
    every = tuple(findings)
    decisive = deciding(every)
    if decisive is None:
        return ""
    if decisive.effect is not Effect.PROCEED:
        return in_words(decisive)
    made = [finding.detail for finding in every if finding.code in _TOLD_OF_THE_PASSED and finding.detail]
    return "Passed" + (f": {', '.join(made)}." if made else ".")


def in_words(finding: Finding) -> str:
    """Return the finding for a person, words first and code last: meaning, detail, remedy.

    "Excluded: no RTDOSE in the archive. Ask for a re-export. (I_EXEC_005)"
    """
    entry = CODES[finding.code]
    detail = " ".join(finding.detail.split())
    parts = (detail,) if detail and finding.code in _DETAIL_SAYS_IT_ALL else (entry.meaning, detail)
    seen = ": ".join(part for part in parts if part).rstrip(".")
    remedy = "" if entry.remedy == _NOTHING_TO_DO else f" {entry.remedy}"
    return f"{_OPENING[entry.effect]}: {seen}.{remedy} ({finding.code})"
