"""The demo's patients about whom a person must decide.

What lives here: their specifications and the code of the doubt. What does not: the others (`demo_passing`,
`demo_excluded`).
"""

from __future__ import annotations

import datetime as dt

from pdcp_dagster.phantom.anatomy import roomy_spec, tiny_spec
from pdcp_dagster.phantom.demo_patient import DemoPatient, to_review
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned

_DUMMY_DATE = dt.date(1900, 1, 1)
_BOOST = PlanSpec(label="Boost", share=0.2)


def for_review(seed: int) -> tuple[DemoPatient, ...]:
    """Return all patients to review."""
    return (*_ambiguous(seed), *_loosely_linked(seed), *_choices(seed), *_doubtful(seed))


def _ambiguous(seed: int) -> tuple[DemoPatient, ...]:
    return (
        to_review(tiny_spec("P4", seed, slices=48), "II_REV_001", "The CT has 48 slices; more than 40 are unusual."),
        to_review(tiny_spec("P5", seed, studies=2), "I_REV_004", "Two studies, each with a complete plan."),
        to_review(
            tiny_spec("P6", seed, chains_per_study=2), "II_REV_003", "Two CTs in one study, each with a complete plan."
        ),
    )


def _loosely_linked(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients whose objects do not name all that they belong to."""
    names_structures = PlanSpec(doses=(DoseSpec(names="structure_set"),))
    names_nothing = PlanSpec(doses=(DoseSpec(names="nothing"),))
    return (
        to_review(
            tiny_spec("P21", seed, studies=planned(names_structures)),
            "II_REV_009",
            "The dose refers to the structure set and to no plan.",
        ),
        to_review(
            roomy_spec("P22", seed, studies=planned(names_nothing)),
            "II_REV_009",
            "The dose refers to nothing; it lies within the CT and has its frame of reference.",
        ),
        to_review(
            roomy_spec("P23", seed, studies=planned(PlanSpec(names_structure_set=False))),
            "II_REV_009",
            "The plan refers to no structure set; both have the CT's frame of reference.",
        ),
    )


def _choices(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients of whom no rule says which plan or dose was meant."""
    differing = PlanSpec(doses=(DoseSpec(), DoseSpec(share=0.9)))
    return (
        to_review(
            tiny_spec("P24", seed, studies=planned(PlanSpec(), _BOOST)),
            "II_REV_004",
            "Two approved plans, each with its dose: the course and a boost.",
        ),
        to_review(
            tiny_spec("P25", seed, studies=planned(differing)), "XXIV_REV_001", "Two doses of one plan, which differ."
        ),
    )


def _doubtful(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients whose images, names or dates raise a doubt."""
    return (
        to_review(
            tiny_spec("P26", seed, studies=(StudySpec(missing_slices=3),)),
            "II_REV_005",
            "The structures were drawn on 24 slices, of which the archive has 21.",
        ),
        to_review(
            tiny_spec("P27", seed, studies=(StudySpec(absent_tags=("StudyDate",)),)),
            "I_REV_006",
            "The study has no date, so whether it is recent enough cannot be told.",
        ),
        to_review(
            tiny_spec("P28", seed, studies=(StudySpec(date=_DUMMY_DATE),)),
            "I_REV_006",
            "The study is dated 1 January 1900, which is what anonymisers write.",
        ),
        to_review(
            tiny_spec("QA-17", seed),
            "I_REV_005",
            "The PatientID has a word of quality assurance, and no description has: perhaps a patient all the same.",
        ),
    )
