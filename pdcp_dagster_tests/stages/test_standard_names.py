"""A patient's ROIs by the cohort's map: in every table, with its version; made anew where the map changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.circumstances import CohortTables
from pdcp_dagster.domain.quality import STRUCTURE_NAMES_MAPPED
from pdcp_dagster.domain.structure_names import StructureNameMap
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.currency import look_at
from pdcp_dagster.stages.outcome import Check, PatientOutcome
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable
from pdcp_dagster_tests.stages.conftest import Ward
from pdcp_dagster_tests.stages.test_dvh_stage import with_planning_dvhs

# The ward's patients have BODY, PTV_50, CTV and Lung_L.
MAP: dict[str, Any] = {
    "version": "ward names 1",
    "exact": {"lung_l": "Lung_L", "ctv": "CTV"},
    "patterns": [{"match": r"ptv_(?P<dose>\d\d)", "name": "PTV_{dose}Gy"}],
    "ignore": ["body"],
}
WITH_NAMES = ["structure_masks", "dvh_table", "central_slices"]


def settings_of(ward: Ward, changes: dict[str, Any] | None, **keys: Any) -> ChainSettings:
    """Return the ward's settings with a map; without one where there are no changes to tell of."""
    if changes is None:
        return ward.settings(**keys)
    structure_names = StructureNameMap.model_validate({**MAP, **changes})
    return replace(
        ward.settings(structure_names="names.yaml", **keys), tables=CohortTables(structure_names=structure_names)
    )


def run(ward: Ward, patient_id: str, changes: dict[str, Any] | None, **keys: Any) -> PatientOutcome:
    with ward.archive() as archive:
        outcome = run_patient(ward.tasks[patient_id], settings_of(ward, changes, **keys), archive)
    assert outcome.failure is None, outcome.reason
    return outcome


def named(ward: Ward, patient_id: str, table: str) -> dict[str, tuple[str | None, str | None]]:
    """Return standard name and version by ROI name, as one of the patient's tables has them."""
    found = read_table(ward.folder(patient_id).path / f"{table}.parquet")
    cells = found[["roi_standard_name", "structure_name_map"]].astype(object).where(lambda cell: cell.notna(), None)
    return dict(zip(found["roi_name"], cells.itertuples(index=False, name=None), strict=True))


def check_of(outcome: PatientOutcome) -> Check | None:
    (masks,) = [asset for asset in outcome.assets if asset.asset == "structure_masks"]
    return next((check for check in masks.checks if check.name == STRUCTURE_NAMES_MAPPED), None)


def made(outcome: PatientOutcome) -> list[str]:
    return [asset.asset for asset in outcome.assets if not asset.skipped and asset.asset != "patient_notes"]


def test_every_table_of_rois_has_the_standard_names_and_the_maps_version(ward: Ward) -> None:
    ward.admit("SN-all")
    outcome = run(ward, "SN-all", {})
    version = "ward names 1"
    expected = {
        "BODY": (None, version),
        "PTV_50": ("PTV_50Gy", version),
        "CTV": ("CTV", version),
        "Lung_L": ("Lung_L", version),
    }
    for table in ("structures", "dvh", "central_slices"):
        assert named(ward, "SN-all", table) == expected
    check = check_of(outcome)
    assert check is not None
    assert check.passed
    assert check.said == "Each of 4 drawn ROIs has its standard name, or needs none, by ward names 1."


def test_the_comparison_with_the_planning_system_has_them_too(ward: Ward) -> None:
    with_planning_dvhs(ward, "SN-tps", {"PTV_50": 1.0, "Lung_L": 1.0})
    assert set(named(ward, "SN-tps", "dvh_comparison").values()) == {(None, None)}
    run(ward, "SN-tps", {})
    assert named(ward, "SN-tps", "dvh_comparison") == {
        "PTV_50": ("PTV_50Gy", "ward names 1"),
        "Lung_L": ("Lung_L", "ward names 1"),
    }


def test_without_a_map_the_columns_are_there_and_empty_and_nothing_is_checked(ward: Ward) -> None:
    ward.admit("SN-none")
    outcome = run(ward, "SN-none", None)
    for table in ("structures", "dvh", "central_slices"):
        assert set(named(ward, "SN-none", table).values()) == {(None, None)}
        found = read_table(ward.folder("SN-none").path / f"{table}.parquet")
        assert isinstance(found["roi_standard_name"].dtype, pd.StringDtype)
        assert isinstance(found["structure_name_map"].dtype, pd.StringDtype)
    assert check_of(outcome) is None


