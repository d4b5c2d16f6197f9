"""From single CT slices to one multi-frame image of the same slices, as archives and scanners make them.

What lives here: making Enhanced CT (PS3.3 A.38) and Legacy Converted Enhanced CT (A.70) for tests. What does not: laws.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

_OF_A_SLICE = (
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SliceLocation RescaleSlope "
    "RescaleIntercept RescaleType KVP ConvolutionKernel PixelData"
)


def item(**values: Any) -> Dataset:
    """Return an item of a sequence."""
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def enhanced_from(
    slices: Sequence[Dataset],
    uid: str = "1.2.7.7",
    *,
    legacy: bool = False,
    all_per_frame: bool = False,
    frame_types: Sequence[Sequence[str]] = (),
) -> Dataset:
    """Return one image whose frames are these slices, in the order given.

    legacy: as converted by an archive, with KVP and ConvolutionKernel among the unassigned attributes.
    all_per_frame: nothing but the frame type is told once for all. frame_types: of each frame, where they differ.
    """
    first = slices[0]
    data = deepcopy(first)
    data.SOPClassUID = LegacyConvertedEnhancedCTImageStorage if legacy else EnhancedCTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    for keyword in _OF_A_SLICE.split():
        if keyword in data:
            delattr(data, keyword)
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "NONE"]
    data.NumberOfFrames = len(slices)
    shared, own = _groups(first), [_groups(one) for one in slices]
    told_once = () if all_per_frame else ("PlaneOrientationSequence", "PixelMeasuresSequence")
    data.SharedFunctionalGroupsSequence = [item(**{name: shared[name] for name in told_once})]
    if not frame_types:
        frame_type = [item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])]
        data.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence = frame_type
    _describe(data.SharedFunctionalGroupsSequence[0], first, legacy=legacy)
    data.PerFrameFunctionalGroupsSequence = [
        item(**{name: group for name, group in each.items() if name not in told_once}) for each in own
    ]
    for groups, own_type in zip(data.PerFrameFunctionalGroupsSequence, frame_types, strict=False):
        groups.CTImageFrameTypeSequence = [item(FrameType=list(own_type))]
    data.add_new("PixelData", "OW", b"".join(one.PixelData for one in slices))
    return data


def _groups(one: Dataset) -> dict[str, list[Dataset]]:
    return {
        "PlanePositionSequence": [item(ImagePositionPatient=one.ImagePositionPatient)],
        "PlaneOrientationSequence": [item(ImageOrientationPatient=one.ImageOrientationPatient)],
        "PixelMeasuresSequence": [item(PixelSpacing=one.PixelSpacing, SliceThickness=one.SliceThickness)],
        "PixelValueTransformationSequence": [
            item(RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="HU")
        ],
    }


def _describe(shared: Dataset, first: Dataset, *, legacy: bool) -> None:
    if legacy:
        told = item(KVP=first.KVP, ConvolutionKernel=first.ConvolutionKernel)
        shared.UnassignedSharedConvertedAttributesSequence = [told]
    else:
        shared.CTXRayDetailsSequence = [item(KVP=float(first.KVP))]
        shared.CTReconstructionSequence = [item(ConvolutionKernel=first.ConvolutionKernel)]
