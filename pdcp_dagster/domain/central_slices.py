"""Where an ROI lies in its image: the slices to look at, its centroid, its direction from the middle of the image.

What lives here: positional features of one mask. What does not: drawing the slices (`display`, the pictures adapter),
volumes and doses.

The three slice directions are named as in an axial acquisition: axial runs along k (slices), coronal along j (rows),
sagittal along i (columns), whatever the patient's position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Grid, Vector

Indices = tuple[int, int, int]
"""One index per array axis: k, j, i."""


@dataclass(frozen=True, slots=True)
class CentralSlices:
    """The positional features of one ROI's mask.

    most: slice index with the most voxels of the ROI along each array axis (k, j, i); where several tie the one nearest
        to the centroid, of two equally near the higher.
    central: slice index through the centroid along each array axis (k, j, i).
    centroid_voxel: mean of the ROI's voxel indices, as i, j, k.
    centroid_mm: the same point in LPS mm.
    cosines: direction cosines (LPS) of the vector from the centre of the image's grid to the centroid; None where the
        two coincide.
    voxels: number of voxels of the mask.
    picture: name of the picture file, where there is one.
    """

    roi_number: int
    roi_name: str
    most: Indices
    central: Indices
    centroid_voxel: Vector
    centroid_mm: Vector
    cosines: Vector | None
    voxels: int
    picture: str | None = None

    def as_row(self) -> dict[str, int | float | str | None]:
        """Return the row of `central_slices.parquet`, with plain Python values."""
        return {
            "roi_number": self.roi_number,
            "roi_name": self.roi_name,
            **dict(zip(("slice_most_axial", "slice_most_coronal", "slice_most_sagittal"), self.most, strict=True)),
            **dict(
                zip(
                    ("slice_central_axial", "slice_central_coronal", "slice_central_sagittal"),
                    self.central,
                    strict=True,
                )
            ),
            **dict(zip(("centroid_x_mm", "centroid_y_mm", "centroid_z_mm"), self.centroid_mm, strict=True)),
            **dict(zip(("centroid_i", "centroid_j", "centroid_k"), self.centroid_voxel, strict=True)),
            **dict(zip(("cosine_x", "cosine_y", "cosine_z"), self.cosines or (None, None, None), strict=True)),
            "voxels": self.voxels,
            "picture": self.picture,
        }


def central_slices(
    mask: NDArray[np.uint8],
    offset: Indices,
    grid: Grid,
    *,
    roi_number: int,
    roi_name: str,
    picture: str | None = None,
) -> CentralSlices:
    """Return the positional features of an ROI.

    mask: `(k, j, i)`, a crop of the image's grid, inside where not 0.
    offset: index (k, j, i) of the crop's first voxel in the grid.
    grid: the image's grid.

    Raises ValueError where the mask has no voxel: such an ROI has no slice to look at.
    """
    per_axis = _counts_per_slice(mask)
    voxels = int(per_axis[0].sum())
    if not voxels:
        raise ValueError(f"ROI {roi_number} has no voxel in its mask")
    first = np.array(offset)
    middle = [float(counts @ np.arange(counts.size)) / voxels for counts in per_axis]
    most = first + [_fullest(counts, near) for counts, near in zip(per_axis, middle, strict=True)]
    centroid = first + middle
    # Half a voxel belongs to the higher slice, so that the answer does not depend on rounding to even.
    central = np.floor(centroid + 0.5).astype(np.int64)
    centroid_ijk = centroid[::-1]
    centroid_mm = grid.to_patient(centroid_ijk[np.newaxis])[0]
    return CentralSlices(
        roi_number=roi_number,
        roi_name=roi_name,
        most=_indices(most),
        central=_indices(central),
        centroid_voxel=_vector(centroid_ijk),
        centroid_mm=_vector(centroid_mm),
        cosines=_direction_cosines(centroid_ijk, grid),
        voxels=voxels,
        picture=picture,
    )


def _counts_per_slice(mask: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    along_k = np.array([np.count_nonzero(plane) for plane in mask], dtype=np.int64)
    shadow = np.count_nonzero(mask, axis=0).astype(np.int64)
    return along_k, shadow.sum(axis=1), shadow.sum(axis=0)


def _fullest(counts: NDArray[np.int64], near: float) -> int:
    """Return the slice with the most voxels; an end of a cylinder, whose slices all tie, would say little."""
    tied = np.flatnonzero(counts == counts.max())[::-1]
    return int(tied[np.abs(tied - near).argmin()])


def _direction_cosines(centroid_ijk: NDArray[np.float64], grid: Grid) -> Vector | None:
    centre_ijk = (np.array(grid.size) - 1) / 2
    # Compared in voxels, where the grid's centre is exact, not in mm, where rounding would give a random direction.
    if np.array_equal(centroid_ijk, centre_ijk):
        return None
    vector = (centroid_ijk - centre_ijk) * np.array(grid.spacing_mm) @ grid.direction.T
    return _vector(vector / np.linalg.norm(vector))


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _indices(values: NDArray[np.int64]) -> Indices:
    k, j, i = (int(value) for value in values)
    return k, j, i
