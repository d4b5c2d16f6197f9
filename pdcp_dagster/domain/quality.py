"""The quality checks: each one's name, what it is of, and what it means to a clinician.

What lives here: the list of them, and what a rule comes to. What does not: the rules (`quality_linkage`,
`quality_structures`, `quality_dose`, `quality_cohort`, `quality_drift`), or what a cohort file says of them
(`quality_settings`).

A check keeps nobody back and never says anything else than the codes do; what must be decided before a patient counts
is a code. Where nothing could be looked at there is no judgement, which is neither passed nor failed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(enum.StrEnum):
    """How grave it is where a check does not pass; OFF: it is not made."""

    WARN = "warn"
    ERROR = "error"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one check: said is a sentence for a clinician, with figures and names, the gravest first."""

    passed: bool
    said: str


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One check.

    name: part of the contract.
    asset: what it is told of.
    description: what it means where it passes.
    severity: where the cohort file says nothing else. WARN is about the data, ERROR about the work done on them.
    """

    name: str
    asset: str
    description: str
    severity: Severity = Severity.WARN


IDENTIFIERS_REMOVED = "identifiers_removed"
LINKAGE_UNAMBIGUOUS = "linkage_unambiguous"
CT_SPACING_REGULAR = "ct_spacing_regular"
ROI_NAMES_UNIQUE = "roi_names_unique"
KEYWORD_ROI_PRESENT = "keyword_roi_present"
CONTOURS_INSIDE_CT = "contours_inside_ct"
STRUCTURE_NAMES_MAPPED = "structure_names_mapped"
DOSE_MAXIMUM_PLAUSIBLE = "dose_maximum_plausible"
DOSE_COVERS_TARGETS = "dose_covers_targets"
AGREES_WITH_PLANNING_SYSTEM = "dvh_agrees_with_planning_system"
PICTURES_PRESENT = "pictures_present"
EXCLUSIONS_WITHIN_LIMIT = "exclusions_within_limit"
FAILURES_WITHIN_LIMIT = "failures_within_limit"
NO_CODE_SUDDENLY_DOMINATES = "no_code_suddenly_dominates"
NO_MISSING_DATA_DRIFT = "no_missing_data_drift"

COHORT_REPORT = "cohort_report"
PATIENT_CHECKS: tuple[QualityCheck, ...] = (
    QualityCheck(
        IDENTIFIERS_REMOVED,
        "image_summary",
        "No name and no full birth date of a person is left in the archive.",
    ),
    QualityCheck(
        LINKAGE_UNAMBIGUOUS,
        "verified_study",
        "The selected objects are the only ones that belong together, each linked by the UID that it names; or a "
        "person chose them.",
    ),
    QualityCheck(
        CT_SPACING_REGULAR,
        "ct_volume",
        "The CT slices lie at equal steps, one over the other, so that none had to be interpolated.",
    ),
    QualityCheck(
        ROI_NAMES_UNIQUE,
        "structure_masks",
        "No two ROIs of a structure set have the same name, upper and lower case aside.",
    ),
    QualityCheck(
        KEYWORD_ROI_PRESENT,
        "structure_masks",
        "At least one ROI that the cohort asks for by name (roi_keywords) was drawn on this CT.",
    ),
    QualityCheck(
        CONTOURS_INSIDE_CT,
        "structure_masks",
        "All contours lie within the CT, those of couch, bolus, fixation and isodoses aside.",
    ),
    QualityCheck(
        STRUCTURE_NAMES_MAPPED,
        "structure_masks",
        "Every ROI has one standard name by the cohort's map (structure_names), and no two have the same.",
    ),
    QualityCheck(
        DOSE_MAXIMUM_PLAUSIBLE,
        "dose_volume",
        "The highest dose is within the cohort's bounds (dose_max_gy) and fits the plan's prescription "
        "(checks.dose_maximum_pct).",
    ),
    QualityCheck(
        DOSE_COVERS_TARGETS,
        "dvh_table",
        "Every target lies within the dose grid and, where its prescription is known, gets enough of it: D95 against "
        "checks.target_d95_pct.",
    ),
    QualityCheck(
        AGREES_WITH_PLANNING_SYSTEM,
        "dvh_table",
        "The dose-volume histograms agree with those that the planning system wrote into its RTDOSE, where it did. "
        "What differs, and by how much, is in dvh_comparison.parquet.",
    ),
    QualityCheck(
        PICTURES_PRESENT,
        "central_slices",
        "Every ROI with a mask has its picture file.",
        Severity.ERROR,
    ),
)
"""Those of each patient, in the order of the stages."""
COHORT_CHECKS: tuple[QualityCheck, ...] = (
    QualityCheck(
        EXCLUSIONS_WITHIN_LIMIT,
        COHORT_REPORT,
        "No larger share of the patients is excluded than checks.excluded_at_most_pct.",
    ),
    QualityCheck(
        FAILURES_WITHIN_LIMIT,
        COHORT_REPORT,
        "No larger share of the patients failed (could not be read, server, disk) than checks.failed_at_most_pct.",
        Severity.ERROR,
    ),
    QualityCheck(
        NO_CODE_SUDDENLY_DOMINATES,
        COHORT_REPORT,
        "Among the patients whose result is new since an earlier report, no code that excludes or asks for a person is "
        "at once had by most (checks.code_at_most_pct) and by more than before, beyond chance.",
    ),
    QualityCheck(
        NO_MISSING_DATA_DRIFT,
        COHORT_REPORT,
        "No month of study dates has more patients whose archive lacks something than the other months, beyond chance.",
    ),
)
"""Those over all patients."""
CHECKS: Mapping[str, QualityCheck] = MappingProxyType(
    {check.name: check for check in (*PATIENT_CHECKS, *COHORT_CHECKS)}
)
"""Every check by its name."""
