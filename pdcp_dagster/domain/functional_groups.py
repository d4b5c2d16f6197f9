"""What each frame of an enhanced multi-frame image says of itself (PS3.3 C.7.6.16).

What lives here: where an attribute lies in the functional groups, be it this frame's own or shared by all, and which
frames are no slices of a CT. What does not: reading files, or what the attributes mean.

Enhanced CT (PS3.3 A.38) and Legacy Converted Enhanced CT (A.70) alike; data sets and simplified tags alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.dicom_values import Attributes

_SHARED = "SharedFunctionalGroupsSequence"
_PER_FRAME = "PerFrameFunctionalGroupsSequence"
_CONVERTED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")
"""Where a legacy conversion puts what has no group of its own (PS3.3 C.7.6.16.2.25, C.7.6.16.2.26)."""

_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "ImagePositionPatient": "PlanePositionSequence",
        "ImageOrientationPatient": "PlaneOrientationSequence",
        "PixelSpacing": "PixelMeasuresSequence",
        "SliceThickness": "PixelMeasuresSequence",
        "RescaleIntercept": "PixelValueTransformationSequence",
        "RescaleSlope": "PixelValueTransformationSequence",
        "RescaleType": "PixelValueTransformationSequence",
        "FrameType": "CTImageFrameTypeSequence",
        "KVP": "CTXRayDetailsSequence",
        "ConvolutionKernel": "CTReconstructionSequence",
    }
)
"""The functional group macro of an attribute (PS3.3 C.7.6.16.2, C.8.15.3)."""


@dataclass(frozen=True, slots=True)
class FrameAttributes:
    """One frame as if it were an image of its own: `get` looks in its groups, in the shared ones, in the image."""

    image: Attributes | Mapping[str, Any]
    shared: Attributes | Mapping[str, Any]
    own: Attributes | Mapping[str, Any]

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of an attribute by its DICOM keyword."""
        group = _GROUPS.get(key)
        for sequence in (group, *_CONVERTED) if group else _CONVERTED:
            for groups in (self.own, self.shared):
                for item in _items(groups.get(sequence)):
                    value = item.get(key)
                    if value is not None and value != "":
                        return value
        return self.image.get(key, default)


def frames_of(image: Attributes | Mapping[str, Any]) -> tuple[FrameAttributes, ...]:
    """Return the frames of an image that has functional groups, in order; none where it has none."""
    per_frame = _items(image.get(_PER_FRAME))
    if not per_frame:
        return ()
    shared: Any = next(iter(_items(image.get(_SHARED))), {})
    return tuple(FrameAttributes(image, shared, own) for own in per_frame)


def _items(value: Any) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return ()
    return [item for item in value if hasattr(item, "get")]
