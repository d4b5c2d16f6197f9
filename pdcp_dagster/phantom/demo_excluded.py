"""The demo's patients who do not count, and the one who cannot be read.

What lives here: their specifications and the code of the exclusion. What does not: the others (`demo_passing`,
`demo_review`).
"""

from __future__ import annotations

import datetime as dt

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import roomy_spec, tiny_spec
from pdcp_dagster.phantom.demo_patient import DemoPatient, is_excluded
from pdcp_dagster.phantom.solids import cylinder, ellipsoid
from pdcp_dagster.phantom.spec import MODALITIES, Axis, LinearDose, PhantomRoi
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned

_THRICE = LinearDose(Axis.SI, at_mm=6.0, dose_gy=150.0, gradient_gy_per_mm=2.4)
_TOO_EARLY = dt.date(2009, 6, 15)


def excluded(seed: int) -> tuple[DemoPatient, ...]:
    """Return all patients who do not count."""
    return (*_out_of_place(seed), *_out_of_bounds(seed), *_not_for_treatment(seed))


def failing(seed: int) -> DemoPatient:
    """Return the patient who cannot be read."""
    return DemoPatient(
        tiny_spec("P14", seed),
        Status.FAILED,
        None,
        "A stored CT slice is damaged: the patient is complete, but cannot be read until the file is mended.",
        damaged=True,
    )


def _out_of_place(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients who belong elsewhere, or of whom something is not there."""
    without_dose = tuple(modality for modality in MODALITIES if modality != "RTDOSE")
    return (
        is_excluded(
            tiny_spec("P7", seed, series_description="Catphan QA phantom"),
            "I_EXEC_004",
            "Every series is of a quality assurance phantom.",
        ),
        is_excluded(tiny_spec("P8", seed, modalities=without_dose), "I_EXEC_005", "There is no RTDOSE."),
        is_excluded(
            tiny_spec("P9", seed, study_description="Lung SBRT"),
            "I_EXEC_006",
            "The study description names an organ that the cohort excludes.",
        ),
        is_excluded(
            tiny_spec("P10", seed, rois=_rois_without_keyword()),
            "I_EXEC_005",
            "No ROI's name contains a keyword of the cohort, so no structure set counts.",
        ),
        is_excluded(
            tiny_spec("P11", seed, drawn_elsewhere=True),
            "II_EXEC_002",
            "The structures were drawn on a CT that is not in the archive.",
        ),
    )


def _out_of_bounds(seed: int) -> tuple[DemoPatient, ...]:
    return (
        is_excluded(tiny_spec("P12", seed, dose=_THRICE), "XXIV_EXEC_003", "The dose maximum is above 120 Gy."),
        is_excluded(
            tiny_spec("P13", seed, slices=8),
            "II_EXEC_002",
            "The CT has 8 slices, fewer than 10, and no other CT is linked.",
        ),
        is_excluded(
            tiny_spec("P29", seed, studies=(StudySpec(date=_TOO_EARLY),)),
            "I_EXEC_008",
            "The study is of 2009; the cohort begins in 2010.",
        ),
    )


def _not_for_treatment(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients of whom no plan or dose may be used."""
    adrift = PlanSpec(doses=(DoseSpec(names="nothing", in_another_frame=True),))
    return (
        is_excluded(
            roomy_spec("P30", seed, studies=planned(adrift)),
            "II_EXEC_002",
            "The dose refers to nothing and has another frame of reference than the CT.",
        ),
        is_excluded(
            tiny_spec("P31", seed, studies=planned(PlanSpec(label="QA", intent="VERIFICATION"))),
            "II_EXEC_002",
            "The only plan was made for a verification measurement, not for treatment.",
        ),
        is_excluded(
            tiny_spec("P32", seed, studies=planned(PlanSpec(approval="REJECTED"))),
            "II_EXEC_004",
            "The only plan was rejected.",
        ),
    )


def _rois_without_keyword() -> tuple[PhantomRoi, ...]:
    return (
        PhantomRoi(1, "BODY", cylinder((0, 0, 0), (84, 64), 72), "EXTERNAL", hu=0.0),
        PhantomRoi(2, "SpinalCord", cylinder((0, 42, 0), (6, 6), 72), "ORGAN", hu=30.0),
        PhantomRoi(3, "Liver", ellipsoid((-44, -6, -16), (26, 24), 36), "ORGAN", hu=60.0),
    )
