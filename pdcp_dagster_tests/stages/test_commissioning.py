"""A patient's DVHs beside those of a planning system that are known: equal, equal without end caps, and 5 % wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.parquet import read_table, read_table_metadata
from pdcp_dagster.domain.commissioning_tolerances import Tolerances
from pdcp_dagster.stages.commissioning import (
    COLUMNS,
    NO_HISTOGRAMS,
    commission_patient,
    commissioning_table,
    own_convention,
)
from pdcp_dagster.stages.commissioning_report import write_commissioning
from pdcp_dagster.stages.commissioning_result import Commissioned
from pdcp_dagster_tests.stages.conftest import Ward
from pdcp_dagster_tests.stages.planned_dvhs import (
    EQUAL,
    UNCAPPED,
    VOLUME_WITH_CAPS_CM3,
    VOLUME_WITHOUT_CAPS_CM3,
    WRONG,
    admit_planned,
)

DAY = dt.date(2026, 1, 31)
NOBODY_LISTENS = OrthancSettings(url="http://127.0.0.1:9")


def commissioned(ward: Ward, *patients: str, tolerances: Tolerances | None = None, **keys: Any) -> Commissioned:
    """Commission patients from the store alone; `keys` are keys of the cohort file."""
    settings, chosen = ward.settings(**keys), tolerances or Tolerances()
    with Orthanc(NOBODY_LISTENS) as archive:
        rows = [row for each in patients for row in commission_patient(ward.tasks[each], settings, archive, chosen)]
    return Commissioned(settings, chosen, DAY, commissioning_table(rows))


@pytest.fixture(scope="module")
def known(ward: Ward) -> Commissioned:
    admit_planned(ward, "CO-known", (EQUAL, UNCAPPED, WRONG), unknown=True)
    ward.run("CO-known")
    return commissioned(ward, "CO-known")


def row(found: Commissioned, roi: str, end_caps: str, interpolation: str = "linear") -> dict[str, Any]:
    (only,) = [
        each
        for each in found.records
        if (each["roi_name"], each["end_caps"], each["dose_interpolation"]) == (roi, end_caps, interpolation)
    ]
    return only


def test_each_roi_has_the_verdict_that_it_was_made_for(known: Commissioned) -> None:
    verdicts = {each["roi_name"]: (each["verdict"], each["reason"]) for each in known.shown}
    assert verdicts[EQUAL] == ("agrees", "")
    assert verdicts[UNCAPPED] == ("agrees by convention", "end caps")
    assert verdicts[WRONG][0] == "differs"
    assert "mean dose -2.00 Gy" in verdicts[WRONG][1]
    assert [each["reason"] for each in known.others] == ["the structure set has no such ROI"]


def test_every_number_is_that_of_the_closed_form(known: Commissioned) -> None:
    """D95 is a twentieth of the way from the lowest to the highest dose, D2 all of it but a fiftieth."""
    with_caps, without = row(known, UNCAPPED, "half_slice"), row(known, UNCAPPED, "none")
    assert with_caps["volume_cm3"] == pytest.approx(VOLUME_WITH_CAPS_CM3, rel=1e-4)
    assert with_caps["volume_difference_pct"] == pytest.approx(20, abs=0.01)
    assert without["volume_cm3"] == pytest.approx(VOLUME_WITHOUT_CAPS_CM3, rel=1e-4)
    for found, low, high in ((with_caps, 25.6, 54.4), (without, 28.0, 52.0)):
        ours = [found[name] for name in ("dmean_gy", "d95_gy", "d50_gy", "d2_gy")]
        reach = high - low
        assert ours == pytest.approx([40, low + 0.05 * reach, 40, low + 0.98 * reach], abs=0.06)
        assert found["tps_d95_gy"] == pytest.approx(29.2, abs=0.01)
        assert found["d95_difference_gy"] == pytest.approx(found["d95_gy"] - found["tps_d95_gy"])
    assert with_caps["dose_tolerance_gy"] == pytest.approx(0.005 * 52, rel=0.01)
    assert (with_caps["within_tolerance"], without["within_tolerance"]) == (False, True)


def test_a_dose_that_is_linear_is_the_same_with_cubic_interpolation(known: Commissioned) -> None:
    cubic, linear = row(known, EQUAL, "half_slice", "cubic"), row(known, EQUAL, "half_slice")
    assert cubic["within_tolerance"]
    assert cubic["dmean_gy"] == pytest.approx(linear["dmean_gy"], abs=0.01)
    assert (cubic["is_cohorts_own"], linear["is_cohorts_own"]) == (False, True)


def test_the_result_is_counted_and_the_better_convention_is_named(known: Commissioned) -> None:
    assert known.verdict == (
        "3 ROIs of 1 patient: 1 agree, 1 agree by convention, 1 differ; 1 ROI or patient could not be compared. "
        "No one convention explains all ROIs of: pdcp_dagster Synthetic 1. A system has but one: look at them."
    )
    assert {each.told: count for each, count in known.within.items()} == {
        "end_caps: half_slice, dose_interpolation: linear": 1,
        "end_caps: none, dose_interpolation: linear": 1,
        "end_caps: half_slice, dose_interpolation: cubic": 1,
        "end_caps: none, dose_interpolation: cubic": 1,
    }
    assert known.advice == ""
    assert not known.is_explained
    (system,) = known.systems
    assert system.startswith("pdcp_dagster Synthetic")


def test_by_the_cohorts_own_convention_what_was_explained_agrees(ward: Ward, known: Commissioned) -> None:
    """Made anew without end caps; then what has them is explained by them."""
    ward.run("CO-known", dvh={"end_caps": "none"})
    found = commissioned(ward, "CO-known", dvh={"end_caps": "none"})
    ward.run("CO-known")
    verdicts = {each["roi_name"]: (each["verdict"], each["reason"]) for each in found.shown}
    assert (verdicts[UNCAPPED], verdicts[EQUAL]) == (("agrees", ""), ("agrees by convention", "end caps"))
    assert own_convention(found.settings) != own_convention(known.settings)


def test_wide_tolerances_forgive_and_are_in_the_report(ward: Ward, known: Commissioned, tmp_path: Path) -> None:
    wide = commissioned(ward, "CO-known", tolerances=Tolerances(dose_pct=10, curve_pct=30, volume_pct=30))
    assert wide.counts["agrees"] == 3
    assert wide.is_explained
    assert known.counts["agrees"] == 1
    folder = write_commissioning(wide, tmp_path)
    assert read_table_metadata(folder / "commissioning.parquet")["dose_pct"] == "10"
    assert "10 % of the ROI" in (folder / "commissioning.html").read_text()


def test_who_has_no_histograms_was_never_run_or_is_excluded_is_told_why(ward: Ward) -> None:
    admit_planned(ward, "CO-none", ())
    ward.run("CO-none")
    ward.admit("CO-never")
    ward.admit("CO-plain", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    ward.run("CO-plain")
    found = commissioned(ward, "CO-none", "CO-never", "CO-plain")
    reasons = {each["patient"]: each["reason"] for each in found.others}
    assert (reasons["CO-none"], reasons["CO-never"]) == (NO_HISTOGRAMS, "Not run yet.")
    assert reasons["CO-plain"].startswith("Excluded: no RTDOSE")
    assert (len(found.rois), found.failed, found.patients) == (0, 0, 0)


def test_a_file_that_cannot_be_read_is_a_failure_of_its_patient_alone(ward: Ward, known: Commissioned) -> None:
    admit_planned(ward, "CO-damaged", (EQUAL,))
    ward.run("CO-damaged")
    (dose,) = (ward.folder("CO-damaged").path / "dicom" / "RTDOSE").glob("*.dcm")
    dose.write_bytes(b"no DICOM")
    found = commissioned(ward, "CO-damaged", "CO-known", dvh={"end_caps": "half_slice"})
    assert found.failed == 1
    assert not found.is_explained
    assert len(found.rois) == len(known.rois)
    assert "1 patient could not be read." in found.verdict


def test_the_table_is_a_row_per_roi_and_convention(known: Commissioned, tmp_path: Path) -> None:
    folder = write_commissioning(known, tmp_path)
    table = read_table(folder / "commissioning.parquet")
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 3 * 4 + 1
    pd.testing.assert_frame_equal(table, known.table)
    about = read_table_metadata(folder / "commissioning.parquet")
    assert (about["cohort"], about["date"], about["verdict"]) == ("ward", "2026-01-31", known.verdict)


def test_a_second_report_of_a_day_leaves_the_first_alone(known: Commissioned, tmp_path: Path) -> None:
    folders = [write_commissioning(known, tmp_path / "commissioning") for _ in range(3)]
    assert [folder.name for folder in folders] == ["2026-01-31", "2026-01-31-2", "2026-01-31-3"]
    assert all((folder / "commissioning.html").is_file() for folder in folders)


def test_the_page_says_who_when_with_what_and_is_the_same_again(known: Commissioned, tmp_path: Path) -> None:
    pages = [(write_commissioning(known, tmp_path) / "commissioning.html").read_text() for _ in range(2)]
    assert pages[0] == pages[1]
    cohort = known.settings.cohort
    for told in ("2026-01-31", "CO-known", known.settings.software_version, cohort.config_hash(), EQUAL, "end caps"):
        assert told in pages[0]
    assert pages[0].index(f"{WRONG} ·") < pages[0].index(f"{UNCAPPED} ·") < pages[0].index(f"{EQUAL} ·")


def test_a_page_of_a_cohort_that_hides_patient_ids_shows_the_key(known: Commissioned, tmp_path: Path) -> None:
    cohort = known.settings.cohort.model_copy(update={"partition_key": "orthanc_id"})
    table = known.table.assign(partition_key="a1b2-c3d4")
    hidden = replace(known, settings=replace(known.settings, cohort=cohort), table=table)
    page = (write_commissioning(hidden, tmp_path) / "commissioning.html").read_text()
    assert "CO-known" not in page
    assert "a1b2-c3d4" in page
