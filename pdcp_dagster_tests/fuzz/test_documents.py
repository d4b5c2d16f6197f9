"""Whatever people write into a cohort file, a list or a table: it is taken, or refused in one line that names it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdcp_dagster.adapters.cohort_file import CohortFileError, load_cohort, read_patient_list
from pdcp_dagster.adapters.cohort_tables import CohortTableError, read_approvals, read_dates, read_prescriptions
from pdcp_dagster.adapters.decisions_file import DecisionsFileError, read_decisions
from pdcp_dagster.adapters.legacy_config_file import LegacyConfig, LegacyConfigError, cohort_yaml, read_legacy_config
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.decisions import Decision
from pdcp_dagster.domain.legacy_config import KEYS as KEYS_OF_PDCP
from pdcp_dagster.domain.legacy_config import import_config

LONGEST_LINE = 4000
BOUNDED = settings(
    derandomize=True, database=None, deadline=None, max_examples=80, suppress_health_check=list(HealthCheck)
)
Reader = Callable[[Path], object]
COHORT_FILE = ("it.yaml", load_cohort, CohortFileError)
DECISIONS = ("decisions.yaml", read_decisions, DecisionsFileError)
CONFIG = ("config.json", read_legacy_config, LegacyConfigError)
TABLES = (
    ("it.csv", read_patient_list, CohortFileError),
    ("it.csv", read_approvals, CohortTableError),
    ("it.csv", read_dates, CohortTableError),
    ("it.csv", read_prescriptions, CohortTableError),
)
ALL = (COHORT_FILE, DECISIONS, CONFIG, *TABLES)
COLUMNS = (
    *("patient_id", "ids", "PatientID", "date", "prescription_gy", "roi", "ROI", "Status", "SOPInstanceUID"),
    *("SeriesInstanceUID", "", " date "),
)
KEYS = st.sampled_from([*Cohort.model_fields, *Decision.model_fields, "decisions", "minimum", "table", "", "\0", "a b"])
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.dates(), st.datetimes()),
    *(st.binary(max_size=6), st.sampled_from(["", "all", "it", "review", "../x.csv", "a:b", "0012", "1e400", 10**400])),
)
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
SECTIONS = st.dictionaries(KEYS, NESTED, max_size=8)
LAUGHS = "d0: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"d{n + 1}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
"""Ten lines, of which the last stands for 9^9 texts."""


def outcome_of(kind: tuple[str, Reader, type[Exception]], content: bytes, folder: Path) -> object:
    """Return what a reader returns, or the one error that it may raise, in one line with the file's name."""
    name, read, its_error = kind
    file = folder / name
    file.write_bytes(content)
    try:
        found = read(file)
    except its_error as error:
        found = error
    if isinstance(found, Exception):
        said = str(found)
        assert said.startswith(str(file))
        assert "\n" not in said
        assert len(said) < LONGEST_LINE
    return found


@BOUNDED
@given(content=NESTED | SECTIONS)
def test_a_yaml_file_of_any_shape(content: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")
    outcome_of(COHORT_FILE, text, folder)
    outcome_of(DECISIONS, text, folder)


@BOUNDED
@given(entries=NESTED | st.lists(SECTIONS, max_size=3))
def test_decisions_of_any_shape(entries: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = yaml.safe_dump({"decisions": entries}).encode("utf-8", "surrogatepass")
    outcome_of(DECISIONS, text, tmp_path_factory.getbasetemp())


@BOUNDED
@given(content=NESTED | st.dictionaries(st.sampled_from(KEYS_OF_PDCP), NESTED, max_size=8))
def test_a_configuration_of_any_shape_is_refused_or_becomes_a_cohort_file(
    content: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = outcome_of(CONFIG, json.dumps(content, default=str).encode(), folder)
    if isinstance(found, LegacyConfig):
        text = cohort_yaml(import_config(found.content, "it", doubled=found.doubled), "config.json")
        assert isinstance(outcome_of(COHORT_FILE, text.encode(), folder), Cohort)


@BOUNDED
@given(
    header=st.lists(st.sampled_from(COLUMNS), max_size=6),
    rows=st.lists(st.lists(st.text(max_size=8) | st.sampled_from(["2020-01-01", "50.4", "1.2.3"]), max_size=7)),
    separator=st.sampled_from(",;\t|"),
)
def test_a_table_of_any_shape(
    header: list[str], rows: list[list[str]], separator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    for kind in TABLES:
        outcome_of(kind, text.getvalue().encode("utf-8", "surrogatepass"), tmp_path_factory.getbasetemp())


@BOUNDED
@given(content=st.binary(max_size=200))
def test_files_of_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    for kind in ALL:
        outcome_of(kind, content, tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(
    "text",
    [
        *(LAUGHS, f"{LAUGHS}roi_keywords: *i\n", f"{LAUGHS}name: *i\n", f"{LAUGHS}patients: *i\n"),
        *("a: &a [*a]\nname: *a\nroi_keywords: *a\n", "&a\nname: *a\n", "a: &a {x: 1, <<: *a}\n"),
        *("[" * 20_000, "{a: " * 10_000, "\n".join(" " * n + "a:" for n in range(1500)), "? {a: b}\n: 1\n"),
        *("name: !!python/object/apply:os.system ['id']\n", "!!map [1, 2]\n", "name: !!int x\n", "a: 9999-99-99\n"),
        *("name: it\nname: it\n", "name: " + "9" * 10_000, "".join(f"k{n}: 1\n" for n in range(3000)), "name: \0\n"),
    ],
    ids=range(19),
)
def test_yaml_that_is_made_to_hurt_is_refused(text: str, tmp_path: Path) -> None:
    for kind in (COHORT_FILE, DECISIONS):
        assert isinstance(outcome_of(kind, text.encode(), tmp_path), Exception)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp500"])
def test_other_encodings_are_refused(encoding: str, tmp_path: Path) -> None:
    for kind in ALL:
        assert isinstance(outcome_of(kind, "patient_id,date\n1,2\n".encode(encoding), tmp_path), Exception)


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "1\n2\n", "patient_id;date\n1;2\n", '"', 'patient_id\n"' + "x\n" * 80_000),
        *("patient_id,date,Status\n" + "x" * 200_000, "\0" * 100, "patient\0_id\n1\n"),
    ],
    ids=range(9),
)
def test_tables_without_the_columns_or_the_end_are_refused(text: str, tmp_path: Path) -> None:
    for kind in TABLES:
        assert isinstance(outcome_of(kind, text.encode(), tmp_path), Exception)


def test_a_file_larger_than_any_of_its_kind_is_refused_unread(tmp_path: Path) -> None:
    for name, read, its_error in (COHORT_FILE, DECISIONS):
        with (tmp_path / name).open("wb") as file:
            file.truncate(100 << 20)
        with pytest.raises(its_error, match="more than 16 MB"):
            read(tmp_path / name)


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000):
        assert isinstance(outcome_of(CONFIG, text.encode(), tmp_path), LegacyConfigError)
