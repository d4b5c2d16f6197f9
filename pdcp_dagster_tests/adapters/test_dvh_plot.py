"""The DVH plot: its limit of size, its order, and hostile names; any warning fails."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pdcp_dagster.adapters.dvh_plot import LARGEST_PLOT, MOST_ROIS, DvhCurve, _figure, draw_dvh

DOSE = np.arange(0, 70, 0.1)
RNG = np.random.default_rng(4)


def curve(name: str, middle_gy: float = 30.0, *, is_target: bool = False) -> DvhCurve:
    return DvhCurve(name, DOSE, 100 / (1 + np.exp((DOSE - middle_gy) / 3)), is_target)


def ragged(name: str) -> DvhCurve:
    return DvhCurve(name, DOSE, np.sort(RNG.uniform(0, 100, DOSE.size))[::-1], is_target=False)


def test_a_plot_is_a_png_within_the_limit() -> None:
    content = draw_dvh([curve("Heart", 5), curve("PTV", 60, is_target=True)], title="P1", prescription_gy=60)
    assert len(content) <= LARGEST_PLOT
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.width >= 600


def test_many_ragged_curves_with_long_names_still_fit() -> None:
    curves = [ragged(f"Structure with a very long name {number}" * 3) for number in range(30)]
    assert len(draw_dvh(curves, title="t" * 300, prescription_gy=None)) <= LARGEST_PLOT


def test_the_same_curves_give_the_same_bytes() -> None:
    curves = [curve("Heart", 5), curve("PTV", 60, is_target=True)]
    assert draw_dvh(curves, title="P1", prescription_gy=60) == draw_dvh(curves, title="P1", prescription_gy=60)


def test_targets_come_first_and_further_rois_are_counted() -> None:
    ordered = [curve("PTV", is_target=True), *(curve(f"Organ {number}") for number in range(MOST_ROIS + 2))]
    axes = _figure(ordered, "P1", 60).axes[0]
    legend = axes.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["PTV", *(f"Organ {n}" for n in range(MOST_ROIS - 1)), "prescribed: 60 Gy", "and 3 more"]
    lines = axes.get_lines()
    assert lines[0].get_linestyle() == "-"
    assert all(line.get_linestyle() == "--" for line in lines[1:MOST_ROIS])
    assert lines[0].get_linewidth() > lines[1].get_linewidth()


def test_both_axes_start_at_zero_and_name_their_units() -> None:
    axes = _figure([curve("PTV")], "P1", None).axes[0]
    assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Dose / Gy", "Volume / %")
    assert axes.get_xlim()[1] > DOSE[-1]


def test_no_two_lines_of_a_full_plot_look_the_same() -> None:
    curves = [curve(f"{number}", is_target=number < 4) for number in range(MOST_ROIS)]
    lines = _figure(curves, "P1", None).axes[0].get_lines()
    looks = {(str(line.get_color()), line.get_linewidth(), str(vars(line)["_dash_pattern"])) for line in lines}
    assert len(looks) == MOST_ROIS


@pytest.mark.parametrize("name", ["_hidden", "$x^", "心臓", "a\nb\x00", "\ud800", "", "%s {0}"])
def test_any_name_is_drawn_without_a_warning(name: str) -> None:
    assert draw_dvh([curve(name)], title=name, prescription_gy=None)


def test_curves_without_dose_or_points_are_drawn() -> None:
    flat = DvhCurve("outside", np.array([0.0]), np.array([100.0]), is_target=False)
    nothing = DvhCurve("nothing", np.array([]), np.array([]), is_target=False)
    assert draw_dvh([flat, nothing], title="P1", prescription_gy=0.0)
    assert draw_dvh([], title="P1", prescription_gy=None)
