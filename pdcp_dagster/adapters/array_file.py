"""Many small named arrays in one `.npz` file.

What lives here: writing it fast and whole. What does not: what the arrays are.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.atomic import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LEVEL = 1
"""`numpy.savez_compressed` takes 6: a tenth smaller, in three times the time."""


def write_arrays(arrays: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    """Write arrays under their names, as `numpy.load` reads them; the same bytes for the same arrays."""
    with (
        whole_file(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive,
    ):
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
