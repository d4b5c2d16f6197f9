"""Label maps as NIfTI files.

What lives here: writing uint32 planes one by one, so that the whole image is never in memory. What does not: what a
bit means (`domain.label_map`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from isal import isal_zlib

from pdcp_dagster.adapters.atomic import whole_file
from pdcp_dagster.adapters.nifti.header import header

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Grid

_LEVEL = 1
_GZIP_WINDOW = 31


def write_label_map(planes: Iterable[NDArray[np.uint32]], grid: Grid, path: Path) -> None:
    """Write the `(j, i)` uint32 planes of `grid`, ascending in k, as .nii.gz, whole or not at all.

    Raises `ValueError` where the planes do not fill the grid.
    """
    count = 0
    squeeze = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(squeeze.compress(header(grid, np.dtype(np.uint32))))
        for plane in planes:
            if plane.shape != grid.shape[1:]:
                raise ValueError(f"a plane of {plane.shape} on a grid of {grid.shape}")
            file.write(squeeze.compress(np.ascontiguousarray(plane, dtype="<u4").data))
            count += 1
        if count != grid.shape[0]:
            raise ValueError(f"{count} planes on a grid of {grid.shape}")
        file.write(squeeze.flush())