def test_what_has_no_standard_name_or_would_have_a_wrong_one_is_told_by_name(ward: Ward) -> None:
    ward.admit("SN-open")
    outcome = run(ward, "SN-open", {"exact": {"lung_l": "Lung_R"}})
    assert named(ward, "SN-open", "dvh")["Lung_L"] == (None, "ward names 1")
    check = check_of(outcome)
    assert check is not None
    assert not check.passed
    assert check.said == (
        "A standard name would be wrong: Lung_L (it speaks of the left side, and Lung_R of the right); "
        "no standard name: CTV (by ward names 1)."
    )


def test_two_drawn_rois_of_one_standard_name_keep_it_with_a_flag(ward: Ward) -> None:
    """CTV and PTV_50 are both called PTV_50Gy; Lung_L is called like none of them."""
    ward.admit("SN-shared")
    outcome = run(ward, "SN-shared", {"exact": {"lung_l": "Lung_L", "ctv": "PTV_50Gy"}})
    for table in ("structures", "dvh"):
        found = read_table(ward.folder("SN-shared").path / f"{table}.parquet").set_index("roi_name")
        assert list(found.loc[["CTV", "PTV_50"], "roi_standard_name"]) == ["PTV_50Gy"] * 2
        flagged = [name for name, flags in found["flags"].items() if "standard_name_conflict" in flags]
        assert sorted(map(str, flagged)) == ["CTV", "PTV_50"]
    check = check_of(outcome)
    assert check is not None
    assert "The same standard name as another ROI: PTV_50 (PTV_50Gy), CTV (PTV_50Gy)" in check.said


def test_a_roi_that_nobody_drew_shares_its_standard_name_without_a_conflict(ward: Ward) -> None:
    rois = tuple(
        replace(roi, name="ptv 50", solid=None) if roi.name == "CTV" else roi for roi in tiny_rois("SN-empty")[:4]
    )
    ward.admit("SN-empty", rois=rois)
    run(ward, "SN-empty", {"patterns": [{"match": r"ptv[ _]50", "name": "PTV_50Gy"}]})
    found = read_table(ward.folder("SN-empty").path / "structures.parquet").set_index("roi_name")
    assert list(found.loc[["ptv 50", "PTV_50"], "roi_standard_name"]) == ["PTV_50Gy"] * 2
    assert not [flags for flags in found["flags"] if "standard_name_conflict" in flags]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "ward names 2"},
        {"patterns": []},
    ],
)
def test_a_changed_map_has_those_stages_made_anew_that_write_names_and_no_other(
    ward: Ward, changes: dict[str, Any]
) -> None:
    name = f"SN-redo-{next(iter(changes))}"
    ward.admit(name)
    run(ward, name, {})
    assert made(run(ward, name, {})) == []
    with ward.archive() as archive:
        for settings, current in ((settings_of(ward, {}), True), (settings_of(ward, changes), False)):
            ((_, standing),) = look_at([ward.tasks[name]], settings, archive)
            assert (standing is not None) == current
    assert made(run(ward, name, changes)) == WITH_NAMES
    assert made(run(ward, name, changes)) == []


def test_with_the_first_map_and_without_the_last_the_same_stages_are_made_anew(ward: Ward) -> None:
    ward.admit("SN-first")
    run(ward, "SN-first", None)
    assert made(run(ward, "SN-first", {})) == WITH_NAMES
    assert made(run(ward, "SN-first", None)) == WITH_NAMES


def test_a_map_is_read_with_the_cohorts_tables_and_a_bad_one_is_told_before_any_patient_is_touched(
    ward: Ward, tmp_path: Path
) -> None:
    cohort = ward.settings(structure_names="names/ward.yaml").cohort
    with pytest.raises(CohortUnusableError, match=r"ward\.yaml: structure_names: .*names/ward\.yaml: cannot be read"):
        require_usable(cohort, tmp_path)
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "ward.yaml").write_text("version: '1'\nexact: {lung: L_Lung}\n")
    with pytest.raises(CohortUnusableError, match=r"ward\.yaml: exact: 'lung': 'L_Lung' is no name by TG-263"):
        require_usable(cohort, tmp_path)
    (tmp_path / "names" / "ward.yaml").write_text("version: '1'\nexact: {lung: Lung_L}\n")
    found = require_usable(cohort, tmp_path).structure_names
    assert found == StructureNameMap(version="1", exact={"lung": "Lung_L"})
