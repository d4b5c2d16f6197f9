"""Fisher's exact test, one-sided, against tables that can be counted."""

from __future__ import annotations

from math import comb

import pytest

from pdcp_dagster.domain.quality_chance import chance_of_more, is_more


@pytest.mark.parametrize(
    ("table", "chance"),
    [
        ((3, 3, 0, 3), 1 / 20),  # the one way of 20 to have all three in one group
        ((0, 3, 3, 3), 1.0),
        ((2, 3, 1, 3), 10 / 20),  # half, by symmetry
        ((3, 4, 1, 4), 17 / 70),  # the lady tasting tea
        ((0, 5, 0, 9), 1.0),
        ((5, 5, 9, 9), 1.0),
        ((10, 10, 0, 30), 1 / comb(40, 10)),
    ],
)
def test_the_chance_is_the_share_of_draws_that_are_as_extreme(table: tuple[int, int, int, int], chance: float) -> None:
    assert chance_of_more(*table) == pytest.approx(chance)


def test_large_cohorts_are_no_trouble() -> None:
    assert chance_of_more(50, 500, 4500, 4500) == pytest.approx(1.0)
    assert chance_of_more(500, 500, 0, 45_000) < 1e-300


def test_the_more_is_compared_the_less_is_believed() -> None:
    assert chance_of_more(4, 4, 0, 5) == pytest.approx(1 / 126)
    assert is_more(4, 4, 0, 5)
    assert not is_more(4, 4, 0, 5, comparisons=2)
    assert not is_more(3, 3, 0, 3)
