"""What the UI shows of a patient: status and reason first, small pictures, and never a secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._serdes import serialize_value

from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.defs.previews import materialization
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_spec
from pdcp_dagster.phantom.archive import damage_stored_file
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster.stages.outcome import AssetOutcome

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_metadata")

USER, PASSWORD, WRONG_PASSWORD = "ada", "Zaunkoenig-7/ü", "Rotkehlchen-8"
FULL = "WD"
"""A patient as the demo has them, with ten ROIs."""
EVERY_COLUMN = {
    "dvh": {
        "metrics": ["D0.1cc[Gy]", "V17Gy[%]", "CV12.5Gy[cc]", "D95%[%]"],
        "geud_a": [1, -10],
        "alpha_beta_gy": {"default": 3},
    },
    "dvh_columns": "legacy",
    "ct_instances": {"minimum": 4, "review_above": 60, "maximum": 80, "action": "exclude"},
}
LARGEST_PICTURE = 15_000
LARGEST_EVENT = 32_000
KINDS = {"string": "string", "large_string": "string", "int64": "integer", "double": "float", "date32[day]": "date"}
TABLES = [asset for asset in PATIENT_ASSETS if PATIENT_FILES[asset][0].endswith(".parquet")]
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_PICTURE = re.compile(r"!\[(?P<title>[^\]]+)\]\(data:(?P<type>image/[a-z]+);base64,(?P<content>[A-Za-z0-9+/=]+)\)")

Metadata = dict[str, dg.MetadataValue]


@pytest.fixture(scope="module")
def site(
    make_site: Callable[..., Site],
    spec: Callable[..., PhantomSpec],
    a_slice: Callable[[PhantomSpec], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """An archive that asks for a password; one patient passed, one is excluded, one failed; then it changed."""
    storage = tmp_path_factory.mktemp("secured") / "storage"
    with (
        PrivateOrthanc(storage, username=USER, password=PASSWORD) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ORTHANC_URL", server.url)
        patch.setenv("ORTHANC_USERNAME", USER)
        patch.setenv("ORTHANC_PASSWORD", PASSWORD)
        patients = [spec("WA"), spec("WB", modalities=("CT", "RTSTRUCT", "RTPLAN")), spec("WC"), tiny_spec(FULL, 7)]
        site = make_site("shown", patients, **EVERY_COLUMN)
        damage_stored_file(server, a_slice(patients[2]))
        assert site.list_patients().success
        assert not site.collect("WA", "WB", "WC", FULL).success
        assert site.report().success
        patch.setenv("ORTHANC_PASSWORD", WRONG_PASSWORD)
        assert not site.list_patients().success
        assert not site.collect("WC").success
        yield site
        server.kill()


def shown(site: Site, asset: str, patient: str | None) -> Metadata:
    """Return the metadata of an asset's last materialisation, as it comes back from the event log."""
    materialised = recorded(site, asset, patient).asset_materialization
    assert materialised is not None
    return dict(materialised.metadata)


def recorded(site: Site, asset: str, patient: str | None) -> dg.EventLogEntry:
    """Return the entry of an asset's last materialisation in the event log."""
    wanted = dg.AssetRecordsFilter(site.key(asset), asset_partitions=None if patient is None else [patient])
    (record,) = site.instance.fetch_materializations(wanted, limit=1).records
    return record.event_log_entry


def pictures(metadata: Metadata) -> Iterator[tuple[str, str, bytes]]:
    """Yield title, type and content of the pictures in metadata."""
    for value in metadata.values():
        if isinstance(value, dg.MarkdownMetadataValue):
            found = _PICTURE.fullmatch(value.md_str or "")
            assert found is not None, "markdown is used for pictures only"
            yield found["title"], found["type"], base64.b64decode(found["content"], validate=True)


def columns_told(site: Site, asset: str, entry: str = "dagster/column_schema") -> dict[str, str]:
    """Return kinds by column as the definition of an asset tells them."""
    schema = site.definitions().resolve_asset_graph().get(site.key(asset)).metadata[entry]
    assert isinstance(schema, dg.TableSchema)
    return {column.name: column.type for column in schema.columns}


def assert_described(told: dict[str, str], path: Path) -> None:
    """Compare with the columns of a file, and with their kinds where there is a value to tell them by."""
    found = {field.name: _kind(field.type) for field in pq.read_schema(path)}
    assert set(told) == set(found)
    assert {name: kind for name, kind in told.items() if "null" not in found[name]} == {
        name: kind for name, kind in found.items() if "null" not in kind
    }


