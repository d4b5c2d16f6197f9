"""Volumes, masks and doses as NIfTI-1 files.

What lives here: the format. What does not: which files there are (`store`), or how values come about.

Voxels are `[i, j, k]` = column, row, slice. The same patient point as in DICOM is found by SimpleITK (LPS) and by
nibabel (RAS). Files are deterministic to the byte: no time stamp, no name inside.

Errors::

    NiftiReadError(path, why)     a file is missing, or is no NIfTI image
    UnevenPlanes                  a ValueError: the planes of a dose are no equal steps, and NIfTI holds nothing else
    UnstorableError               a ValueError: not a 3D image of one number per voxel of a type that NIfTI-1 has
"""

from pdcp_dagster.adapters.nifti.header import UnstorableError
from pdcp_dagster.adapters.nifti.labels import write_label_map
from pdcp_dagster.adapters.nifti.masks import write_mask
from pdcp_dagster.adapters.nifti.volumes import (
    NiftiReadError,
    UnevenPlanes,
    grid_of,
    read_image,
    read_volume,
    write_dose,
    write_image,
    write_volume,
)

__all__ = [
    "NiftiReadError",
    "UnevenPlanes",
    "UnstorableError",
    "grid_of",
    "read_image",
    "read_volume",
    "write_dose",
    "write_image",
    "write_label_map",
    "write_mask",
    "write_volume",
]
