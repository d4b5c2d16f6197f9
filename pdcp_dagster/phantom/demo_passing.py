"""The demo's patients who pass, some of them in spite of appearances.

What lives here: their specifications. What does not: the others (`demo_review`, `demo_excluded`).
"""

from __future__ import annotations

from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.demo_patient import DemoPatient, passes
from pdcp_dagster.phantom.solids import ellipsoid, sphere
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi
from pdcp_dagster.phantom.study_spec import PlanSpec, StudySpec, planned

_TO_THE_FRONT = LinearDose(Axis.AP, at_mm=-36.0, dose_gy=50.0, gradient_gy_per_mm=-0.4)
_CT_ONLY = StudySpec(modalities=("CT",), description="Thorax diagnostic")
_MEASURED = PlanSpec(label="QA", intent="VERIFICATION")
_UNAPPROVED = StudySpec(plans=(PlanSpec(approval="UNAPPROVED"),))


def passing(seed: int) -> tuple[DemoPatient, ...]:
    """Return all patients who pass."""
    return (*_complete(seed), *_resolved(seed))


def _complete(seed: int) -> tuple[DemoPatient, ...]:
    return (
        passes(tiny_spec("P1", seed), "A complete plan; the dose grows towards the head."),
        passes(
            tiny_spec("P2", seed, dose=_TO_THE_FRONT, dose_bits=16),
            "A complete plan; the dose grows towards the front and is stored in 16 bits.",
        ),
        passes(
            tiny_spec("P3", seed, spare_structure_set=True),
            "Two structure sets on one CT; the plan uses one of them, the other is a draft.",
        ),
        passes(
            tiny_spec("P15", seed, rois=_awkward_rois("P15")),
            "Awkward structures: names with a slash or that differ in case only, a point, one that was never drawn.",
        ),
        passes(
            tiny_spec("../A B/ü", seed, patient_name="Müller^Änne"),
            "A PatientID that looks like a path, with a blank and an umlaut; a name is left beside it.",
        ),
        passes(tiny_spec("007", seed, dose=_TO_THE_FRONT), "A PatientID with leading zeros: it is not patient 7."),
        passes(tiny_spec("7", seed), "A PatientID that a number would make of 007."),
    )


def _resolved(seed: int) -> tuple[DemoPatient, ...]:
    """Return patients whose archive looks ambiguous or incomplete, and is not."""
    return (
        passes(
            tiny_spec("P16", seed, studies=(StudySpec(rt_in_another_study=True),)),
            "The structure set, plan and dose are in another study than their CT, and name each other by UID.",
        ),
        passes(
            tiny_spec("P17", seed, studies=(StudySpec(), _CT_ONLY)),
            "Two studies; the other one has a diagnostic CT only, so there is nothing to choose.",
        ),
        passes(
            tiny_spec("P18", seed, studies=planned(PlanSpec(), _MEASURED)),
            "Two plans; one of them was made for a verification measurement, not for treatment.",
        ),
        passes(tiny_spec("P19", seed, study_description=""), "The study description is empty, which excludes nobody."),
        passes(
            tiny_spec("P20", seed, studies=(StudySpec(), _UNAPPROVED)),
            "Two studies, each with a complete plan; only one of the plans is approved, and the cohort prefers that.",
        ),
    )


def _awkward_rois(patient_id: str) -> tuple[PhantomRoi, ...]:
    rois = tiny_rois(patient_id)
    first = len(rois) + 1
    return (
        *rois,
        PhantomRoi(first, "PTV/boost", sphere((44, -36, 6), 7), "PTV"),
        PhantomRoi(first + 1, "heart", ellipsoid((10, -20, -4), (14, 12), 24), "ORGAN"),
        PhantomRoi(first + 2, "Isocentre", interpreted_type="ISOCENTER", point_mm=(44.0, -36.0, 6.0)),
        PhantomRoi(first + 3, "Never drawn", interpreted_type="ORGAN"),
    )
