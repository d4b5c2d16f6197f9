"""Pictures of ROIs: what is where, the limits of size, and hostile names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pdcp_dagster.adapters.pictures import (
    LARGEST_PNG,
    LARGEST_SHEET,
    contact_sheet,
    draw_roi_picture,
    encode_png,
    save_png,
)
from pdcp_dagster.adapters.pictures.panel import OUTLINE, PANEL_PX
from pdcp_dagster.adapters.pictures.roi_picture import HEADER_PX, MARGIN_PX, PICTURE_SIZE
from pdcp_dagster.domain.central_slices import central_slices
from pdcp_dagster.domain.volume import Grid, Vector, Volume

HEAD_FIRST = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
FEET_FIRST = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
SHAPE = (60, 100, 120)
OFFSET = (27, 46, 56)
RNG = np.random.default_rng(20)
BLOB = np.ones((6, 8, 8), dtype=np.uint8)


def ct_of(values: NDArray[np.generic], axes: tuple[Vector, Vector, Vector] = HEAD_FIRST) -> Volume:
    k, j, i = values.shape
    return Volume(Grid((-150.0, -125.0, -90.0), (2.5, 2.5, 3.0), axes, (i, j, k)), values)


def picture(
    ct: Volume,
    *,
    mask: NDArray[np.uint8] = BLOB,
    offset: tuple[int, int, int] = OFFSET,
    dose: NDArray[np.float32] | None = None,
    name: str = "PTV_60",
) -> Image.Image:
    central = central_slices(mask, offset, ct.grid, roi_number=1, roi_name=name)
    return draw_roi_picture(
        ct,
        mask,
        offset,
        dose,
        central,
        roi_name=name,
        plan_label="Plan A",
        patient_label="P1",
        max_dose_gy=None if dose is None else float(np.nanmax(dose)),
    )


def panels(image: Image.Image) -> list[NDArray[np.int64]]:
    """The axial, coronal and sagittal panel as RGB."""
    lefts = [MARGIN_PX + number * (PANEL_PX + MARGIN_PX) for number in range(3)]
    boxes = [(left, HEADER_PX, left + PANEL_PX, HEADER_PX + PANEL_PX) for left in lefts]
    return [np.asarray(image.crop(box)).astype(np.int64) for box in boxes]


def water() -> NDArray[np.int16]:
    return np.zeros(SHAPE, dtype=np.int16)


def whole_dose(gy: float) -> NDArray[np.float32]:
    return np.full(SHAPE, gy, dtype=np.float32)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_the_outline_stands_in_the_middle_of_all_three_panels_at_true_size() -> None:
    for panel, (height_mm, width_mm) in zip(
        panels(picture(ct_of(water()))), ((20, 20), (18, 20), (18, 20)), strict=True
    ):
        rows, columns = np.nonzero((panel == OUTLINE).all(axis=2))
        # The window is 200 mm wide on 320 pixels; a row of pixels at each end may go either way.
        assert np.ptp(rows) + 1 == pytest.approx(height_mm * 1.6, abs=2)
        assert np.ptp(columns) + 1 == pytest.approx(width_mm * 1.6, abs=2)
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
    dose = whole_dose(np.nan)
    dose[:, :, 60:] = 30
    dose[:, :50, 60:] = 60
    dose[:, 70:, 60:] = 5
    axial = panels(picture(ct_of(water()), dose=dose))[0]
    tint = np.ptp(axial, axis=2)
    left, right = PANEL_PX // 4, 3 * PANEL_PX // 4
    middle, high, low = 180, 60, 290  # the window starts 12.5 mm below the first row; a row is 4 pixels
    assert tint[middle, left] == 0
    assert tint[middle, right] > 20
    assert tint[low, right] == 0
    assert axial[high, right].sum() > axial[middle, right].sum()


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


def test_an_image_of_few_slices_is_drawn() -> None:
    thin = np.zeros((2, 100, 120), dtype=np.int16)
    assert picture(ct_of(thin), mask=BLOB[:1], offset=(1, 46, 56)).size == PICTURE_SIZE


@pytest.mark.parametrize("name", ["", "a\nb\x00", "心臓", "\ud800", "PTV" * 100, "<b>&", "ΔΨ é"])
def test_any_name_can_be_drawn(name: str) -> None:
    image = picture(ct_of(water()), name=name)
    assert len(contact_sheet([(name, image)])) <= LARGEST_SHEET


def test_a_noisy_ct_with_a_dose_fits_into_the_limit_at_full_size() -> None:
    noisy = np.rint(RNG.normal(40, 15, SHAPE)).astype(np.int16)
    dose = np.broadcast_to(np.linspace(0, 60, 120, dtype=np.float32), SHAPE).copy()
    content = encode_png(picture(ct_of(noisy), dose=dose))
    assert len(content) <= LARGEST_PNG
    assert opened(content).size == PICTURE_SIZE


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
    ct, dose = ct_of(np.rint(RNG.normal(40, 15, SHAPE)).astype(np.int16)), whole_dose(50)
    size = save_png(picture(ct, dose=dose), tmp_path / "a.png")
    save_png(picture(ct, dose=dose), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size == size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_contact_sheet_holds_twelve_rois_within_fifteen_kilobytes() -> None:
    noisy = np.rint(RNG.normal(40, 40, SHAPE)).astype(np.int16)
    image = picture(ct_of(noisy), dose=whole_dose(50))
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
