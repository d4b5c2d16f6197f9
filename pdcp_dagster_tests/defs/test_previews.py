"""How plain values become what the UI shows, without an archive or a run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._serdes import serialize_value

from pdcp_dagster.defs.labels import label_of
from pdcp_dagster.defs.previews import materialization, shown_as_metadata
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.outcome import AssetOutcome, Rows


def test_a_table_that_cannot_be_looked_at_tells_no_rows_rather_than_none(tmp_path: Path) -> None:
    damaged = tmp_path / "dvh.parquet"
    damaged.write_bytes(b"no table")
    for path in (damaged, tmp_path / "gone.parquet"):
        outcome = AssetOutcome("dvh_table", Status.SUCCESS, "Done.", path=path, data_version="1")
        assert "dagster/row_count" not in materialization("shown", "WA", outcome, "1").metadata


def test_plain_values_and_tables_are_shown_as_what_they_are() -> None:
    metadata = shown_as_metadata(
        {
            "text": "a",
            "nothing": None,
            "yes": True,
            "number": 3,
            "gray": 2.5,
            "rows": Rows(({"roi": "PTV", "note": None}, {"roi": "CTV", "note": "small"})),
            "no_rows": Rows(()),
        }
    )
    plain = {name: value.value for name, value in metadata.items() if name != "rows"}
    assert plain == {"text": "a", "nothing": "", "yes": True, "number": 3, "gray": 2.5, "no_rows": "none"}
    assert isinstance(metadata["yes"], dg.BoolMetadataValue), "a bool is no number, though Python takes it for one"
    table = metadata["rows"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data for record in table.records] == [{"ROI": "PTV", "note": ""}, {"ROI": "CTV", "note": "small"}]


def test_a_name_that_nobody_thought_of_is_shown_as_it_is() -> None:
    assert [label_of(name) for name in ("hu_min", "slices", "unheard_of")] == [
        "lowest value (HU)",
        "slices",
        "unheard_of",
    ]


def test_a_reason_that_names_hundreds_of_rois_is_told_in_short() -> None:
    reason = "A target is not within the dose grid: " + ", ".join(f"{'x' * 60} 97.1 %" for _ in range(300))
    outcome = AssetOutcome("dvh_table", Status.REVIEW, reason, path=None, data_version="1")
    told = materialization("shown", "WA", outcome, "1")
    assert told.description == told.metadata["reason"].value
    assert len(str(told.description)) == 1000
    assert str(told.description).startswith("A target is not within the dose grid: x")
    assert len(serialize_value(told)) < 3000, "bytes: once as description, once as metadata"
