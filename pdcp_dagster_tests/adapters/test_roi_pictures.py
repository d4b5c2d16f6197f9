"""Pictures of ROIs: what is where, the limits of size, and hostile names."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pdcp_dagster.adapters.pictures import (
    LARGEST_PNG,
    LARGEST_SHEET,
    axial_panel,
    contact_sheet,
    draw_roi_picture,
    encode_png,
    save_png,
)
from pdcp_dagster.adapters.pictures.palette import picture_palette
from pdcp_dagster.adapters.pictures.panel import OUTLINE, PANEL_PX, blended
from pdcp_dagster.adapters.pictures.roi_picture import HEADER_PX, MARGIN_PX, PICTURE_SIZE, TALL_PICTURE_SIZE
from pdcp_dagster.adapters.pictures.text import BACKGROUND
from pdcp_dagster.domain.central_slices import central_slices
from pdcp_dagster.domain.display import DOSE_BANDS
from pdcp_dagster.domain.volume import Grid, Vector, Volume

HEAD_FIRST = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
FEET_FIRST = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
SHAPE = (60, 100, 120)
OFFSET = (27, 46, 56)
RNG = np.random.default_rng(20)
BLOB = np.ones((6, 8, 8), dtype=np.uint8)
STEP = np.concatenate(
    [np.ones((2, 8, 8), dtype=np.uint8), np.pad(np.ones((6, 4, 4), np.uint8), ((0, 0), (0, 4), (0, 4)))]
)
"""8 slices: two of 8 x 8 voxels, six of 4 x 4."""

PX_PER_MM = PANEL_PX / 200
"""The window is 200 mm wide."""

DICHROMATS = {
    "protanope": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranope": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanope": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "nobody": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""What they see of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0."""


def ct_of(values: NDArray[np.generic], axes: tuple[Vector, Vector, Vector] = HEAD_FIRST) -> Volume:
    k, j, i = values.shape
    return Volume(Grid((-150.0, -125.0, -90.0), (2.5, 2.5, 3.0), axes, (i, j, k)), values)


def picture(
    ct: Volume,
    *,
    mask: NDArray[np.uint8] = BLOB,
    offset: tuple[int, int, int] = OFFSET,
    dose: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    name: str = "PTV_60",
    plan: str = "Plan A",
    patient: str = "P1",
) -> Image.Image:
    """Draw an ROI; `dose` gives Gy, at most 60, for the x coordinates of voxels, LPS mm."""
    central = central_slices(mask, offset, ct.grid, roi_number=1, roi_name=name)
    return draw_roi_picture(
        ct,
        mask,
        offset,
        None if dose is None else lambda grid: dose(x_of(grid)).astype(np.float32),
        central,
        roi_name=name,
        plan_label=plan,
        patient_label=patient,
        max_dose_gy=None if dose is None else 60.0,
    )


def x_of(grid: Grid) -> NDArray[np.float64]:
    k, j, i = np.indices(grid.shape)
    return grid.to_patient(np.stack([i, j, k], axis=-1).reshape(-1, 3))[:, 0].reshape(grid.shape)


