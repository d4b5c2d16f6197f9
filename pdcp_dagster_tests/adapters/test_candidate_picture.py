"""Pictures of candidates: what is where on the slice, the limits of size, and hostile text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pdcp_dagster.adapters.pictures import (
    LARGEST_PNG,
    LARGEST_SHEET,
    CandidateScene,
    candidate_panel,
    contact_sheet,
    draw_candidate_picture,
    encode_png,
)
from pdcp_dagster.adapters.pictures.candidate_picture import CANDIDATE_PANEL_PX, CANDIDATE_PICTURE_SIZE
from pdcp_dagster.adapters.pictures.panel import OUTLINE
from pdcp_dagster.adapters.pictures.text import PALE
from pdcp_dagster.domain.candidate_view import Outline
from pdcp_dagster.domain.volume import Grid, Vector, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
MINUS_X, MINUS_Z = (-1.0, 0.0, 0.0), (0.0, 0.0, -1.0)
AXIAL = (X, Y, Z)
SIZE = 80
"""Pixels of 2.5 mm: 200 mm, so that with the margin of 10 mm on each side the window is 220 mm wide."""
PX_PER_MM = CANDIDATE_PANEL_PX / 220


def ct(hu: NDArray[np.generic] | None = None, axes: tuple[Vector, Vector, Vector] = AXIAL) -> Volume:
    values = np.zeros((1, SIZE, SIZE), dtype=np.int16) if hu is None else hu
    return Volume(Grid((0.0, 0.0, 0.0), (2.5, 2.5, 3.0), axes, (SIZE, SIZE, 1)), values)


def circle(i: float, j: float, radius: float, name: str = "PTV", *, is_target: bool = True) -> Outline:
    """Return a circle about pixel (i, j); all in pixels."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    return Outline(name, is_target, (np.column_stack([i + radius * np.cos(angles), j + radius * np.sin(angles)]),))


def drawn(scene: CandidateScene, **words: str) -> Image.Image:
    texts = {"caption": "Candidate 1", "description": "Breast", "place": "slice 1 of 1", **words}
    return draw_candidate_picture(scene, **texts)


def panel(scene: CandidateScene) -> NDArray[np.uint8]:
    return np.asarray(candidate_panel(drawn(scene)))


def magenta(scene: CandidateScene) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns = np.nonzero((panel(scene) == OUTLINE).all(axis=2))
    return rows, columns


def middle(where: tuple[NDArray[np.intp], NDArray[np.intp]]) -> tuple[float, float]:
    return float(where[0].mean()), float(where[1].mean())


def test_the_outline_of_a_target_stands_where_it_is_and_as_large_as_it_is() -> None:
    rows, columns = magenta(CandidateScene(ct(), [circle(49.5, 29.5, 10)]))
    # The image's middle is pixel 39.5: the circle lies 25 mm to its right and 25 mm above.
    centre = np.array([(CANDIDATE_PANEL_PX - 1) / 2 - 25 * PX_PER_MM, (CANDIDATE_PANEL_PX - 1) / 2 + 25 * PX_PER_MM])
    radii = np.hypot(rows - centre[0], columns - centre[1])
    # The line is two to three pixels wide, about 1 mm.
    assert radii.min() > 25 * PX_PER_MM - 2.5
    assert radii.max() < 25 * PX_PER_MM + 2.5
    angles = np.degrees(np.arctan2(rows - centre[0], columns - centre[1])) // 10
    assert len(np.unique(angles)) == 36, "the line is closed"


def test_targets_are_pink_and_other_rois_pale() -> None:
    organ = circle(39.5, 39.5, 10, "Heart", is_target=False)
    seen = panel(CandidateScene(ct(), [organ]))
    assert not (seen == OUTLINE).all(axis=2).any()
    assert (seen == PALE).all(axis=2).sum() > 2 * np.pi * 25 * PX_PER_MM * 0.8


@pytest.mark.parametrize(
    ("axes", "i", "j", "above", "left"),
    [
        pytest.param(AXIAL, 20, 20, True, True, id="head first: low x is the patient's right, on the left"),
        pytest.param((MINUS_X, Y, MINUS_Z), 20, 20, True, False, id="feet first: the first columns are the left side"),
        pytest.param((Y, MINUS_Z, MINUS_X), 20, 60, False, True, id="sagittal: front on the left, feet below"),
        pytest.param((Z, Y, MINUS_X), 60, 20, True, True, id="sagittal, columns towards the head: head on top"),
    ],
)
def test_the_slice_is_upright_whichever_way_it_was_stored(
    axes: tuple[Vector, Vector, Vector], i: int, j: int, *, above: bool, left: bool
) -> None:
    row, column = middle(magenta(CandidateScene(ct(axes=axes), [circle(i, j, 5)])))
    assert (row < CANDIDATE_PANEL_PX / 2) is above
    assert (column < CANDIDATE_PANEL_PX / 2) is left


