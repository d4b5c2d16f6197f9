"""What the table of plans tells of each plan and dose."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdcp_dagster.domain.dose import combine_doses
from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.plan import Beam, Brachytherapy, DoseReference, FractionGroup, RtPlan
from pdcp_dagster.domain.plan_rows import PLAN_COLUMNS, Row, rows_from_tags, rows_of_doses
from pdcp_dagster.domain.plan_sum import sum_plans
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster_tests.domain.image_rows import Archive

ISO, OFF = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
PLAN = RtPlan(
    "plan",
    label="B1",
    name="Breast",
    date=dt.date(2024, 2, 29),
    intent="CURATIVE",
    approval_status="APPROVED",
    sop_class="RT Plan Storage",
    manufacturer="Maker",
    model="TPS",
    software_versions="1.0",
    structure_set_uids=("ss",),
    dose_references=(
        DoseReference(1, "SITE", "TARGET", None, 50.0),
        DoseReference(2, "POINT", "ORGAN_AT_RISK", None, 9),
    ),
    beams=(
        Beam(1, "AP", "PHOTON", "STATIC", "TREATMENT", "L1", (10.0, 6.0), ISO),
        Beam(2, "ARC", "PHOTON", "DYNAMIC", None, "L1", (6.0,), ISO, gantry_rotates=True),
        Beam(3, "e-", "ELECTRON", "STATIC", "TREATMENT", "L2", (12.0,), OFF),
        Beam(4, "kV", "PHOTON", "STATIC", "SETUP", "CBCT", (0.12,), (9.0, 9.0, 9.0)),
    ),
    fraction_groups=(
        FractionGroup(1, 25, ((1, 1.0),), ((1, 100.0), (2, 50.5), (4, 5.0))),
        FractionGroup(2, 5, (), ((3, 200.0),)),
    ),
)
NO_BEAMS: dict[str, Any] = {"treatment_beams": 0, "setup_beams": 0, "energies": [], "isocentres_mm": []}


def dose(uid: str, *of: str, gy: float = 50.0, **changes: Any) -> RtDose:
    """Return a uniform dose of 2 x 3 x 4 voxels, 2 mm wide, 3 mm high and at 0, 5, 10 and 20 mm."""
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    grid = DoseGrid((0, 0, 0), axes, (2, 3), np.array([0.0, 5.0, 10.0, 20.0]), np.full((4, 3, 2), gy, np.float32))
    told = {"max_gy": gy, "heterogeneity_correction": ("IMAGE",), **changes}
    return RtDose(uid, told.pop("grid", grid), "PLAN", "PHYSICAL", "GY", "frame", of, **told)


def row_of(plan: RtPlan) -> Row:
    (row,) = rows_of_doses([dose("d", plan.sop_instance_uid)], [plan], combine_doses([dose("d", "plan")], plan))
    return row


def test_every_column_of_the_contract_comes_from_the_plan_or_its_dose() -> None:
    assert row_of(PLAN) == {
        "plan_uid": "plan",
        "label": "B1",
        "name": "Breast",
        "date": dt.date(2024, 2, 29),
        "intent": "CURATIVE",
        "approval_status": "APPROVED",
        "sop_class": "RT Plan Storage",
        "tps": "Maker TPS 1.0",
        "fraction_groups": 2,
        "fractions_planned": 30,
        "prescription_gy": 50.0,
        "prescription_source": "plan_target",
        "treatment_beams": 3,
        "setup_beams": 1,
        "radiation_type": "ELECTRON, PHOTON",
        "energies": [6.0, 10.0, 12.0],
        "technique": "DYNAMIC ARC, STATIC",
        "machine": "L1, L2",
        "isocentres_mm": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "meterset": 350.5,
        "dose_uid": "d",
        "summation_type": "PLAN",
        "dose_type": "PHYSICAL",
        "dose_units": "GY",
        "heterogeneity_correction": "IMAGE",
        "grid_spacing_mm": [2, 3, 5.0],
        "maximum_gy": 50.0,
        "rtstruct_uid": "ss",
        "verdict": "selected",
        "reason": "summed: one PLAN dose as it is",
    }
    assert set(row_of(PLAN)) == set(PLAN_COLUMNS)


def test_a_plan_that_says_nothing_is_a_row_of_unknowns() -> None:
    row = row_of(RtPlan("plan"))
    told = {name: row[name] for name in list(PLAN_COLUMNS)[:20] if row[name] is not None}
    assert told == {"plan_uid": "plan", "fraction_groups": 0, **NO_BEAMS}


@pytest.mark.parametrize(
    ("said", "technique"),
    [(Brachytherapy("HDR", "INTRACAVITARY", "Source"), "HDR INTRACAVITARY"), (Brachytherapy(), "BRACHY")],
)
def test_a_plan_without_beams_and_with_application_setups_is_brachytherapy(said: Brachytherapy, technique: str) -> None:
    row = row_of(RtPlan("plan", brachytherapy=said))
    assert (row["radiation_type"], row["technique"], row["machine"]) == ("BRACHY", technique, said.machine)
    assert row["treatment_beams"] == 0


def test_fractions_are_unknown_where_a_group_does_not_say() -> None:
    plan = RtPlan("plan", fraction_groups=(FractionGroup(1, 25), FractionGroup(2, None)))
    assert (row_of(plan)["fraction_groups"], row_of(plan)["fractions_planned"]) == (2, None)


@pytest.mark.parametrize(
    ("references", "prescription"),
    [
        ((DoseReference(1, "VOLUME", "TARGET", 4, 56), DoseReference(2, "VOLUME", "TARGET", 5, 70)), 70),
        ((DoseReference(1, "COORDINATES", "TARGET", None, 30.8),), 30.8),
    ],
)
def test_of_several_targets_the_largest_dose_is_told_and_called_so(
    references: tuple[DoseReference, ...], prescription: float
) -> None:
    row = row_of(RtPlan("plan", dose_references=references))
    assert (row["prescription_gy"], row["prescription_source"]) == (prescription, "largest TARGET reference")


@pytest.mark.parametrize(
    "references", [(), (DoseReference(1, "SITE", "TARGET", None, None),), (DoseReference(1, None, None, None, 50),)]
)
def test_a_prescription_that_is_not_said_has_no_source(references: tuple[DoseReference, ...]) -> None:
    row = row_of(RtPlan("plan", dose_references=references))
    assert (row["prescription_gy"], row["prescription_source"]) == (None, None)


def test_a_dose_without_a_grid_has_a_row_with_the_reason() -> None:
    doses = [dose("d", "plan", grid=None, max_gy=None)]
    (row,) = rows_of_doses(doses, [PLAN], combine_doses(doses, PLAN))
    assert (row["grid_spacing_mm"], row["maximum_gy"], row["verdict"]) == (None, None, "refused")
    assert "it holds no dose grid" in row["reason"]


def test_without_a_plan_a_dose_is_told_with_the_plan_that_it_names() -> None:
    doses = [dose("d", "somewhere")]
    (row,) = rows_of_doses(doses, [], combine_doses(doses, None))
    assert (row["plan_uid"], row["dose_uid"], row.get("label")) == ("somewhere", "d", None)


def test_a_selected_plan_without_a_dose_still_has_a_row() -> None:
    (row,) = rows_of_doses([], [PLAN], combine_doses([], PLAN))
    assert (row["plan_uid"], row["label"], row["verdict"]) == ("plan", "B1", "selected")
    assert row.get("dose_uid") is None


def test_of_several_plans_each_is_told_with_its_own_dose() -> None:
    boost = RtPlan("boost", label="B2")
    doses = [dose("d1", "plan"), dose("d2", "boost", gy=16)]
    rows = rows_of_doses(doses, [PLAN, boost], sum_plans(doses, [PLAN, boost]).decision)
    assert [(row["label"], row["dose_uid"], row["maximum_gy"]) for row in rows] == [("B1", "d1", 50), ("B2", "d2", 16)]
    assert {row["reason"] for row in rows} == {"summed: sum of the doses of 2 plans"}


def test_the_dose_of_several_plans_together_is_told_beside_the_plans() -> None:
    boost = RtPlan("boost", label="B2")
    doses = [replace(dose("both", "plan", "boost", gy=66), summation_type="MULTI_PLAN")]
    rows = rows_of_doses(doses, [PLAN, boost], sum_plans(doses, [PLAN, boost]).decision)
    told = [(row["plan_uid"], row.get("label"), row.get("dose_uid"), row["verdict"]) for row in rows]
    assert told == [
        ("plan", "B1", None, "selected"),
        ("boost", "B2", None, "selected"),
        ("boost, plan", None, "both", "selected"),
    ]


def from_tags(archive: Archive, role: str = "RTPLAN", **cohort: Any) -> list[Row]:
    return rows_from_tags(summarise(archive.rows), archive.verified(**cohort).verified, role)


@pytest.mark.parametrize(
    ("planned", "total"), [(("25", "8"), 33), (("25", None), None), (("25", "0"), None), ((), None)]
)
def test_tags_tell_fractions_by_the_same_rule_as_files(planned: tuple[str | None, ...], total: int | None) -> None:
    groups = [{"NumberOfFractionsPlanned": count} if count else {"FractionGroupNumber": "1"} for count in planned]
    archive = Archive().complete().plan("qa", PlanIntent="VERIFICATION", FractionGroupSequence=groups)
    (row,) = from_tags(archive)
    assert (row["plan_uid"], row["fraction_groups"], row["fractions_planned"]) == ("qa", len(planned), total)


def test_a_plan_without_doses_has_a_row_with_the_reason() -> None:
    (row,) = from_tags(Archive().complete().plan("early", prescribed_gy=50.4))
    assert (row["plan_uid"], row["verdict"], row["reason"]) == ("early", "refused", "no RTDOSE refers to it")
    assert (row["prescription_gy"], row["prescription_source"]) == (50.4, "largest TARGET reference")


def test_the_table_has_the_types_of_the_contract() -> None:
    table = pd.DataFrame([row_of(PLAN), row_of(RtPlan("plan"))], columns=list(PLAN_COLUMNS)).astype(PLAN_COLUMNS)
    assert {str(name): str(kind) for name, kind in table.dtypes.items()} == PLAN_COLUMNS
