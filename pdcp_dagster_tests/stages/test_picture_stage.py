"""The arrays beside the pictures: both slices along each axis, with the CT, the mask and the dose of that place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_rois

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

Drawn = tuple[pd.DataFrame, dict[str, NDArray[Any]]]

PATIENT = "PS-slices"
SLICE_MM = 3.0
GRADIENT_GY_PER_MM = 0.8
AXES = ("axial", "coronal", "sagittal")


@pytest.fixture(scope="module")
def drawn(ward: Ward) -> Drawn:
    """The table and the arrays of a patient whose liver is a cone: most of it lies at its foot."""
    ward.admit(PATIENT, slices=24, rois=(tiny_rois(PATIENT)[1], tiny_rois(PATIENT)[8]))
    assert ward.run(PATIENT).status is Status.SUCCESS
    folder = ward.folder(PATIENT).path
    with np.load(folder / "central_slices.npz", allow_pickle=False) as arrays:
        return read_table(folder / "central_slices.parquet"), dict(arrays)


def rows(drawn: Drawn) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in drawn[0].to_dict("records")]


def test_every_roi_has_both_slices_of_every_axis(drawn: Drawn) -> None:
    kinds = [
        f"{axis}{kind}/{what}" for axis in AXES for kind in ("", "_central") for what in ("ct_hu", "mask", "dose_gy")
    ]
    assert set(drawn[1]) == {f"{name}/{key}" for name in ("PTV_50", "Liver") for key in ("offset_kji", *kinds)}


def test_of_a_cone_the_slice_with_most_of_it_is_not_the_central_one(
    drawn: Drawn,
) -> None:
    (liver,) = [row for row in rows(drawn) if row["roi_name"] == "Liver"]
    most, central = drawn[1]["Liver/axial/mask"], drawn[1]["Liver/axial_central/mask"]
    assert liver["slice_most_axial"] != liver["slice_central_axial"]
    assert most.sum() > 1.5 * central.sum() > 0


def test_where_both_slices_are_one_their_arrays_are_the_same(
    drawn: Drawn,
) -> None:
    same = [
        (row["roi_name"], axis)
        for row in rows(drawn)
        for axis in AXES
        if row[f"slice_most_{axis}"] == row[f"slice_central_{axis}"]
    ]
    assert same
    for name, axis in same:
        for what in ("ct_hu", "mask", "dose_gy"):
            assert np.array_equal(drawn[1][f"{name}/{axis}/{what}"], drawn[1][f"{name}/{axis}_central/{what}"])


def test_the_doses_of_both_slices_differ_as_the_dose_does_from_slice_to_slice(
    drawn: Drawn,
) -> None:
    for row in rows(drawn):
        name, arrays = row["roi_name"], drawn[1]
        apart_mm = SLICE_MM * (row["slice_central_axial"] - row["slice_most_axial"])
        step = arrays[f"{name}/axial_central/dose_gy"] - arrays[f"{name}/axial/dose_gy"]
        assert step == pytest.approx(GRADIENT_GY_PER_MM * apart_mm, abs=0.05)
        upward = np.diff(arrays[f"{name}/coronal_central/dose_gy"], axis=0)
        assert upward == pytest.approx(GRADIENT_GY_PER_MM * SLICE_MM, abs=0.05)
        assert upward.shape[1] == arrays[f"{name}/coronal_central/mask"].shape[1]


def test_all_arrays_of_a_slice_cover_the_rois_box(drawn: Drawn) -> None:
    for row in rows(drawn):
        axial, coronal, sagittal = (drawn[1][f"{row['roi_name']}/{axis}/mask"].shape for axis in AXES)
        assert (coronal, sagittal) == ((coronal[0], axial[1]), (coronal[0], axial[0]))
        for axis in AXES:
            for kind in (axis, f"{axis}_central"):
                shapes = {drawn[1][f"{row['roi_name']}/{kind}/{what}"].shape for what in ("ct_hu", "mask", "dose_gy")}
                assert shapes == {drawn[1][f"{row['roi_name']}/{axis}/mask"].shape}
