"""Whatever bytes a DICOM file has, its reader returns what it should or raises its own error, quietly."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pdcp_dagster.adapters.ct_series import CtReadError, CtSeries, read_ct_series
from pdcp_dagster.adapters.orthanc.errors import ObjectDamaged
from pdcp_dagster.adapters.orthanc.head import read_head
from pdcp_dagster.adapters.rtdose import DoseReadError, read_dose
from pdcp_dagster.adapters.rtdose_dvhs import PlanningDvhsReadError, read_planning_dvhs
from pdcp_dagster.adapters.rtplan import PlanReadError, read_plan
from pdcp_dagster.adapters.rtstruct import StructureSetReadError, read_structure_set
from pdcp_dagster_tests.fuzz.dicom_mutations import Change, damaged
from pdcp_dagster_tests.fuzz.small_files import small_files

NUMBERS = st.integers(0, (1 << 32) - 1)
CHANGES = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4)
Reader = Callable[[Path], object]


def read_ct(file: Path) -> CtSeries:
    return read_ct_series([file], "resample")


def read_only_head(file: Path) -> dict[str, object]:
    raw = file.read_bytes()
    return read_head(io.BytesIO(raw), "it", len(raw))


READERS: dict[str, tuple[str, Reader, type[Exception]]] = {
    "CT": ("CT", read_ct, CtReadError),
    "multi-frame CT": ("ENHANCED", read_ct, CtReadError),
    "RTSTRUCT": ("RTSTRUCT", read_structure_set, StructureSetReadError),
    "RTSTRUCT's head": ("RTSTRUCT", read_only_head, ObjectDamaged),
    "RTPLAN": ("RTPLAN", read_plan, PlanReadError),
    "RTDOSE": ("RTDOSE", read_dose, DoseReadError),
    "RTDOSE's DVHs": ("RTDOSE", read_planning_dvhs, PlanningDvhsReadError),
}


def outcome_of(name: str, raw: bytes, folder: Path) -> object:
    """Return what a reader returns, or the one error that it may raise; any other ends the test."""
    _, read, its_error = READERS[name]
    file = folder / "it.dcm"
    file.write_bytes(raw)
    try:
        found = read(file)
    except its_error as error:
        found = error
    assert not isinstance(found, Exception) or "\n" not in str(found)
    return found


@pytest.mark.parametrize("name", READERS)
def test_a_whole_file_is_read(name: str, tmp_path: Path) -> None:
    assert not isinstance(outcome_of(name, small_files()[READERS[name][0]], tmp_path), Exception)


@pytest.mark.parametrize("name", READERS)
@settings(derandomize=True, database=None, deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES)
@example(changes=[(1 + 3 * 9, 20, 3)])  # 3000 sequences in one another
@example(changes=[(1 + 3 * 3, (1 << 32) - 1, 8)])  # an undefined length
def test_a_damaged_file_is_read_or_refused(
    name: str, changes: list[Change], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcome_of(name, damaged(small_files()[READERS[name][0]], changes), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_ends_anywhere_is_read_or_refused(name: str, tmp_path: Path) -> None:
    raw = small_files()[READERS[name][0]]
    for length in range(0, len(raw), max(1, len(raw) // 80)):
        outcome_of(name, raw[:length], tmp_path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "raw",
    [b"", b"\0" * 500, b"patient_id\n12\n", b"DICM" * 100, b"\0" * 128 + b"DICM", b"{}", b"\xff" * 1000],
    ids=["nothing", "zeros", "text", "marks", "a preamble alone", "JSON", "ones"],
)
def test_what_is_no_dicom_is_refused(name: str, raw: bytes, tmp_path: Path) -> None:
    assert isinstance(outcome_of(name, raw, tmp_path), READERS[name][2])


@pytest.mark.parametrize("name", READERS)
def test_an_object_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    own = READERS[name][0]
    others = {"CT", "RTSTRUCT", "RTPLAN", "RTDOSE"} - {own, "CT" if own == "ENHANCED" else own}
    for other in sorted(others):
        found = outcome_of(name, small_files()[other], tmp_path)
        # A head is of whatever object it is; who asks for it asks an RTSTRUCT.
        assert isinstance(found, Exception) or name == "RTSTRUCT's head"
