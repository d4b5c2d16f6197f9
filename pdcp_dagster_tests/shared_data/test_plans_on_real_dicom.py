"""The table of plans on real RTPLANs and RTDOSEs, against what their tags say when read by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtplan import read_plan
from pdcp_dagster.domain.dose import combine_doses
from pdcp_dagster.domain.plan_rows import PLAN_COLUMNS, Row, rows_of_doses

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]


def row_of(folder: str, plan_file: str, dose_file: str) -> Row:
    plan, dose = read_plan(DATA / folder / plan_file), read_dose(DATA / folder / dose_file)
    (row,) = rows_of_doses([dose], [plan], combine_doses([dose], plan))
    assert set(row) == set(PLAN_COLUMNS)
    return row


def told(row: Row, *columns: str) -> tuple[object, ...]:
    return tuple(row[column] for column in columns)


def test_an_unapproved_photon_plan_of_four_beams_in_seven_fractions() -> None:
    """Metersets of 97, 87, 89 and 94; two TARGET references, of which one is a point."""
    row = row_of("eclipse-breast", "rtplan.dcm", "rtdose.dcm")
    assert told(row, "label", "date", "intent", "approval_status") == ("B1", dt.date(1901, 1, 1), None, "UNAPPROVED")
    assert told(row, "fraction_groups", "fractions_planned") == (1, 7)
    assert told(row, "prescription_gy", "prescription_source") == (14.0, "plan_target")
    assert told(row, "treatment_beams", "setup_beams", "energies") == (4, 0, [6.0, 10.0])
    assert told(row, "radiation_type", "technique", "machine") == ("PHOTON", "DYNAMIC", "txmachine")
    assert row["isocentres_mm"] == pytest.approx([72.5304715048, -304.3445582552, -9.3092401018882])
    assert row["meterset"] == pytest.approx(97 + 87 + 89 + 94)
    assert told(row, "summation_type", "dose_type", "dose_units", "verdict") == ("PLAN", "PHYSICAL", "GY", "selected")
    assert row["rtstruct_uid"] == "1.2.246.352.71.4.320687012.3190.20090511122144"
    assert row["grid_spacing_mm"] == pytest.approx([2.5, 2.5, 3.0])


def test_a_plan_that_prescribes_nothing_has_no_prescription_whatever_its_beams_say() -> None:
    """Eight beams, 28 fractions; metersets of 130, 31, 50, 53, 45, 177 and twice nothing; 55.8725 Gy at most."""
    row = row_of("pinnacle-plan-dose", "RTPLAN.dcm", "RTDOSE.dcm")
    assert told(row, "label", "name", "approval_status") == ("Plan_0.0", "LIVE", None)
    assert told(row, "prescription_gy", "prescription_source") == (None, None)
    assert told(row, "fractions_planned", "treatment_beams", "setup_beams") == (28, 8, 0)
    assert row["meterset"] == pytest.approx(130 + 31 + 50 + 53 + 45 + 177)
    assert row["maximum_gy"] == pytest.approx(55.8725, abs=1e-4)
    assert row["grid_spacing_mm"] == pytest.approx([4, 4, 4])


def test_a_target_that_is_a_point_is_told_as_the_largest_and_not_as_the_prescription() -> None:
    plan = read_plan(DATA / "pydicom-tiny-rt" / "rtplan.dcm")
    (row,) = rows_of_doses([], [plan], combine_doses([], plan))
    assert told(row, "prescription_gy", "prescription_source") == (30.826203, "largest TARGET reference")
    assert told(row, "fractions_planned", "treatment_beams", "technique", "energies") == (30, 1, "STATIC", [6.0])


def test_an_ion_plan_cut_down_to_its_header_is_a_row_of_unknowns() -> None:
    plan = read_plan(DATA / "pydicom-tiny-rt" / "ExplVR_LitEndNoMeta.dcm")
    (row,) = rows_of_doses([], [plan], combine_doses([], plan))
    assert told(row, "sop_class", "tps", "intent") == ("RT Ion Plan Storage", "CMS, Inc. XiO 5.00.02", "CURATIVE")
    assert told(row, "treatment_beams", "radiation_type", "fractions_planned") == (0, None, None)
