"""The planning system's own DVHs in an RTDOSE file.

What lives here: reading the RT DVH Module (PS3.3 C.8.8.4) with pydicom, without the pixels. What does not: the dose
itself (`rtdose`), what a curve says (`domain.tps_dvh`).

A DVH that is damaged, or whose units leave its doses unknown, is skipped with the reason: nothing else rests on it. A
file that cannot be parsed is an error all the same.

Errors::

    DicomReadError
    └── PlanningDvhsReadError(path, why)    unreadable, or no RTDOSE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.dicom_file import read_dicom
from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    code_of,
    failing_as,
    items_of,
    loose_number_of,
    number_of,
    numbers_of,
    required,
    text_of,
    whole_of,
)
from pdcp_dagster.domain.tps_dvh import (
    PlanningDvhs,
    SkippedDvh,
    TpsCurve,
    TpsDvh,
    TpsDvhError,
    cumulative_curve,
    differential_curve,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

_CURVES = {"CUMULATIVE": cumulative_curve, "DIFFERENTIAL": differential_curve}
_VOLUME_UNITS = frozenset({"CM3", "PERCENT"})


class PlanningDvhsReadError(DicomReadError):
    """An RTDOSE could not be read for its DVHs; `path` names it, `why` says what is wrong."""


def read_planning_dvhs(file: Path) -> PlanningDvhs:
    """Read the DVHs of one RTDOSE, none where it has none. Raises `PlanningDvhsReadError`."""
    with failing_as(PlanningDvhsReadError, file):
        data = read_dicom(file, stop_before_pixels=True)
        modality = text_of(data, "Modality")
        if modality != "RTDOSE":
            raise UnusableValueError(f"not an RT Dose: Modality is {modality or 'missing'}")
        read = _dvhs(data)
        return PlanningDvhs(
            dose_uid=text_of(data, "SOPInstanceUID"),
            summation_type=code_of(data, "DoseSummationType"),
            plan_uids=_referenced(data, "ReferencedRTPlanSequence"),
            structure_set_uids=_referenced(data, "ReferencedStructureSetSequence"),
            dvhs=tuple(each for each in read if isinstance(each, TpsDvh)),
            skipped=tuple(each for each in read if isinstance(each, SkippedDvh)),
        )


def _referenced(data: Dataset, keyword: str) -> tuple[str, ...]:
    return tuple(uid for item in items_of(data, keyword) if (uid := text_of(item, "ReferencedSOPInstanceUID")))


def _dvhs(data: Dataset) -> list[TpsDvh | SkippedDvh]:
    try:
        return [_dvh(item) for item in items_of(data, "DVHSequence")]
    except UnusableValueError as error:
        return [SkippedDvh(None, str(error))]


def _dvh(item: Dataset) -> TpsDvh | SkippedDvh:
    number: int | None = None
    try:
        number = _roi_number(item)
        units = text_of(item, "DVHVolumeUnits")
        if units not in _VOLUME_UNITS:
            return SkippedDvh(number, f"its volumes are in {units or 'no unit'}")
        curve = _curve(item)
        return TpsDvh(
            roi_number=number,
            curve=curve,
            volume_cm3=curve.total if units == "CM3" else None,
            dose_type=code_of(item, "DoseType"),
            stated_dmean=loose_number_of(item, "DVHMeanDose"),
        )
    except (UnusableValueError, TpsDvhError) as error:
        return SkippedDvh(number, str(error))


def _roi_number(item: Dataset) -> int:
    """Return the one ROI that the DVH is of; a DVH of several, or of one without another, is of no ROI."""
    referenced = items_of(item, "DVHReferencedROISequence")
    contributions = [text_of(roi, "DVHROIContributionType") for roi in referenced]
    if contributions != ["INCLUDED"]:
        raise UnusableValueError(f"it is not of one ROI: {', '.join(map(str, contributions)) or 'none is named'}")
    return required(whole_of(referenced[0], "ReferencedROINumber"), "ReferencedROINumber")


def _curve(item: Dataset) -> TpsCurve:
    """Return the curve in Gy. RELATIVE doses are of a value that need not be given, and may or may not be in %."""
    units, kind = text_of(item, "DoseUnits"), text_of(item, "DVHType")
    if units != "GY":
        raise UnusableValueError(f"its doses are in {units or 'no unit'}")
    if kind not in _CURVES:
        raise UnusableValueError(f"its type is {kind or 'not given'}")
    scaling = required(number_of(item, "DVHDoseScaling"), "DVHDoseScaling")
    if scaling <= 0:
        raise UnusableValueError(f"DVHDoseScaling is {scaling}")
    bins, pairs = whole_of(item, "DVHNumberOfBins"), numbers_of(item, "DVHData")
    if bins is not None and len(pairs) != 2 * bins:
        raise UnusableValueError(f"its data are {len(pairs)} numbers for {bins} bins")
    return _CURVES[kind](pairs, scaling)
