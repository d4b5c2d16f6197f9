"""The registry of all codes: why a patient passed, needs a person or is excluded, with meaning and remedy in words.

What lives here: every code that can occur, once (docs/codes.md is made from it). What does not: findings and the status
that follows from them (`codes`), or who raises a code (`verification`, `dose`, the stages). A failure (something could
not be read) is an exception, never a code.

Code strings of PDCP are kept (its documentation, Tables 1 to 11); later ones follow its pattern
`<step>_<EXEC|REV|SUCC|NOTE>_<number>`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
NOTHING_TO_DO = "Nothing to do."

_INITIAL = (
    (
        "I_EXEC_001",
        _EXCLUDED,
        "the patient is not in the archive",
        "Check the PatientID, or ask for an export.",
    ),
    (
        "I_EXEC_002",
        _EXCLUDED,
        "the image summary could not be read (legacy export only: here such a patient is FAILED)",
        "See the patient's failure, and run the patient again.",
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
        "every study with a CT has a description that the cohort excludes",
        "If the patient belongs to the cohort, correct study_description in the cohort file.",
    ),
    (
        "I_EXEC_007",
        _EXCLUDED,
        "several studies are eligible (legacy export only: here such a patient is to review, I_REV_004)",
        "Decide which study answers the research question.",
    ),
    (
        "I_EXEC_008",
        _EXCLUDED,
        "every study is older than the cohort wants",
        "If the patient belongs to the cohort, correct eligibility.study_date_after in the cohort file.",
    ),
    (
        "I_EXEC_009",
        _EXCLUDED,
        "no study with a CT has a modality that it must contain",
        "Ask for a re-export of the study with all its series.",
    ),
    (
        "I_EXEC_010",
        _EXCLUDED,
        "a rule of the cohort's own excludes the patient",
        "Look at the rule named here (eligibility.rules in the cohort file).",
    ),
    (
        "I_EXEC_011",
        _EXCLUDED,
        "a person excluded the patient",
        "To take it back: `pdcp review withdraw`.",
    ),
    (
        "I_EXEC_012",
        _EXCLUDED,
        "the patient was deleted from the archive",
        "The files made before are kept and count no longer; `pdcp forget` removes them.",
    ),
    ("I_SUCC_001", _PROCEED, "one study is eligible", NOTHING_TO_DO),
    ("I_SUCC_002", _PROCEED, "of several studies one has all that the cohort needs, linked", NOTHING_TO_DO),
    (
        "I_SUCC_003",
        _PROCEED,
        "of several studies the rule all_modalities chose the one that holds all modalities itself",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_004",
        _PROCEED,
        "of several studies the rule description_prefers chose the one whose description has the preferred word",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_005",
        _PROCEED,
        "of several studies the rule approved_plan chose the one with an approved plan",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_006",
        _PROCEED,
        "of several studies the rule has_prescription chose the one whose plan states a prescription",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_007",
        _PROCEED,
        "of several studies the rule latest chose the last; it may be a re-irradiation or rescan, not the index course",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_008",
        _PROCEED,
        "of several studies the rule earliest chose the first, which a rescan may have replaced",
        NOTHING_TO_DO,
    ),
    (
        "I_SUCC_009",
        _PROCEED,
        "of several studies the rule closest_to chose the one nearest to the patient's date in the cohort's table",
        NOTHING_TO_DO,
    ),
    ("I_SUCC_010", _PROCEED, "a person chose what is prepared", NOTHING_TO_DO),
    ("I_REV_001", _NOTE, "several studies are eligible", "The code that follows says what came of it."),
    (
        "I_REV_004",
        _REVIEW,
        "several studies are eligible and no rule chooses one",
        "Decide which study answers the research question.",
    ),
    (
        "I_REV_005",
        _REVIEW,
        "the PatientID or PatientName has a phantom word",
        "Check whether this is a patient; if so, correct the cohort's phantom words.",
    ),
    (
        "I_REV_006",
        _REVIEW,
        "a rule on dates cannot be decided, for a date is missing or a dummy",
        "Find out the date, and decide whether the patient belongs to the cohort.",
    ),
    (
        "I_REV_007",
        _REVIEW,
        "a rule of the cohort's own asks for a person",
        "Look at the rule named here (eligibility.rules in the cohort file).",
    ),
    (
        "I_REV_008",
        _REVIEW,
        "a person's decision is void, for the evidence has changed since",
        "Look at the candidates again and decide anew.",
    ),
    ("I_NOTE_001", _NOTE, "phantom series were set aside", NOTHING_TO_DO),
    ("I_NOTE_002", _NOTE, "a structure set without any of the cohort's keywords was set aside", NOTHING_TO_DO),
    ("I_NOTE_003", _NOTE, "a study was set aside for its description", NOTHING_TO_DO),
    ("I_NOTE_004", _NOTE, "the study has no usable date", "Rules on dates cannot be decided for this patient."),
    ("I_NOTE_005", _NOTE, "a study has no description", "Words in it could not be looked for."),
    ("I_NOTE_006", _NOTE, "a study was set aside for its date", NOTHING_TO_DO),
    ("I_NOTE_007", _NOTE, "a study was set aside, for it lacks a modality that it must contain", NOTHING_TO_DO),
    ("I_NOTE_008", _NOTE, "a study was set aside by a rule of the cohort's own", NOTHING_TO_DO),
    (
        "I_NOTE_009",
        _NOTE,
        "another study has all the modalities, but its objects are not linked",
        "If that study is the wanted one, ask for a re-export of its whole plan.",
    ),
    ("I_NOTE_010", _NOTE, "objects of several studies belong together", NOTHING_TO_DO),
    ("I_NOTE_011", _NOTE, "prepared in quarantine as if it were the only candidate", NOTHING_TO_DO),
    (
        "I_NOTE_012",
        _NOTE,
        "objects without identifiers or modality were set aside",
        "Look at them in the archive, and ask for a re-export.",
    ),
    ("I_NOTE_013", _NOTE, "a person looked at a finding and accepted it", NOTHING_TO_DO),
    (
        "I_NOTE_014",
        _NOTE,
        "names or full birth dates are left in the archive",
        "De-identify them in the archive and run the patient again; until then the store holds these tags, too.",
    ),
)
_STUDY = (
    ("II_EXEC_001", _EXCLUDED, "the study has no CT", "Ask for a re-export of the planning CT."),
    (
        "II_EXEC_002",
        _EXCLUDED,
        "no CT is linked to all that the cohort needs",
        "Look at the refused objects and their reasons, and ask for a re-export of the whole plan.",
    ),
    (
        "II_EXEC_003",
        _EXCLUDED,
        "several CTs are linked (legacy export only: here such a patient is to review, II_REV_003)",
        "Decide which CT is the planning CT.",
    ),
    (
        "II_EXEC_004",
        _EXCLUDED,
        "no linked plan or dose has an approval that the cohort accepts",
        "If the patient was treated with the plan, correct its approval or eligibility.approval in the cohort file.",
    ),
    ("II_SUCC_001", _PROCEED, "one CT is linked to all that the cohort needs", NOTHING_TO_DO),
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
    (
        "II_REV_003",
        _REVIEW,
        "several CTs are linked to all that the cohort needs",
        "Decide which CT is the planning CT.",
    ),
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
    ("II_REV_007", _REVIEW, "a selected object was rejected", "Check whether the patient was treated with it."),
    (
        "II_REV_008",
        _REVIEW,
        "doses of several plans lie on the CT",
        "Decide which plan's dose was meant for treatment.",
    ),
    (
        "II_REV_009",
        _REVIEW,
        "objects are linked otherwise than by the UID they should name",
        "Check that they belong together, or say fallback_links: accept in the cohort file.",
    ),
    (
        "II_REV_010",
        _REVIEW,
        "linked objects have different frames of reference",
        "Check in the planning system that they belong to the same images.",
    ),
    (
        "II_REV_011",
        _REVIEW,
        "the plan is not in the cohort's table of approvals",
        "Add it to the table.",
    ),
    (
        "II_REV_012",
        _REVIEW,
        "the structure set was drawn on another CT, too, which is missing or was refused",
        "Check which CT is the planning CT.",
    ),
    (
        "II_REV_013",
        _REVIEW,
        "another plan for these structures has no dose in the archive",
        "Check whether the patient was treated with it, instead or in addition.",
    ),
    (
        "II_REV_014",
        _REVIEW,
        "a dose names another structure set than its plan",
        "Check in the planning system which structure set the dose belongs to.",
    ),
    ("II_NOTE_001", _NOTE, "a candidate was refused", "Its reason is in the table of verified objects."),
    (
        "II_NOTE_002",
        _NOTE,
        "objects are linked otherwise than by the UID they should name, which the cohort accepts",
        NOTHING_TO_DO,
    ),
    ("II_NOTE_003", _NOTE, "the approval of the plan is unknown", NOTHING_TO_DO),
    ("II_NOTE_004", _NOTE, "a dose refers to no plan", "Ask for a re-export of the dose with its plan."),
    ("II_NOTE_005", _NOTE, "a plan refers to no structure set", "Ask for a re-export of the plan."),
    ("II_NOTE_007", _NOTE, "a plan names further structure sets, which are not prepared", NOTHING_TO_DO),
    ("II_NOTE_006", _NOTE, "a structure set refers to no image series", "Ask for a re-export of the structure set."),
)
_RETRIEVAL = (
    ("XI_SUCC_001", _PROCEED, "the CT was retrieved and every byte checked", NOTHING_TO_DO),
    ("XII_SUCC_001", _PROCEED, "the CT volume was built", NOTHING_TO_DO),
    (
        "XII_EXEC_002",
        _EXCLUDED,
        "the CT slices do not form a regular volume (gaps, duplicates, uneven spacing, shear or differing directions)",
        "Ask for a re-export if slices are missing or doubled; ct_geometry: resample interpolates small gaps and tilt.",
    ),
    (
        "XII_NOTE_001",
        _NOTE,
        "the CT slices were interpolated to an even stack, as the cohort asks (ct_geometry: resample)",
        NOTHING_TO_DO,
    ),
    (
        "XII_NOTE_002",
        _NOTE,
        "pixels of the CT were once compressed with loss",
        "For textures and densities, ask for an export of the original pixels.",
    ),
    ("XIII_SUCC_001", _PROCEED, "the structure set was retrieved and every byte checked", NOTHING_TO_DO),
    ("XIV_SUCC_001", _PROCEED, "the structure masks were drawn", NOTHING_TO_DO),
    (
        "XIV_EXEC_002",
        _EXCLUDED,
        "no structure has a closed contour on the CT",
        "Check in the planning system that the structure set was drawn on this CT.",
    ),
    ("XIV_NOTE_001", _NOTE, "structures were flagged", "Their flags are in the table of structures."),
    (
        "XIV_NOTE_002",
        _NOTE,
        "structures that the cohort asks for by name have no closed contour",
        "Ask for a structure set in which they are drawn, if they are needed.",
    ),
    (
        "XIV_REV_001",
        _REVIEW,
        "a structure named left or right lies on the other side",
        "Check its name and contours in the planning system.",
    ),
    (
        "XIV_REV_002",
        _REVIEW,
        "none of the structures that the cohort asks for by name has a closed contour",
        "Ask for a structure set in which they are drawn.",
    ),
    (
        "XIV_REV_003",
        _REVIEW,
        "contours of a structure contradict one another, so that its volume and mask are doubtful",
        "Look at its contours in the planning system, and ask for a re-export if they were doubled.",
    ),
    ("XV_SUCC_001", _PROCEED, "the plan was retrieved and every byte checked", NOTHING_TO_DO),
    ("XVI_SUCC_001", _PROCEED, "the dose was retrieved and every byte checked", NOTHING_TO_DO),
)
_DOSE = (
    ("XXIV_SUCC_001", _PROCEED, "the planned dose was summed", NOTHING_TO_DO),
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
    ("XXIV_REV_001", _REVIEW, "doses that may each be the planned one differ", "Decide which dose is the planned one."),
    (
        "XXIV_REV_002",
        _REVIEW,
        "the doses cannot be summed (their summation types or fraction groups do not complete a plan)",
        "Ask for the dose of the whole plan (summation type PLAN).",
    ),
    (
        "XXIV_EXEC_004",
        _EXCLUDED,
        "no dose has a grid and usable units, dose type, frame of reference, summation type and values",
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
        "the dose has uneven planes or only one, and a NIfTI file cannot hold it",
        "The histograms are right, and dose_on_ct.nii.gz has it on the CT grid; else ask for a dose with even planes.",
    ),
    ("XXIV_NOTE_001", _NOTE, "of identical doses one was kept", NOTHING_TO_DO),
    ("XXIV_NOTE_002", _NOTE, "a dose was refused", "Its reason is in the table of plans."),
    (
        "XXIV_NOTE_003",
        _NOTE,
        "the doses of several plans were added, as the cohort asks (dose_sum: plans)",
        "Check that the plans were delivered one after the other, none in place of another.",
    ),
    (
        "XXIV_NOTE_004",
        _NOTE,
        "the dose is weighted for its biological effect, as the cohort asks (dose_type: EFFECTIVE)",
        NOTHING_TO_DO,
    ),
    ("XXIV_NOTE_005", _NOTE, "values a little below 0 Gy were taken as 0", NOTHING_TO_DO),
    (
        "XXIV_REV_006",
        _REVIEW,
        "the doses of several plans cannot be added",
        "Decide which plan is to be prepared, or ask for the dose of all plans together.",
    ),
    ("XXV_SUCC_001", _PROCEED, "the dose-volume histograms were computed", NOTHING_TO_DO),
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
    (
        "XXV_NOTE_002",
        _NOTE,
        "histograms differ from those of the planning system",
        "Compare them in dvh_comparison.parquet; end caps and small structures explain most differences.",
    ),
    (
        "XXV_NOTE_003",
        _NOTE,
        "doses in 2 Gy fractions (EQD2) could not be given",
        "The number of fractions is unknown, or several plans or fraction groups share the dose.",
    ),
    ("XXVI_SUCC_001", _PROCEED, "the pictures were drawn", NOTHING_TO_DO),
)

CODES: Mapping[str, Code] = MappingProxyType(
    {
        code: Code(code.split("_")[0], code, action, effect, meaning, remedy)
        for code, (action, effect), meaning, remedy in (*_INITIAL, *_STUDY, *_RETRIEVAL, *_DOSE)
    }
)
"""Every code, in order of the steps."""

LEGACY_ONLY = frozenset({"I_EXEC_002", "I_EXEC_007", "II_EXEC_003"})
"""PDCP's codes that only `pdcp export-legacy` writes."""

UNDECIDED = frozenset(
    {
        "I_REV_004",
        "II_REV_003",
        "II_REV_004",
        "II_REV_006",
        "II_REV_008",
        "XXIV_REV_001",
        "XXIV_REV_002",
        "XXIV_REV_006",
    }
)
"""Codes to review that leave nothing selected: several studies, CTs, plans or objects of one UID, or doses that no rule
sums.
"""
