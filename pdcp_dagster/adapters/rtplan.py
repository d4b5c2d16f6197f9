"""From an RTPLAN file to plain values.

What lives here: reading RT Plan and RT Ion Plan objects (PS3.3 A.20, A.49) with pydicom. What does not: linkage, or
which prescription holds. A brachytherapy plan has no beams here, but says that it is one.

Errors::

    DicomReadError
    └── PlanReadError(path, why)    unreadable, no RTPLAN, or an item without its number
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydicom

from pdcp_dagster.adapters.dicom_file import read_dicom
from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    date_of,
    failing_as,
    items_of,
    number_of,
    numbers_of,
    required,
    text_of,
    vector_of,
    whole_of,
)
from pdcp_dagster.domain.plan import Beam, Brachytherapy, DoseReference, FractionGroup, RtPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.volume import Vector


_TURNS = frozenset({"CW", "CC"})
"""Gantry Rotation Direction (PS3.3 C.8.8.14.8): clockwise and counter-clockwise; else NONE."""


class PlanReadError(DicomReadError):
    """An RTPLAN could not be read; `path` names it, `why` says what is wrong."""


def read_plan(file: Path) -> RtPlan:
    """Read one RTPLAN. `sop_class` is the class's name in words where it is known. Raises `PlanReadError`."""
    with failing_as(PlanReadError, file):
        data = read_dicom(file)
        modality = text_of(data, "Modality")
        if modality != "RTPLAN":
            raise UnusableValueError(f"not an RT Plan: Modality is {modality or 'missing'}")
        return _plan(data)


def _plan(data: Dataset) -> RtPlan:
    structure_sets = items_of(data, "ReferencedStructureSetSequence")
    return RtPlan(
        sop_instance_uid=required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID"),
        label=text_of(data, "RTPlanLabel"),
        name=text_of(data, "RTPlanName"),
        date=date_of(data, "RTPlanDate"),
        intent=text_of(data, "PlanIntent"),
        approval_status=text_of(data, "ApprovalStatus"),
        sop_class=_sop_class(data),
        manufacturer=text_of(data, "Manufacturer"),
        model=text_of(data, "ManufacturerModelName"),
        software_versions=text_of(data, "SoftwareVersions"),
        structure_set_uids=tuple(uid for item in structure_sets if (uid := text_of(item, "ReferencedSOPInstanceUID"))),
        dose_references=tuple(_dose_reference(item) for item in items_of(data, "DoseReferenceSequence")),
        beams=(
            *(_beam(item, "ControlPointSequence") for item in items_of(data, "BeamSequence")),
            *(_beam(item, "IonControlPointSequence") for item in items_of(data, "IonBeamSequence")),
        ),
        fraction_groups=tuple(_fraction_group(item) for item in items_of(data, "FractionGroupSequence")),
        brachytherapy=_brachytherapy(data),
    )


def _sop_class(data: Dataset) -> str | None:
    uid = text_of(data, "SOPClassUID")
    return None if uid is None else pydicom.uid.UID(uid).name


def _brachytherapy(data: Dataset) -> Brachytherapy | None:
    """Return what the RT Brachy Application Setups module says; None where the plan has none of it."""
    treatment_type, technique = text_of(data, "BrachyTreatmentType"), text_of(data, "BrachyTreatmentTechnique")
    groups = items_of(data, "FractionGroupSequence")
    setups = any(whole_of(group, "NumberOfBrachyApplicationSetups") for group in groups)
    if not (setups or treatment_type or technique or items_of(data, "ApplicationSetupSequence")):
        return None
    machines = (text_of(item, "TreatmentMachineName") for item in items_of(data, "TreatmentMachineSequence"))
    return Brachytherapy(treatment_type, technique, next(filter(None, machines), None))


def _dose_reference(item: Dataset) -> DoseReference:
    return DoseReference(
        number=required(whole_of(item, "DoseReferenceNumber"), "DoseReferenceNumber"),
        structure_type=text_of(item, "DoseReferenceStructureType"),
        reference_type=text_of(item, "DoseReferenceType"),
        roi_number=whole_of(item, "ReferencedROINumber"),
        prescription_gy=number_of(item, "TargetPrescriptionDose"),
        description=text_of(item, "DoseReferenceDescription"),
    )


def _beam(item: Dataset, control_points: str) -> Beam:
    points = items_of(item, control_points)
    energies = (energy for point in points for energy in numbers_of(point, "NominalBeamEnergy"))
    return Beam(
        number=required(whole_of(item, "BeamNumber"), "BeamNumber"),
        name=text_of(item, "BeamName"),
        radiation_type=text_of(item, "RadiationType"),
        beam_type=text_of(item, "BeamType"),
        delivery_type=text_of(item, "TreatmentDeliveryType"),
        machine=text_of(item, "TreatmentMachineName"),
        energies=tuple(dict.fromkeys(energies)),
        isocentre_mm=_isocentre(points),
        gantry_rotates=any(text_of(point, "GantryRotationDirection") in _TURNS for point in points),
        scan_mode=text_of(item, "ScanMode"),
    )


def _isocentre(points: Sequence[Dataset]) -> Vector | None:
    """Return the isocentre of the first control point that has one, LPS mm; later ones repeat it (C.8.8.14.5)."""
    for point in points:
        if numbers_of(point, "IsocenterPosition"):
            x, y, z = vector_of(point, "IsocenterPosition", 3)
            return x, y, z
    return None


def _fraction_group(item: Dataset) -> FractionGroup:
    beams = items_of(item, "ReferencedBeamSequence")
    return FractionGroup(
        number=required(whole_of(item, "FractionGroupNumber"), "FractionGroupNumber"),
        fractions_planned=whole_of(item, "NumberOfFractionsPlanned"),
        beam_doses_gy=_per_beam(beams, "BeamDose"),
        beam_metersets=_per_beam(beams, "BeamMeterset"),
        beams=tuple(
            dict.fromkeys(number for beam in beams if (number := whole_of(beam, "ReferencedBeamNumber")) is not None)
        ),
    )


def _per_beam(beams: Sequence[Dataset], keyword: str) -> tuple[tuple[int, float], ...]:
    """Return (beam number, value) of the beams that state one."""
    return tuple(
        (required(whole_of(beam, "ReferencedBeamNumber"), "ReferencedBeamNumber"), value)
        for beam in beams
        if (value := number_of(beam, keyword)) is not None
    )