def _kind(of_file: pa.DataType) -> str:
    if pa.types.is_list(of_file):
        return f"array of {_kind(of_file.value_type)}s"
    return KINDS.get(str(of_file), str(of_file))


@pytest.mark.parametrize("patient", ["WA", "WB"])
@pytest.mark.parametrize("asset", PATIENT_ASSETS)
def test_status_and_reason_come_first(site: Site, asset: str, patient: str) -> None:
    metadata = shown(site, asset, patient)
    assert list(metadata)[:2] == ["status", "reason"]
    assert metadata["status"].value in {"SUCCESS", "EXCLUDE"}


@pytest.mark.parametrize("asset", PATIENT_ASSETS)
def test_what_was_kept_shows_where_it_lies(site: Site, asset: str) -> None:
    assert Path(str(shown(site, asset, "WA")["path"].value)) == site.patient("WA").file(asset)


def test_the_tables_of_doses_and_pictures_show_one_small_picture_each(site: Site) -> None:
    with_pictures = {asset: list(pictures(shown(site, asset, "WA"))) for asset in PATIENT_ASSETS}
    assert {asset for asset, found in with_pictures.items() if found} == {"dvh_table", "central_slices"}
    for asset in ("dvh_table", "central_slices"):
        ((title, mime_type, content),) = with_pictures[asset]
        assert content.startswith(MAGIC[mime_type]), asset
        assert len(content) <= LARGEST_PICTURE, asset
        assert title, "a picture that does not show has a title"


