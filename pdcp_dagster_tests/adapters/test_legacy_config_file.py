"""Configurations of the original PDCP as files, and the cohort file that is written of one: it always loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.adapters.cohort_file import load_cohort
from pdcp_dagster.adapters.legacy_config_file import (
    LegacyConfigError,
    cohort_yaml,
    read_legacy_config,
    write_imported_cohort,
)
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.legacy_config import KEYS, ImportedCohort, Remark, import_config


def a_file(folder: Path, content: str | bytes) -> Path:
    path = folder / "codesconfig_HN.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_configuration_is_read_with_or_without_the_byte_order_mark_of_windows(tmp_path: Path, mark: bytes) -> None:
    config = read_legacy_config(a_file(tmp_path, mark + '{"version": "Mädchen", "TIMEOUT": 2500}'.encode()))
    assert (config.content, config.doubled) == ({"version": "Mädchen", "TIMEOUT": 2500}, ())


def test_of_a_key_that_is_there_twice_the_last_value_counts_and_its_name_is_known(tmp_path: Path) -> None:
    config = read_legacy_config(a_file(tmp_path, '{"a": 1, "b": {"c": 1, "c": 2}, "a": 2, "a": 3}'))
    assert (config.content, config.doubled) == ({"a": 3, "b": {"c": 2}}, ("a",))


def test_a_number_of_thousands_of_digits_costs_no_other_key(tmp_path: Path) -> None:
    config = read_legacy_config(a_file(tmp_path, f'{{"TIMEOUT": {"9" * 5000}, "version": "x"}}'))
    assert config.content == {"TIMEOUT": float("inf"), "version": "x"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1, 2]", "expected a JSON object"),
        (b"null", "expected a JSON object"),
        (b'"password"', "expected a JSON object"),
        (b"", "no JSON: Expecting value, line 1, column 1"),
        (b'{"password": "secret" "a"}', "no JSON: Expecting ',' delimiter, line 1, column 23"),
        (b'{"datadirectory": "D:\\data"}', "no JSON: Invalid \\escape"),
        (b'{"version": "M\xe4dchen"}', "no UTF-8 text"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_only_what_is_no_json_object_is_refused_in_one_line_without_a_value(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(LegacyConfigError) as error:
        read_legacy_config(a_file(tmp_path, content))
    assert said in str(error.value)
    assert "codesconfig_HN.json" in str(error.value)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_file_that_is_not_there_or_is_a_folder_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(LegacyConfigError, match="cannot be read"):
            read_legacy_config(path)


FULL: dict[str, Any] = {
    "required_modalities_for_patient": ["CT", "RTSTRUCT"],
    "study_desc_should_not_contain": ["no", "2013-11-01", "a: b # c", "- x", "'\"", "ü", "null", "*a", "{b"],
    "study_desc_may_contain": [f"word number {n}" for n in range(30)],
    "possibilities": ["ptv"],
    "link_to_ids": "../ids/ids.csv",
    "suspicious_max_dose_lower_bound": 38,
}


def test_a_written_cohort_loads_with_the_words_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "new" / "hn.yaml"
    imported = import_config(FULL, "hn")
    write_imported_cohort(path, imported, "codesconfig_HN.json")
    cohort = load_cohort(path)
    assert cohort == Cohort.model_validate(imported.content)
    assert cohort.study_description.exclude == tuple(FULL["study_desc_should_not_contain"])
    assert [file.name for file in path.parent.iterdir()] == ["hn.yaml"]


def test_every_remark_and_comment_stands_in_the_file_as_a_comment() -> None:
    imported = import_config(FULL, "hn")
    text = cohort_yaml(imported, "codesconfig_HN.json")
    said = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    for each in (*map(str, imported.remarks), "codesconfig_HN.json", *(imported.comments[key] for key in ("linkage",))):
        assert each in said
    heading = text.splitlines()[: text.splitlines().index("")]
    assert max(map(len, heading)) <= 120


def test_what_is_offered_as_a_comment_is_yaml_when_its_marks_are_taken_away() -> None:
    lines = cohort_yaml(import_config(FULL, "hn"), "codesconfig_HN.json").splitlines()
    start = lines.index("# study_selection:")
    offered = [line.removeprefix("# ") for line in lines[start : lines.index("", start)]]
    assert yaml.safe_load("\n".join(offered)) == {
        "study_selection": [{"description_prefers": FULL["study_desc_may_contain"]}, "review"]
    }
    assert "# patients: ids.csv" in lines


def test_no_text_ends_its_comment() -> None:
    breaks = "a\nname: evil\rb\x85c\u2028d\x0be\x00f\ud800"
    imported = ImportedCohort({"name": "hn"}, {"name": breaks}, {}, (Remark((breaks,), breaks),))
    assert yaml.safe_load(cohort_yaml(imported, breaks)) == {"name": "hn"}
    cohort_yaml(imported, breaks).encode()


def test_a_cohort_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "hn.yaml").mkdir()
    with pytest.raises(LegacyConfigError, match="cannot be written"):
        write_imported_cohort(tmp_path / "hn.yaml", import_config({}, "hn"), "codesconfig_HN.json")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(config=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), JUNK, max_size=20), source=st.text())
def test_whatever_json_object_comes_in_a_cohort_file_that_loads_comes_out(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], source: str
) -> None:
    folder = tmp_path_factory.mktemp("import")
    legacy = read_legacy_config(a_file(folder, json.dumps(config)))
    imported = import_config(legacy.content, "hn", doubled=legacy.doubled)
    write_imported_cohort(folder / "hn.yaml", imported, source)
    assert load_cohort(folder / "hn.yaml") == Cohort.model_validate(imported.content)
