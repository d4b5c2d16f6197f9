"""Laws of reading attributes: absent, empty, good and unusable are four different things."""

from __future__ import annotations

import datetime as dt
import pickle
import warnings
from typing import Any

import pytest

from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    cosines_of,
    date_of,
    failing_as,
    items_of,
    loose_number_of,
    number_of,
    numbers_of,
    pixel_spacing_of,
    required,
    text_of,
    texts_of,
    vector_of,
    whole_of,
)


class DoseTroubleError(DicomReadError):
    """An error of a reader."""


class Broken:
    def get(self, key: str, default: Any = None, /) -> Any:
        raise NotImplementedError(key, default)  # as pydicom does for a VR that it does not know


@pytest.mark.parametrize("absent", [{}, {"A": None}, {"A": ""}, {"A": []}])
def test_absent_and_empty_are_nothing(absent: dict[str, Any]) -> None:
    assert text_of(absent, "A") is None
    assert texts_of(absent, "A") == ()
    assert number_of(absent, "A") is None
    assert whole_of(absent, "A") is None
    assert date_of(absent, "A") is None
    with pytest.raises(UnusableValueError, match="A is missing"):
        required(number_of(absent, "A"), "A")


def test_a_backslash_that_split_a_name_comes_back() -> None:
    assert text_of({"A": ["PTV", "boost"]}, "A") == "PTV\\boost"


def test_padding_is_no_part_of_a_text() -> None:
    assert text_of({"A": " PTV 1 \0"}, "A") == "PTV 1"
    assert texts_of({"A": ["ORIGINAL ", "", "AXIAL"]}, "A") == ("ORIGINAL", "AXIAL")


@pytest.mark.parametrize("nonsense", ["120 kV", "nan", "inf", [1, 2], object()])
def test_nonsense_for_a_number_is_unusable_not_absent(nonsense: object) -> None:
    with pytest.raises(UnusableValueError, match="KVP"):
        number_of({"KVP": nonsense}, "KVP")
    assert loose_number_of({"KVP": nonsense}, "KVP") is None


def test_a_fraction_is_no_whole_number() -> None:
    assert whole_of({"A": "7"}, "A") == 7
    with pytest.raises(UnusableValueError, match="not a whole number"):
        whole_of({"A": 1.5}, "A")


def test_a_vector_has_exactly_its_length() -> None:
    assert vector_of({"A": [1, 2, 3]}, "A", 3) == (1.0, 2.0, 3.0)
    assert numbers_of({"A": 5}, "A") == (5.0,)
    with pytest.raises(UnusableValueError, match="2 values, not 3"):
        vector_of({"A": [1, 2]}, "A", 3)


def test_cosines_are_unit_vectors() -> None:
    assert cosines_of({"ImageOrientationPatient": [1, 0, 0, 0, -1, 0]}) == ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
    with pytest.raises(UnusableValueError, match="unit"):
        cosines_of({"ImageOrientationPatient": [1, 0, 0, 0, 0, 0]})


def test_pixel_spacing_is_positive() -> None:
    assert pixel_spacing_of({"PixelSpacing": [2, 1]}) == (2.0, 1.0)
    with pytest.raises(UnusableValueError, match="positive"):
        pixel_spacing_of({"PixelSpacing": [1, 0]})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20240229", dt.date(2024, 2, 29)),
        ("2024.02.29", dt.date(2024, 2, 29)),
        ("20230229", None),
        ("2024", None),
        ("ANONYMOU", None),
    ],
)
def test_a_date_is_a_date_or_nothing(written: str, meant: dt.date | None) -> None:
    assert date_of({"A": written}, "A") == meant


def test_a_sequence_has_items_and_a_text_has_none() -> None:
    assert list(items_of({"A": [{}, {}]}, "A")) == [{}, {}]
    assert not items_of({}, "A")
    with pytest.raises(UnusableValueError, match="not a sequence"):
        items_of({"A": "text"}, "A")


def test_whatever_a_parser_raises_becomes_the_readers_error() -> None:
    with (
        pytest.raises(DoseTroubleError, match="Rows cannot be read"),
        failing_as(DoseTroubleError, "plan.dcm"),
    ):
        number_of(Broken(), "Rows")
    with pytest.raises(DoseTroubleError, match="KeyError: 'x'"), failing_as(DoseTroubleError, "plan.dcm"):
        raise KeyError("x")


def test_running_out_of_memory_is_no_fault_of_the_file() -> None:
    with pytest.raises(MemoryError), failing_as(DoseTroubleError, "plan.dcm"):
        raise MemoryError


def test_a_parsers_warnings_are_kept_quiet() -> None:
    with warnings.catch_warnings(record=True) as heard, failing_as(DoseTroubleError, "plan.dcm"):
        warnings.warn("odd value", UserWarning, stacklevel=1)
    assert heard == []


def test_a_read_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(DoseTroubleError("/a/b.dcm", "truncated")))  # noqa: S301 - made in this line
    assert type(error) is DoseTroubleError
    assert (error.path, error.why, str(error)) == ("/a/b.dcm", "truncated", "/a/b.dcm: truncated")
