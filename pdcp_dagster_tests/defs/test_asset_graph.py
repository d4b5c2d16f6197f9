"""The asset graph of a cohort, as the design's table has it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from pdcp_dagster.definitions import build_definitions
from pdcp_dagster.defs.per_patient import PATIENTS_PER_RUN

# One line per asset: one for each patient or not, group, IO manager (it loads as a table, an image, lazy masks, a
# folder or a dictionary), kinds, and the assets that it is made from.
GRAPH = """
patient_ids      |-   |archive          |parquet|orthanc parquet      |
image_summary    |each|archive          |parquet|dicom orthanc parquet|patient_ids
verified_study   |each|linkage          |parquet|dicom parquet        |image_summary
candidate_studies|each|linkage          |parquet|dicom parquet png    |verified_study
retrieved_dicom  |each|retrieved_volumes|folder |dicom orthanc        |verified_study
ct_volume        |each|retrieved_volumes|nifti  |nifti                |retrieved_dicom
structure_masks  |each|retrieved_volumes|masks  |nifti parquet        |ct_volume retrieved_dicom
dose_volume      |each|retrieved_volumes|nifti  |nifti                |retrieved_dicom
plan_table       |each|dosimetry        |parquet|dicom parquet        |retrieved_dicom verified_study
dvh_table        |each|dosimetry        |parquet|parquet              |ct_volume dose_volume plan_table retrieved_dicom
central_slices   |each|pictures         |parquet|parquet png          |ct_volume dose_volume structure_masks
patient_notes    |each|report           |notes  |json                 |central_slices dvh_table
cohort_report    |-   |report           |parquet|html parquet         |patient_ids patient_notes
cohort_dvh       |-   |report           |parquet|parquet              |dvh_table patient_notes
cohort_structure_names|-|report          |parquet|parquet              |structure_masks
"""
WITHOUT_DOSES = """
central_slices   |each|pictures         |parquet|parquet png          |ct_volume structure_masks
patient_notes    |each|report           |notes  |json                 |central_slices
"""


def rows_of(graph: str) -> dict[str, list[str]]:
    return {
        line.split("|")[0].strip(): [cell.strip() for cell in line.split("|")] for line in graph.split("\n") if line
    }


ROWS = rows_of(GRAPH)
"""CRDP, and CRD, too."""
OF_DOSES = {"dose_volume", "plan_table", "dvh_table", "cohort_dvh"}
ROWS_OF_CR = {name: row for name, row in {**ROWS, **rows_of(WITHOUT_DOSES)}.items() if name not in OF_DOSES}
MORE_TABLES = {"structure_masks"}
"""Tables that load as something else, too."""
COHORTS = {"breast": ROWS, "lung": ROWS, "doses": ROWS, "images": ROWS_OF_CR}
PER_PATIENT = {name for name, row in ROWS.items() if row[1] == "each"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Cohorts that load, `breast` and `lung`, `doses` (CRD) and `images` (CR), between two that do not."""
    root = tmp_path_factory.mktemp("deployment")
    files = {
        "breast": {"name": "breast"},
        "lung": {"name": "lung"},
        "doses": {"name": "doses", "linkage": "CRD"},
        "images": {"name": "images", "linkage": "CR"},
        "misspelt": {"name": "misspelt", "roi_keyword": ["ptv"]},
        "other": {"name": "another"},
    }
    (root / "cohorts").mkdir()
    for name, content in files.items():
        (root / "cohorts" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return {"PDCP_COHORTS": str(root / "cohorts"), "PDCP_STORE": str(root / "store")}


@pytest.fixture(scope="module")
def definitions(deployment: dict[str, str]) -> dg.Definitions:
    return build_definitions(deployment)


def key(name: str, cohort: str = "breast") -> dg.AssetKey:
    return dg.AssetKey([cohort, name])


def names(keys: Iterable[dg.AssetKey]) -> set[str]:
    return {each.to_user_string() for each in keys}


@pytest.mark.parametrize(("cohort", "asset"), [(cohort, asset) for cohort, rows in COHORTS.items() for asset in rows])
def test_each_asset_is_what_the_design_says(definitions: dg.Definitions, cohort: str, asset: str) -> None:
    graph = definitions.resolve_asset_graph()
    node = graph.get(key(asset, cohort))
    partitions = node.partitions_def
    shown = [
        asset,
        "each" if isinstance(partitions, dg.DynamicPartitionsDefinition) else "-",
        node.group_name,
        graph.assets_def_for_key(key(asset, cohort)).get_io_manager_key_for_asset_key(key(asset, cohort)),
        " ".join(sorted(node.kinds)),
        " ".join(sorted(parent.path[-1] for parent in node.parent_keys)),
    ]
    assert shown == COHORTS[cohort][asset]
    assert node.owners == ["team:radiotherapy-data"]
    assert node.tags["cohort"] == cohort
    assert (node.description or "").strip(), "a person wants to know what it is"
    assert "dagster/code_references" in node.metadata
    is_table = COHORTS[cohort][asset][3] == "parquet" or asset in MORE_TABLES
    assert ("dagster/column_schema" in node.metadata) == is_table


def test_there_are_these_assets_and_no_others(definitions: dg.Definitions) -> None:
    expected = {f"{cohort}/{asset}" for cohort, rows in COHORTS.items() for asset in rows}
    assert names(definitions.resolve_asset_graph().get_all_asset_keys()) == expected


def test_all_assets_of_a_patient_are_one_step_and_any_of_them_can_be_chosen(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    steps = {graph.assets_def_for_key(key(asset)).op.name for asset in PER_PATIENT}
    assert steps == {"breast_per_patient"}
    step = graph.assets_def_for_key(key("ct_volume"))
    assert step.can_subset
    assert names(step.keys) == {f"breast/{asset}" for asset in PER_PATIENT}
    assert step.backfill_policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=PATIENTS_PER_RUN)
    assert all(spec.skippable for spec in step.specs), "an asset without a result must not stop the step"


def test_cohorts_lie_side_by_side_with_partitions_of_their_own(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for cohort in ("breast", "lung"):
        for asset in PER_PATIENT:
            assert graph.get(key(asset, cohort)).partitions_def == dg.DynamicPartitionsDefinition(
                name=f"{cohort}_patients"
            )
            parents = graph.get(key(asset, cohort)).parent_keys
            assert {parent.path[0] for parent in parents} == {cohort}


def test_the_cohort_tables_take_all_patients(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    taken = {"cohort_report": "patient_notes", "cohort_dvh": "dvh_table", "cohort_structure_names": "structure_masks"}
    for table, asset in taken.items():
        assert isinstance(graph.get(key(table)).partition_mappings[key(asset)], dg.AllPartitionMapping)


@pytest.mark.parametrize(
    ("job", "selected"),
    [
        ("list_breast", {"patient_ids"}),
        ("collect_breast", PER_PATIENT),  # and no cohort table: a backfill drops what is behind one failed patient
        ("report_breast", {"cohort_report", "cohort_dvh", "cohort_structure_names"}),
        ("collect_images", PER_PATIENT - OF_DOSES),
        ("report_images", {"cohort_report", "cohort_structure_names"}),
    ],
)
def test_each_job_selects_its_part_of_the_graph(definitions: dg.Definitions, job: str, selected: set[str]) -> None:
    layer = definitions.resolve_job_def(job).asset_layer
    verb, cohort = job.split("_")
    assert names(layer.selected_asset_keys) == {f"{cohort}/{asset}" for asset in selected}
    expected = f"{cohort}_patients" if verb == "collect" else None
    assert getattr(definitions.resolve_job_def(job).partitions_def, "name", None) == expected


def test_each_cohort_has_its_jobs_and_what_starts_them_is_off_until_switched_on(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    verbs = ("list", "collect", "summarise", "retry_failed", "reconcile", "backfill", "report")
    assert jobs == {f"{verb}_{cohort}" for verb in verbs for cohort in COHORTS}
    sensors = {sensor.name: {target.job_name for target in sensor.targets} for sensor in repository.sensor_defs}
    assert sensors == {f"report_{cohort}_after_collect": {f"report_{cohort}"} for cohort in COHORTS} | {
        f"watch_{cohort}": {f"collect_{cohort}", f"reconcile_{cohort}"} for cohort in COHORTS
    }
    on = {each.name for each in repository.sensor_defs if each.default_status is dg.DefaultSensorStatus.RUNNING}
    assert on == {f"report_{cohort}_after_collect" for cohort in COHORTS}, "it only follows what somebody started"
    schedules = {each.name: (each.job_name, each.cron_schedule) for each in repository.schedule_defs}
    assert schedules == {
        f"nightly_{verb}_{cohort}": (f"{verb}_{cohort}", cron)
        for verb, cron in (("reconcile", "0 2 * * *"), ("backfill", "0 4 * * *"))
        for cohort in COHORTS
    }
    assert {each.default_status for each in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}


def test_a_bad_cohort_file_is_told_of_in_one_line_and_leaves_the_others_loaded(
    deployment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    graph = build_definitions(deployment).resolve_asset_graph()
    assert {each.path[0] for each in graph.get_all_asset_keys()} == set(COHORTS)
    told = [record.getMessage() for record in caplog.records if "cohort not loaded" in record.getMessage()]
    assert [line for line in told if "\n" in line] == []
    assert ["misspelt.yaml: roi_keyword: there is no such key" in line for line in told] == [True, False]
    assert "other.yaml: name:" in told[1]


def test_a_store_elsewhere_than_on_a_disk_is_refused_in_one_line(deployment: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"PDCP_STORE: 's3://' is not supported") as refusal:
        build_definitions({**deployment, "PDCP_STORE": "s3://bucket/store"})
    assert "\n" not in str(refusal.value)


def test_no_password_is_in_what_the_ui_is_told(deployment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    password = "Zaunkoenig7"
    monkeypatch.setenv("ORTHANC_USERNAME", "ada")
    monkeypatch.setenv("ORTHANC_PASSWORD", password)
    repository = build_definitions({**os.environ, **deployment}).get_repository_def()
    told = serialize_value(RepositorySnap.from_def(repository))
    assert '"orthanc"' in told
    assert deployment["PDCP_STORE"] in told, "settings of resources are told, so a password would be"
    assert password not in told


def test_everything_is_stored_below_the_store(definitions: dg.Definitions, deployment: dict[str, str]) -> None:
    for resource in ("store", "parquet", "nifti", "masks", "folder", "notes"):
        assert Path(definitions.resources[resource].root) == Path(deployment["PDCP_STORE"])  # type: ignore[index]  # set above
