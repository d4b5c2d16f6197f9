"""The picture of the cohort's DVHs: small, the same each time, whatever the structures are called."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pdcp_dagster.adapters.dvh_band_plot import LARGEST, draw_bands
from pdcp_dagster_tests.adapters.known_bands import level_band, straight_band

HOSTILE = "$\\frac{x}$ \u202e _ \U0001f480 \x00" + "long " * 40


def size_of(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


def test_six_structures_fit_into_the_bound_with_a_thousand_patients_each() -> None:
    ends = {f"P{number}": float(end) for number, end in enumerate(np.linspace(5, 60, 1000))}
    picture = draw_bands([straight_band(f"S{number}", ends) for number in range(8)])
    assert len(picture) <= LARGEST
    wide, high = size_of(picture)
    assert wide > high


def test_the_same_bands_give_the_same_bytes() -> None:
    bands = [straight_band("Heart", {"A": 30.0, "B": 50.0}), level_band("PTV", ["A"], 95.0)]
    assert draw_bands(bands) == draw_bands(bands)


def test_whatever_a_structure_is_called_it_can_be_drawn() -> None:
    assert draw_bands([straight_band(HOSTILE, {"A": 30.0})]).startswith(b"\x89PNG")


def test_fewer_structures_make_a_smaller_picture() -> None:
    one, four = (size_of(draw_bands([level_band(f"S{n}", ["A"], 50.0) for n in range(count)])) for count in (1, 4))
    assert one[0] < four[0]
    assert one[1] < four[1]


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="no structure"):
        draw_bands([])