@pytest.mark.parametrize(
    ("patient", "code", "meaning"),
    [
        ("WA", "II_SUCC_001", "Passed: one CT is linked to all that the cohort needs"),
        ("WB", "I_EXEC_005", "Excluded: no RTDOSE in the archive. Ask for a re-export."),
    ],
)
@pytest.mark.parametrize("asset", ["verified_study", "patient_notes"])
def test_verdict_and_notes_show_what_was_found_in_words(
    site: Site, asset: str, patient: str, code: str, meaning: str
) -> None:
    table = shown(site, asset, patient)["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    told = {str(record.data["code"]): str(record.data["meaning"]) for record in table.records}
    assert told[code].startswith(meaning)


def test_every_object_considered_shows_how_it_was_linked_and_why_it_was_refused(site: Site) -> None:
    table = shown(site, "verified_study", "WA")["objects"]
    assert isinstance(table, dg.TableMetadataValue)
    linked = {str(record.data["role"]): (record.data["linked by"], record.data["verdict"]) for record in table.records}
    by_uid = ("uid", "selected")
    assert linked == {"CT": ("", "selected"), "RTSTRUCT": by_uid, "RTPLAN": by_uid, "RTDOSE": by_uid}
    excluded = shown(site, "verified_study", "WB")["objects"]
    assert isinstance(excluded, dg.TableMetadataValue)
    assert all(record.data["verdict"] == "refused" and record.data["reason"] for record in excluded.records)


def test_what_an_excluded_patient_lacks_tells_status_and_reason_and_no_path(site: Site) -> None:
    metadata = shown(site, "dvh_table", "WB")
    assert metadata["status"].value == "EXCLUDE"
    assert str(metadata["reason"].value).startswith("Excluded: no RTDOSE in the archive.")
    assert "path" not in metadata


def test_an_excluded_patient_shows_no_picture(site: Site) -> None:
    assert [picture for asset in PATIENT_ASSETS for picture in pictures(shown(site, asset, "WB"))] == []


@pytest.mark.parametrize("patient", ["WA", FULL])
def test_what_is_told_of_a_patient_is_small_enough_for_the_event_log(site: Site, patient: str) -> None:
    for asset in PATIENT_ASSETS:
        metadata = shown(site, asset, patient)
        assert len(serialize_value(recorded(site, asset, patient))) <= LARGEST_EVENT, asset
        assert sum(len(content) for _, _, content in pictures(metadata)) <= LARGEST_PICTURE, asset
        assert not [value for value in metadata.values() if isinstance(value, dg.TableSchemaMetadataValue)], asset


def test_figures_and_columns_have_names_for_people(site: Site) -> None:
    for asset in PATIENT_ASSETS:
        metadata = shown(site, asset, FULL)
        names = [name for name in metadata if name != "dagster/row_count"]
        tables = [value for value in metadata.values() if isinstance(value, dg.TableMetadataValue)]
        names += [column.name for table in tables for column in table.schema.columns]
        assert [name for name in names if "_" in name] == [], asset


def test_units_are_named_beside_the_figures(site: Site) -> None:
    assert shown(site, "dose_volume", FULL).keys() >= {"highest dose (Gy)"}
    assert shown(site, "ct_volume", FULL).keys() >= {"voxel size (mm)", "lowest value (HU)", "highest value (HU)"}
    doses = shown(site, "dvh_table", FULL)["doses per ROI"]
    assert isinstance(doses, dg.TableMetadataValue)
    named = [column.name for column in doses.schema.columns]
    assert {"ROI", "volume (cm3)", "mean dose (Gy)", "D95 (Gy)", "D2 (Gy)"} <= set(named)


@pytest.mark.parametrize("asset", TABLES)
def test_a_table_tells_its_rows_also_where_it_was_left_as_it_is(site: Site, asset: str) -> None:
    rows = len(pd.read_parquet(site.patient(FULL).file(asset)))
    assert shown(site, asset, FULL)["dagster/row_count"].value == rows > 0
    outcome = AssetOutcome(
        asset, Status.SUCCESS, "Done.", path=site.patient(FULL).file(asset), data_version="1", skipped=True
    )
    assert materialization(site.cohort, FULL, outcome, "1").metadata["dagster/row_count"].value == rows


def test_what_is_no_table_or_was_not_kept_tells_no_rows(site: Site) -> None:
    told = {asset for asset in PATIENT_ASSETS if "dagster/row_count" in shown(site, asset, FULL)}
    assert told == set(TABLES)
    assert "dagster/row_count" not in shown(site, "dvh_table", "WB")


@pytest.mark.parametrize("asset", ["patient_ids", *TABLES, "cohort_report", "cohort_dvh"])
def test_the_columns_that_the_ui_tells_are_those_of_the_file(site: Site, asset: str) -> None:
    path = site.patient(FULL).file(asset) if asset in TABLES else site.store.file(asset)
    assert_described(columns_told(site, asset), path)


@pytest.mark.parametrize("file", ["dvh_curves.parquet", "dvh_comparison.parquet"])
def test_so_are_those_of_the_tables_beside_the_dvhs(site: Site, file: str) -> None:
    assert_described(columns_told(site, "dvh_table", f"columns of {file}"), site.patient(FULL).path / file)


def test_the_report_shows_everybody_with_status_and_reason(site: Site) -> None:
    table = shown(site, "cohort_report", None)["patients"]
    assert isinstance(table, dg.TableMetadataValue)
    told = {record.data["patient_id"]: record.data for record in table.records}
    assert {patient: row["status"] for patient, row in told.items()} == {
        "WA": "SUCCESS",
        "WB": "EXCLUDE",
        "WC": "FAILED",
        FULL: "SUCCESS",
    }
    assert str(told["WB"]["reason"]).startswith("Excluded: no RTDOSE")
    assert str(told["WC"]["reason"]).startswith("Failed at retrieved_dicom")


def test_no_password_is_anywhere_in_dagsters_history_or_in_the_store(site: Site) -> None:
    secrets = [
        spelling
        for password in (PASSWORD, WRONG_PASSWORD)
        for spelling in (
            password.encode(),
            password.encode("unicode-escape"),  # as JSON has it
            base64.b64encode(f"{USER}:{password}".encode()),  # as HTTP has it
            base64.b64encode(f"{USER}:{password}".encode("latin-1")),
        )
    ]
    histories = [path for path in Path(site.instance.root_directory).rglob("*") if path.is_file()]
    assert [path for path in histories if path.suffix == ".db" and b"WC" in path.read_bytes()], "it is the right place"
    for path in (*histories, *(path for path in (site.root / "store").rglob("*") if path.is_file())):
        content = path.read_bytes()
        assert [secret for secret in secrets if secret in content] == [], path


def test_a_refused_password_is_told_in_words(site: Site) -> None:
    failure = site.patient("WC").read_failure()
    assert failure is not None
    assert failure["stage"] == "image_summary"
    assert "401" in failure["reason"] or "password" in failure["reason"].lower()