def everywhere(gy: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda x_mm: np.full(x_mm.shape, gy)


def panels(image: Image.Image) -> list[NDArray[np.int64]]:
    """The axial, coronal and sagittal panel as RGB."""
    lefts = [MARGIN_PX + number * (PANEL_PX + MARGIN_PX) for number in range(3)]
    boxes = [(left, HEADER_PX, left + PANEL_PX, HEADER_PX + PANEL_PX) for left in lefts]
    return [np.asarray(image.crop(box)).astype(np.int64) for box in boxes]


def lower_panels(image: Image.Image) -> list[NDArray[np.int64]]:
    """The three panels of the second row."""
    shift = PICTURE_SIZE[1] - HEADER_PX
    return panels(image.crop((0, shift, image.width, image.height)))


def outlined(panel: NDArray[np.int64]) -> int:
    return int((panel == OUTLINE).all(axis=2).sum())


def water() -> NDArray[np.int16]:
    return np.zeros(SHAPE, dtype=np.int16)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_the_outline_stands_in_the_middle_of_all_three_panels_at_true_size() -> None:
    for panel, (height_mm, width_mm) in zip(
        panels(picture(ct_of(water()))), ((20, 20), (18, 20), (18, 20)), strict=True
    ):
        rows, columns = np.nonzero((panel == OUTLINE).all(axis=2))
        # A row of pixels at each end may go either way.
        assert np.ptp(rows) + 1 == pytest.approx(height_mm * PX_PER_MM, abs=2)
        assert np.ptp(columns) + 1 == pytest.approx(width_mm * PX_PER_MM, abs=2)
        assert rows.mean() == pytest.approx((PANEL_PX - 1) / 2, abs=1.5)
        assert columns.mean() == pytest.approx((PANEL_PX - 1) / 2, abs=1.5)


@pytest.mark.parametrize(("axes", "bright_column"), [(HEAD_FIRST, 0.75), (FEET_FIRST, 0.25)])
def test_the_patients_left_is_on_the_right_of_the_picture_for_any_position(
    axes: tuple[Vector, Vector, Vector], bright_column: float
) -> None:
    values = water()
    values[:, :, 60:] = 200  # head first: the patient's left; feet first the columns run to the right
    axial = panels(picture(ct_of(values, axes)))[0]
    row = PANEL_PX // 4
    assert (
        axial[row, round(PANEL_PX * bright_column)].mean()
        > axial[row, round(PANEL_PX * (1 - bright_column))].mean() + 50
    )


@pytest.mark.parametrize(("axes", "bright_row"), [(HEAD_FIRST, 0.25), (FEET_FIRST, 0.75)])
def test_the_patients_head_is_on_top_for_any_position(axes: tuple[Vector, Vector, Vector], bright_row: float) -> None:
    values = water()
    values[30:] = 200
    for panel in panels(picture(ct_of(values, axes)))[1:]:
        column = PANEL_PX // 4
        bright, dark = round(PANEL_PX * bright_row), round(PANEL_PX * (1 - bright_row))
        assert panel[bright, column].mean() > panel[dark, column].mean() + 50


def test_the_dose_tints_where_it_is_known_and_above_ten_percent_only() -> None:
    def dose(x_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.select([x_mm < -50, x_mm < 0, x_mm < 50], [np.nan, 5.0, 30.0], 60.0)

    # The window runs from -100 to 100 mm about the middle of the ROI, which lies at x = -1.25 mm.
    for panel in panels(picture(ct_of(water()), dose=dose))[:2]:
        row = panel[round(10 * PX_PER_MM)]
        unknown, low, middle, high = (row[round((x + 101.25) * PX_PER_MM)] for x in (-80, -25, 25, 80))
        assert np.ptp(unknown) == 0
        assert np.ptp(low) == 0
        assert np.ptp(middle) > 20
        assert high.sum() > middle.sum()


def test_without_a_dose_nothing_but_the_outline_is_coloured() -> None:
    for panel in panels(picture(ct_of(water()))):
        coloured = np.ptp(panel, axis=2) > 0
        near = (panel == OUTLINE).all(axis=2)
        assert np.array_equal(coloured, near)


def test_an_roi_at_the_corner_of_the_image_and_one_as_large_as_it_are_drawn() -> None:
    ct = ct_of(water())
    assert picture(ct, offset=(0, 0, 0)).size == PICTURE_SIZE
    assert picture(ct, mask=np.ones(SHAPE, dtype=np.uint8), offset=(0, 0, 0)).size == PICTURE_SIZE
    assert picture(ct, mask=np.ones((1, 1, 1), dtype=np.uint8), offset=(59, 99, 119)).size == PICTURE_SIZE


def test_the_central_slices_stand_below_where_they_are_others() -> None:
    # Most of it lies in the first two slices, the middle at (64 * (0 + 1) + 16 * (2 + 3 + 4 + 5 + 6 + 7)) / 224 = 2.2:
    # the third slice. Of rows and columns the first four hold most, and the last of these goes through the middle.
    image = picture(ct_of(water()), mask=STEP)
    assert image.size == TALL_PICTURE_SIZE
    assert [outlined(panel) > 0 for panel in panels(image)] == [True, True, True]
    assert [outlined(panel) > 0 for panel in lower_panels(image)] == [True, False, False]
    assert outlined(lower_panels(image)[0]) < 0.7 * outlined(panels(image)[0])


def test_both_panels_of_an_axis_show_the_same_square() -> None:
    values = np.rint(RNG.normal(0, 100, SHAPE[1:])).astype(np.int16)
    image = picture(ct_of(np.broadcast_to(values, SHAPE).copy()), mask=STEP)
    differs = (panels(image)[0] != lower_panels(image)[0]).any(axis=2)
    differs[:40] = False  # words and letters
    rows, columns = np.nonzero(differs)
    half = 12 * PX_PER_MM
    assert np.abs(rows - PANEL_PX / 2).max() <= half
    assert np.abs(columns - PANEL_PX / 2).max() <= half


def test_a_central_slice_that_holds_nothing_of_the_roi_is_drawn_without_an_outline() -> None:
    pair = np.zeros((9, 9, 21), dtype=np.uint8)
    pair[:4, :4, :5] = pair[-4:, -4:, -6:] = 1
    image = picture(ct_of(water()), mask=pair)
    assert image.size == TALL_PICTURE_SIZE
    assert outlined(lower_panels(image)[2]) == 0


def test_an_roi_far_smaller_than_a_pixel_of_the_picture_is_seen() -> None:
    fine = Volume(Grid((0.0, 0.0, 0.0), (0.3, 0.3, 0.3), HEAD_FIRST, (60, 60, 60)), np.zeros((60, 60, 60), np.int16))
    for panel in panels(picture(fine, mask=np.ones((1, 1, 1), dtype=np.uint8), offset=(30, 30, 30))):
        assert outlined(panel) >= 5


def test_pixels_that_are_not_square_are_drawn_in_millimetres() -> None:
    grid = Grid((0.0, 0.0, 0.0), (0.5, 2.0, 4.0), HEAD_FIRST, (400, 100, 50))
    flat = Volume(grid, np.zeros(grid.shape, np.int16))
    block = np.ones((10, 20, 80), dtype=np.uint8)  # a cube of 40 mm
    for panel in panels(picture(flat, mask=block, offset=(20, 40, 160))):
        rows, columns = np.nonzero((panel == OUTLINE).all(axis=2))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == pytest.approx((40 * PX_PER_MM, 40 * PX_PER_MM), abs=2)


@pytest.mark.parametrize("kind", DICHROMATS)
def test_the_outline_is_unlike_every_grey_and_every_washed_grey_to_a_colour_blind_reader_too(kind: str) -> None:
    seen = np.array(DICHROMATS[kind])
    colours = np.array(picture_palette().getpalette(), dtype=np.uint8).reshape(-1, 3)
    others = colours[(colours != OUTLINE).any(axis=1)]
    distance = np.linalg.norm(cielab(linear(others) @ seen.T) - cielab(linear(OUTLINE) @ seen.T), axis=1)
    assert distance.min() > 35  # 2.3 can just be noticed


@pytest.mark.parametrize("kind", DICHROMATS)
def test_a_higher_dose_is_lighter_to_a_colour_blind_reader_too(kind: str) -> None:
    tissue = np.full((DOSE_BANDS, 3), 116, dtype=np.float32)
    washed = blended(tissue, np.arange(DOSE_BANDS))
    lightness = cielab(linear(washed) @ np.array(DICHROMATS[kind]).T)[:, 0]
    assert (np.diff(lightness) > 1).all()


def linear(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """sRGB to linear light (IEC 61966-2-1)."""
    share = np.asarray(rgb, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def cielab(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear sRGB to CIELAB, D65."""
    to_xyz = np.array([(0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)])
    xyz = np.clip(light, 0, 1) @ to_xyz.T / to_xyz.sum(axis=1)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def test_long_names_leave_a_gap_between_what_stands_left_and_right() -> None:
    image = picture(ct_of(water()), name="W" * 80, plan="P" * 80, patient="Q" * 80, dose=everywhere(30))
    head = np.asarray(image.crop((0, 0, image.width, HEADER_PX))) != np.array(BACKGROUND)
    for top, bottom in ((4, 28), (31, 46)):
        written = np.flatnonzero(head[top:bottom].any(axis=(0, 2)))
        assert np.diff(written).max() >= 12  # a blank has 7 pixels at most
        assert written[0] >= MARGIN_PX - 1
        assert written[-1] < image.width - MARGIN_PX + 1


def test_an_image_of_few_slices_is_drawn() -> None:
    thin = np.zeros((2, 100, 120), dtype=np.int16)
    assert picture(ct_of(thin), mask=BLOB[:1], offset=(1, 46, 56)).size == PICTURE_SIZE


@pytest.mark.parametrize("name", ["", "a\nb\x00", "心臓", "לב", "❤😀", "\ud800", "PTV" * 100, "<b>&", "ΔΨ é"])
def test_any_name_can_be_drawn(name: str) -> None:
    image = picture(ct_of(water()), name=name)
    assert len(contact_sheet([(name, axial_panel(image))])) <= LARGEST_SHEET


def test_a_noisy_ct_with_a_dose_fits_into_the_limit_at_full_size() -> None:
    noisy = np.rint(RNG.normal(40, 15, SHAPE)).astype(np.int16)
    image = picture(ct_of(noisy), mask=STEP, dose=lambda x_mm: np.clip(30 + 0.2 * x_mm, 0, 60))
    content = encode_png(image)
    assert len(content) <= LARGEST_PNG
    assert opened(content).size == TALL_PICTURE_SIZE


def test_pure_noise_is_made_smaller_until_it_fits() -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (400, 700, 3), dtype=np.uint8))
    content = encode_png(noise)
    assert len(content) <= LARGEST_PNG
    assert opened(content).width > 300
    small = noise.resize((60, 40))
    assert len(encode_png(small, largest=1000)) <= 1000
    with pytest.raises(ValueError, match="fits into 10 bytes"):
        encode_png(small, largest=10)


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    ct, dose = ct_of(np.rint(RNG.normal(40, 15, SHAPE)).astype(np.int16)), everywhere(50)
    size = save_png(picture(ct, dose=dose), tmp_path / "a.png")
    save_png(picture(ct, dose=dose), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size == size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_contact_sheet_holds_twelve_rois_within_fifteen_kilobytes() -> None:
    noisy = np.rint(RNG.normal(40, 40, SHAPE)).astype(np.int16)
    image = axial_panel(picture(ct_of(noisy), dose=everywhere(50)))
    content = contact_sheet([(f"ROI {number}", image) for number in range(20)])
    assert len(content) <= LARGEST_SHEET
    sheet = opened(content)
    assert sheet.format == "JPEG"
    assert sheet.width > sheet.height
    assert content == contact_sheet([(f"ROI {number}", image) for number in range(12)])


def test_a_contact_sheet_of_pure_noise_still_fits() -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (400, 300, 3), dtype=np.uint8))
    assert len(contact_sheet([("noise", noise)] * 12)) <= LARGEST_SHEET


def test_a_contact_sheet_of_nothing_says_so() -> None:
    assert opened(contact_sheet([])).format == "JPEG"
