"""The patient list and the partitions that follow from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.defs import patients
from pdcp_dagster.defs.patients import add_partitions
from pdcp_dagster.phantom.spec import PhantomSpec

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_patient_ids")

AWKWARD = "../A L/ü"
AWKWARD_KEY = "%2E%2E%2FA%20L%2F%C3%BC--" + hashlib.sha256(AWKWARD.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]) -> Site:
    """A cohort of three patients, of whom the third comes into the archive later."""
    one_object = {"modalities": ("RTPLAN",)}
    site = make_site("listed", [spec(AWKWARD, **one_object), spec("00L7", **one_object)])
    site.write_cohort([AWKWARD, "00L7", "L8", "L9"])
    return site


@pytest.fixture(scope="module")
def first_list(site: Site) -> dg.ExecuteInProcessResult:
    return site.list_patients()


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()}


def test_a_listed_patient_becomes_a_partition_whose_key_is_safe_and_keeps_its_zeros(
    site: Site, first_list: dg.ExecuteInProcessResult
) -> None:
    assert first_list.success
    assert sorted(site.partitions()) == sorted([AWKWARD_KEY, "00L7"])
    table = read_table(site.store.file("patient_ids"))
    assert dict(zip(table["partition_key"], table["patient_id"], strict=True)) == {AWKWARD_KEY: AWKWARD, "00L7": "00L7"}
    assert {"patients": 2, "new patients": 2, "not in the archive": "L8, L9"}.items() <= shown(first_list).items()


def test_listing_again_adds_nothing(site: Site, first_list: dg.ExecuteInProcessResult) -> None:
    assert first_list.success
    before = site.partitions()
    result = site.list_patients()
    assert site.partitions() == before
    assert shown(result)["new patients"] == 0


def test_a_new_patient_comes_last_and_a_patient_who_left_the_archive_keeps_the_partition(
    site: Site,
    first_list: dg.ExecuteInProcessResult,
    make_site: Callable[..., Site],
    spec: Callable[..., PhantomSpec],
) -> None:
    assert first_list.success
    before = site.partitions()
    make_site("listed", [spec("L8", modalities=("RTPLAN",))])
    site.write_cohort(["00L7", "L8"])
    result = site.list_patients()
    assert site.partitions() == [*before, "L8"], "new keys are a contiguous range"
    assert shown(result)["new patients"] == 1
    assert list(read_table(site.store.file("patient_ids"))["patient_id"]) == ["00L7", "L8"]


def test_an_archive_without_patients_gives_an_empty_list_and_no_partitions(
    make_site: Callable[..., Site],
) -> None:
    nobody = make_site("nobody", [])
    nobody.write_cohort(["L404"])
    assert nobody.list_patients().success
    assert nobody.partitions() == []
    assert len(read_table(nobody.store.file("patient_ids"))) == 0
    assert nobody.report().success, "a report on nobody is a report"


def test_partitions_can_be_orthancs_ids_where_patient_ids_must_not_show(
    make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]
) -> None:
    site = make_site("hidden", [spec("00L7", modalities=("RTPLAN",))], partition_key="orthanc_id")
    assert site.list_patients().success
    digest = hashlib.sha1(b"00L7", usedforsecurity=False).hexdigest()  # Orthanc's rule: SHA-1 of the PatientID
    assert site.partitions() == ["-".join(digest[start : start + 8] for start in range(0, 40, 8))]


def test_many_keys_are_added_in_pages_each_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patients, "KEYS_PER_CALL", 3)
    keys = [f"M{number}" for number in range(8)]
    with dg.DagsterInstance.ephemeral() as instance:
        assert add_partitions(instance, "many", keys[:2]) == 2
        assert add_partitions(instance, "many", keys) == 6
        assert instance.get_dynamic_partitions("many_patients") == keys
