"""Where the IO managers put things: never outside the store, never over a patient's own files, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.defs.io_managers import io_managers

HOSTILE = (
    "../../evil",
    ".",
    "..",
    "a//b",
    "a/b",
    "/etc/passwd",
    "~root",
    "x" * 300,
    "X" * 300,
    "CON",
    "aux",
    "Ab",
    "aB",
    "ü",
    "u\u0308",
    " ",
    "a\\b",
    "a\nb",
    "%2E%2E",
    "-rf",
)
PATIENTS = dg.DynamicPartitionsDefinition(name="hostile_patients")


def asset(*key: str, returns: Any = None, **how: Any) -> dg.AssetsDefinition:
    """Return a user's asset that returns a table (or what is given)."""

    def own(context: dg.AssetExecutionContext) -> Any:
        if returns is not None:
            return returns
        return pd.DataFrame({"partition": [context.partition_key if context.has_partition_key else ""]})

    made: dg.AssetsDefinition = dg.asset(key=list(key), io_manager_key="parquet", **how)(own)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "far" / "down" / "store"


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("hostile_patients", [*HOSTILE, "p1"])
        yield instance


def materialise(store: Path, own: dg.AssetsDefinition, instance: dg.DagsterInstance, key: str | None = None) -> str:
    """Materialise; return why it failed, or nothing."""
    result = dg.materialize(
        [own], instance=instance, partition_key=key, resources=io_managers(str(store)), raise_on_error=False
    )
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return "\n".join(error.to_string() for error in failures if error is not None)


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_hostile_partition_keys_never_leave_the_store_and_never_meet(
    store: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    for key in HOSTILE:
        assert materialise(store, asset("c", "own", partitions_def=PATIENTS), instance, key) == ""
    written = files_below(tmp_path)
    assert len(written) == len(HOSTILE)
    assert {path.parent.parent for path in written} == {store / "c" / "patients"}
    assert len({path.parent.name.lower() for path in written}) == len(HOSTILE), "on a disk that ignores case, too"
    assert {read_table(path)["partition"][0] for path in written} == set(HOSTILE)


def test_a_hostile_key_loads_what_was_stored_for_it(store: Path, instance: dg.DagsterInstance) -> None:
    made = asset("c", "own", partitions_def=PATIENTS)
    seen: list[pd.DataFrame] = []

    @dg.asset(partitions_def=PATIENTS, ins={"own": dg.AssetIn(made.key)})
    def reader(own: pd.DataFrame) -> None:
        seen.append(own)

    for key in ("../../evil", "a//b", "x" * 300):
        result = dg.materialize([made, reader], instance=instance, partition_key=key, resources=io_managers(str(store)))
        assert result.success
    assert [table["partition"][0] for table in seen] == ["../../evil", "a//b", "x" * 300]


@pytest.mark.parametrize(
    ("key", "where"),
    [
        (("c", "own"), "c/own.parquet"),
        (("own",), "_assets/own.parquet"),  # no cohort can have this name
        (("c", "deep", "own"), "c/deep.own.parquet"),
        (("c", "patients", "p1", "dvh"), "c/patients.p1.dvh.parquet"),
        (("c", "..", "evil"), "c/%2E%2E--5ec1f7e700f37c3d.evil.parquet"),
        (("c", "cohort_dvh"), "c/cohort_dvh.parquet"),
    ],
)
def test_an_unpartitioned_table_lies_beside_the_cohorts(
    store: Path, instance: dg.DagsterInstance, key: tuple[str, ...], where: str
) -> None:
    assert materialise(store, asset(*key), instance) == ""
    assert files_below(store) == {store / where}


@pytest.mark.parametrize("name", ["dvh", "plans", "structures", "dvh_curves"])
def test_a_users_asset_cannot_take_the_name_of_a_patients_file(
    store: Path, instance: dg.DagsterInstance, name: str
) -> None:
    error = materialise(store, asset("c", name, partitions_def=PATIENTS), instance, "p1")
    assert f"{name}.parquet is a file of the patient's own: name the asset otherwise" in error
    assert files_below(store) == set()


@pytest.mark.parametrize("name", PATIENT_FILES)
def test_nobody_but_the_fused_step_stores_a_patients_assets(
    store: Path, instance: dg.DagsterInstance, name: str
) -> None:
    error = materialise(store, asset("elsewhere", name, partitions_def=PATIENTS), instance, "p1")
    assert "is a name that the fused step's assets have" in error
    assert files_below(store) == set()


@pytest.mark.parametrize("manager", ["masks", "folder", "notes"])
def test_what_is_neither_table_nor_image_is_refused_with_the_way_out(
    store: Path, instance: dg.DagsterInstance, manager: str
) -> None:
    @dg.asset(key=["c", "own"], io_manager_key=manager)
    def own() -> Any:
        return {"some": "thing"}

    assert "use 'parquet' or 'nifti'" in materialise(store, own, instance)
    assert files_below(store) == set()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(store: Path, instance: dg.DagsterInstance) -> None:
    assert materialise(store, asset("c", "own", partitions_def=PATIENTS), instance, "p1") == ""
    path = store / "c" / "patients" / "p1" / "own.parquet"
    before = path.read_bytes()
    unwritable = pd.DataFrame({"things": [object()]})
    assert materialise(store, asset("c", "own", returns=unwritable, partitions_def=PATIENTS), instance, "p1") != ""
    assert files_below(store) == {path}
    assert path.read_bytes() == before


def test_an_image_that_cannot_be_written_leaves_the_old_one(store: Path, instance: dg.DagsterInstance) -> None:
    path = store / "c" / "own.nii.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")

    @dg.asset(key=["c", "own"], io_manager_key="nifti")
    def own() -> Any:
        return "no image"

    assert materialise(store, own, instance) != ""
    assert files_below(store) == {path}
    assert path.read_bytes() == b"old"


def test_nothing_returned_is_nothing_kept(store: Path, instance: dg.DagsterInstance) -> None:
    assert materialise(store, asset("c", "own", partitions_def=PATIENTS), instance, "p1") == ""

    @dg.asset(key=["c", "own"], io_manager_key="parquet", partitions_def=PATIENTS)
    def own() -> Any:
        return None

    assert materialise(store, own, instance, "p1") == ""
    assert files_below(store) == set()
