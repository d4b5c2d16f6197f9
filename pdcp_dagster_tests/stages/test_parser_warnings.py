"""Parsers' warnings about odd values stay unheard while a patient is worked on, and nobody else's do."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement

from pdcp_dagster.stages.parser_warnings import without_parser_warnings


def complain() -> None:
    DataElement(0x00100010, "PN", 200 * "Eva")
    convert_encodings("ISO_IR Eva")


def test_pydicom_complains_of_odd_values_and_repeats_them() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        complain()
    assert any("Eva" in str(warning.message) for warning in heard)


def test_nothing_of_it_is_heard_from_any_thread() -> None:
    with without_parser_warnings(), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: complain(), range(4)))


def test_other_warnings_are_heard() -> None:
    with pytest.warns(RuntimeWarning, match="of our own"), without_parser_warnings():
        warnings.warn("of our own", RuntimeWarning, stacklevel=1)
