"""RT Structure Set IOD (PS3.3 A.19.3): the ROIs with their contours.

What lives here: Structure Set, ROI Contour and RT ROI Observations modules. What does not: how a contour comes about
(`spec`, `solids`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from pdcp_dagster.phantom.dicom_base import SOP_CLASSES, TIME, da, judge, new_object, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdcp_dagster.phantom.dicom_base import Chain
    from pdcp_dagster.phantom.spec import PhantomRoi

_STUDY_COMPONENT = UID("1.2.840.10008.3.1.2.3.1")
"""Detached Study Management, retired and yet what systems write in RTReferencedStudySequence."""
_COLOURS = (
    (230, 60, 60),
    (60, 160, 230),
    (70, 190, 90),
    (240, 170, 40),
    (170, 90, 210),
    (90, 200, 200),
    (210, 110, 150),
)


def structure_set(chain: Chain, *, spare: bool = False) -> Dataset:
    """Return the structure set that the plan uses, or the spare one that it does not."""
    rois = chain.spec.spare_rois if spare else chain.spec.rois
    ds = new_object(chain, "RTSTRUCT", structure_set_uid(chain, spare=spare), "spare" if spare else "")
    ds.FrameOfReferenceUID = chain.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.InstanceNumber = 1
    ds.StructureSetLabel = "DRAFT" if spare else "PLANNED"
    ds.StructureSetDate = da(chain.date("RTSTRUCT"))
    ds.StructureSetTime = TIME
    ds.ReferencedFrameOfReferenceSequence = [_referenced_ct(chain)]
    ds.StructureSetROISequence = [_roi(roi, chain) for roi in rois]
    ds.ROIContourSequence = [_contours(roi, chain) for roi in rois]
    ds.RTROIObservationsSequence = [_observation(roi) for roi in rois]
    judge(ds, "UNAPPROVED" if spare else "APPROVED", chain.date("RTSTRUCT"))
    return ds


def structure_set_uid(chain: Chain, *, spare: bool = False) -> UID:
    """SOPInstanceUID of the structure set."""
    return chain.uid("RTSTRUCT", "spare" if spare else "planned")


def _referenced_ct(chain: Chain) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = chain.uid("CT", "series", "")
    series.ContourImageSequence = [
        reference(SOP_CLASSES["CT"], chain.ct_uid(index)) for index in range(chain.spec.size[2])
    ]
    study = reference(_STUDY_COMPONENT, chain.study_uid)
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = chain.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(roi: PhantomRoi, chain: Chain) -> Dataset:
    item = Dataset()
    item.ROINumber = roi.number
    item.ReferencedFrameOfReferenceUID = chain.frame_of_reference_uid
    item.ROIName = roi.name
    item.ROIGenerationAlgorithm = "MANUAL"
    return item


def _observation(roi: PhantomRoi) -> Dataset:
    item = Dataset()
    item.ObservationNumber = roi.number
    item.ReferencedROINumber = roi.number
    item.RTROIInterpretedType = roi.interpreted_type
    item.ROIInterpreter = ""
    return item


def _contours(roi: PhantomRoi, chain: Chain) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = roi.number
    item.ROIDisplayColor = list(_COLOURS[roi.number % len(_COLOURS)])
    slices = {z: index for index, z in enumerate(chain.spec.slice_positions_mm)}
    contours = [
        _contour(np.column_stack([points, np.full(len(points), plane.z_mm)]), chain.ct_uid(slices[plane.z_mm]))
        for plane in roi.planes(chain.spec.slice_positions_mm)
        for points in plane.contours
    ]
    if roi.point_mm is not None:
        contours.append(_contour([roi.point_mm]))
    if contours:
        item.ContourSequence = contours
    return item


def _contour(points_mm: Sequence[Sequence[float]] | np.ndarray, ct_uid: UID | None = None) -> Dataset:
    item = Dataset()
    if ct_uid is not None:
        item.ContourImageSequence = [reference(SOP_CLASSES["CT"], ct_uid)]
    item.ContourGeometricType = "CLOSED_PLANAR" if ct_uid is not None else "POINT"
    item.NumberOfContourPoints = len(points_mm)
    text = "\\".join(f"{value:.4f}" for point in points_mm for value in point)
    # Already DS text: letting pydicom parse and format every number again takes ten times as long.
    item.add(DataElement("ContourData", "DS", text, already_converted=True))
    return item