def test_the_image_and_the_outline_of_what_it_shows_are_in_one_place() -> None:
    hu = np.full((1, SIZE, SIZE), -1000, dtype=np.int16)
    hu[0, 20:31, 50:61] = 1000
    square = np.array([(49.5, 19.5), (60.5, 19.5), (60.5, 30.5), (49.5, 30.5)])
    scene = CandidateScene(ct(hu), [Outline("PTV", is_target=True, polygons=(square,))])
    rows, columns = magenta(scene)
    inside = panel(scene)[rows.min() + 7 : rows.max() - 6, columns.min() + 7 : columns.max() - 6]
    assert inside.min() > 250
    outside = panel(scene)[rows.min() - 12 : rows.min() - 5, columns.min() : columns.max()]
    assert outside.max() < 5


def test_a_dose_colours_what_it_reaches_and_nothing_where_it_is_unknown() -> None:
    dose = np.full((1, SIZE, SIZE), 50.0, dtype=np.float32)
    dose[:, :, :40] = np.nan
    seen = panel(CandidateScene(ct(), (), dose, 50.0)).astype(int)
    coloured = np.ptp(seen, axis=2) > 0
    assert not coloured[60:-60, 40:250].any()
    assert coloured[60:-60, 262:470].all()


def test_a_dose_below_a_tenth_of_the_maximum_colours_nothing() -> None:
    dose = np.full((1, SIZE, SIZE), 4.9, dtype=np.float32)
    assert not np.ptp(panel(CandidateScene(ct(), (), dose, 50.0)).astype(int), axis=2).any()


def test_without_a_dose_no_pixel_is_coloured_and_no_legend_is_drawn() -> None:
    picture = np.asarray(drawn(CandidateScene(ct(), ()))).astype(int)
    assert np.ptp(picture, axis=2).max() <= max(PALE) - min(PALE)


def test_an_outline_that_reaches_out_of_the_image_is_cut_at_the_window() -> None:
    far = Outline("BODY", is_target=True, polygons=(np.array([(-1e5, 40.0), (1e5, 40.0), (1e5, 60.0), (-1e5, 60.0)]),))
    rows, columns = magenta(CandidateScene(ct(), [far]))
    assert len(np.unique(columns)) == CANDIDATE_PANEL_PX
    assert 0 < rows.min() < rows.max() < CANDIDATE_PANEL_PX - 1


HOSTILE = "Plan\n\x1b[31m\u202e<script>\ud800" + "W" * 5000


def test_hostile_text_is_cut_and_changes_neither_the_size_nor_the_slice() -> None:
    scene = CandidateScene(ct(), [circle(40, 40, 10, name=HOSTILE)])
    plain = draw_candidate_picture(scene, caption="", description="", place="", notes=())
    hostile = draw_candidate_picture(
        scene, caption=HOSTILE, description=HOSTILE, place=HOSTILE, notes=[HOSTILE, " word" * 2000]
    )
    assert hostile.size == plain.size == CANDIDATE_PICTURE_SIZE
    assert np.array_equal(np.asarray(candidate_panel(hostile)), np.asarray(candidate_panel(plain)))
    assert len(encode_png(hostile)) <= LARGEST_PNG


def test_the_noise_of_a_real_scanner_and_a_hundred_rois_fit_into_the_limits() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(40, 30, (1, SIZE, SIZE)).astype(np.int16)
    many = [circle(40 + n % 7, 40 - n % 5, 2 + n / 4, f"ROI {n}", is_target=n < 3) for n in range(100)]
    picture = drawn(CandidateScene(ct(noise), many, np.full((1, SIZE, SIZE), 30, dtype=np.float32), 60.0))
    assert len(encode_png(picture)) <= LARGEST_PNG
    sheet = contact_sheet([(f"{n}", candidate_panel(picture)) for n in range(12)])
    assert len(sheet) <= LARGEST_SHEET


def test_the_same_candidate_gives_the_same_bytes() -> None:
    scene = CandidateScene(ct(), [circle(40, 40, 10)], np.full((1, SIZE, SIZE), 30, dtype=np.float32), 60.0)
    assert encode_png(drawn(scene)) == encode_png(drawn(scene))


def test_an_empty_slice_is_shown_whole() -> None:
    air = np.full((1, SIZE, SIZE), -1000, dtype=np.int16)
    assert panel(CandidateScene(ct(air), ())).shape == (CANDIDATE_PANEL_PX, CANDIDATE_PANEL_PX, 3)
