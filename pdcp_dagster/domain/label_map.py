"""Many masks in one image: a bit of each voxel for each ROI.

What lives here: keeping the masks of a structure set small until all are filled, and laying them over one another slice
by slice. What does not: filling (`masks`), or the file (adapters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.masks import MaskCrop
    from pdcp_dagster.domain.volume import Grid

BITS = 32
"""ROIs of one label map: the bits of a uint32."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedMask:
    """A mask crop at a bit per voxel: the whole of a patient's masks takes a few MB until the map is written.

    bits: `(k, bytes)` uint8, each slice of the crop packed on its own.
    offset, shape: k, j, i of the crop's first voxel in the image, and its size.
    """

    bits: NDArray[np.uint8]
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]

    def slice_at(self, k: int) -> NDArray[np.uint8] | None:
        """Return the crop's `(j, i)` uint8 slice in plane k of the image, None where the crop has none."""
        within = k - self.offset[0]
        if not 0 <= within < self.shape[0]:
            return None
        _, rows, columns = self.shape
        return np.unpackbits(self.bits[within], count=rows * columns).reshape(rows, columns)


def pack_mask(mask: MaskCrop) -> PackedMask:
    """Return a mask at a bit per voxel."""
    planes, rows, columns = mask.values.shape
    bits = np.packbits(mask.values.reshape(planes, rows * columns), axis=1)
    return PackedMask(bits, mask.offset, (planes, rows, columns))


def label_planes(masks: Sequence[PackedMask], grid: Grid) -> Iterator[NDArray[np.uint32]]:
    """Yield the `(j, i)` uint32 planes of the label map, ascending in k: bit n is set where the n-th mask is.

    Raises ValueError for more than 32 masks.
    """
    if len(masks) > BITS:
        raise ValueError(f"{len(masks)} masks do not fit into {BITS} bits")
    planes, rows, columns = grid.shape
    for k in range(planes):
        plane = np.zeros((rows, columns), dtype=np.uint32)
        for bit, mask in enumerate(masks):
            part = mask.slice_at(k)
            if part is not None:
                _, j, i = mask.offset
                plane[j : j + mask.shape[1], i : i + mask.shape[2]] |= part.astype(np.uint32) << np.uint32(bit)
        yield plane
