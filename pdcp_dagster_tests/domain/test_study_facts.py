"""What the report tells of a study: read off the selected objects alone, unknown where nothing is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.domain.selection import SelectedObject, Selection
from pdcp_dagster.domain.study_facts import DATES, dates_status, study_facts

PLANNED = dt.date(2014, 12, 22)
COLUMNS = (
    *("instance_identifier", "study_date", "acquisition_date", "series_date", "structure_set_date", "rt_plan_date"),
    *("instance_creation_date", "pixel_spacing", "manufacturer", "manufacturer_model_name", "slice_thickness", "kvp"),
    *("convolution_kernel", "patient_position"),
)


def chosen(name: str) -> SelectedObject:
    return SelectedObject(sop_instance_uid=f"1.{name}", series_instance_uid="1.2", orthanc_id=name, file_size=10)


SELECTION = Selection(
    "1.2.3", "1.2", "1.9", (chosen("ct0"), chosen("ct1")), (chosen("rs"),), (chosen("rp"),), (chosen("rd"),)
)


def summary(**changed: dict[str, Any]) -> pd.DataFrame:
    rows: dict[str, dict[str, Any]] = {
        "ct0": {
            "study_date": PLANNED,
            "acquisition_date": PLANNED - dt.timedelta(days=3),
            "pixel_spacing": [0.98, 0.98],
        },
        "ct1": {"manufacturer": "GE", "manufacturer_model_name": "LightSpeed", "kvp": 120.0, "slice_thickness": 2.5},
        "rs": {"structure_set_date": PLANNED},
        "rp": {"rt_plan_date": PLANNED + dt.timedelta(days=4)},
        "rd": {"series_date": PLANNED + dt.timedelta(days=5)},
        "of another study": {"study_date": dt.date(2001, 1, 1), "manufacturer": "Siemens"},
    }
    for name, cells in changed.items():
        rows[name] |= cells
    return pd.DataFrame([{**dict.fromkeys(COLUMNS), "instance_identifier": name, **row} for name, row in rows.items()])


def test_the_facts_are_those_of_the_selected_objects() -> None:
    facts = study_facts(summary(), SELECTION)
    assert facts["study_date"] == "2014-12-22"
    assert facts["ct_date"] == "2014-12-19"
    assert facts["structure_set_date"] == "2014-12-22"
    assert facts["plan_date"] == "2014-12-26"
    assert facts["dose_date"] == "2014-12-27"
    assert facts["ct_to_plan_days"] == 7
    assert facts["dates_status"] == "complete"
    assert facts["scanner"] == "GE LightSpeed"
    assert (facts["ct_slices"], facts["rtstructs"], facts["plans"], facts["doses"]) == (2, 1, 1, 1)
    assert (facts["pixel_mm"], facts["slice_thickness_mm"], facts["kvp"]) == (0.98, 2.5, 120.0)


def test_without_a_selection_there_are_no_facts() -> None:
    assert study_facts(summary(), None) == {}


def test_a_missing_date_is_named_and_counts_no_days() -> None:
    facts = study_facts(summary(rp={"rt_plan_date": None}), SELECTION)
    assert facts["dates_status"] == "missing: plan_date"
    assert "plan_date" not in facts
    assert "ct_to_plan_days" not in facts


def test_what_the_linkage_does_not_ask_for_is_not_missing() -> None:
    """CR: CT and structure set alone; CRD: a dose, and no plan."""
    without_plan = replace(SELECTION, rtplans=())
    facts = study_facts(summary(), without_plan)
    assert facts["dates_status"] == "complete"
    assert {"plans", "plan_date", "ct_to_plan_days"} & set(facts) == set()
    assert (facts["doses"], facts["dose_date"]) == (1, "2014-12-27")
    facts = study_facts(summary(rs={"structure_set_date": None}), replace(without_plan, rtdoses=()))
    assert facts["dates_status"] == "missing: structure_set_date"
    assert {"plans", "doses", "plan_date", "dose_date"} & set(facts) == set()


def test_the_study_date_is_the_cts_whatever_study_plan_and_dose_lie_in() -> None:
    later = PLANNED + dt.timedelta(days=30)
    facts = study_facts(
        summary(rs={"study_date": later}, rp={"study_date": later}, rd={"study_date": later}), SELECTION
    )
    assert facts["study_date"] == "2014-12-22"
    assert facts["plan_date"] == "2014-12-26"


@pytest.mark.parametrize("year", [1900, 1901])
def test_an_anonymisers_dummy_date_is_named_and_counts_no_days(year: int) -> None:
    facts = study_facts(summary(rp={"rt_plan_date": dt.date(year, 1, 1)}), SELECTION)
    assert facts["dates_status"] == "dummy: plan_date"
    assert "ct_to_plan_days" not in facts


def test_missing_and_dummy_dates_are_told_apart() -> None:
    dates: dict[str, dt.date | None] = dict.fromkeys(DATES, PLANNED)
    dates |= {"ct_date": None, "dose_date": dt.date(1900, 1, 1)}
    assert dates_status(dates) == "missing: ct_date; dummy: dose_date"
