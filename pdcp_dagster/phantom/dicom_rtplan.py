"""RT Plan IOD (PS3.3 A.20.3): two treatment fields, a setup field and a prescription.

What lives here: RT General Plan, RT Prescription, RT Patient Setup, RT Fraction Scheme and RT Beams modules. What does
not: the dose (`dicom_rtdose`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from pdcp_dagster.phantom.dicom_base import SOP_CLASSES, TIME, da, ds_number, judge, new_object, reference
from pdcp_dagster.phantom.dicom_rtstruct import structure_set_uid

if TYPE_CHECKING:
    from pydicom.uid import UID

    from pdcp_dagster.domain.volume import Vector
    from pdcp_dagster.phantom.dicom_base import Chain
    from pdcp_dagster.phantom.study_spec import PlanSpec

_METERSET_MU = 110.0
_JAWS_MM = {"ASYMX": ("-40", "40"), "ASYMY": ("-50", "50")}
_SAD_MM = "1000"


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    name: str
    gantry_deg: int
    delivery_type: str

    @property
    def delivers(self) -> bool:
        return self.delivery_type == "TREATMENT"


_FIELDS = (
    _Field(1, "Medial", 310, "TREATMENT"),
    _Field(2, "Lateral", 130, "TREATMENT"),
    _Field(3, "Setup AP", 0, "SETUP"),
)
_BEAMS = sum(field.delivers for field in _FIELDS)


def rt_plan(chain: Chain, number: int = 1) -> Dataset:
    """Return a plan of a chain, numbered from 1."""
    plan = chain.study_spec.plans[number - 1]
    ds = new_object(chain, "RTPLAN", rt_plan_uid(chain, number), _apart(number))
    ds.FrameOfReferenceUID = chain.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.InstanceNumber = 1
    ds.RTPlanLabel = plan.label or f"Breast {chain.label}"
    ds.RTPlanName = "Tangents"
    ds.RTPlanDate = da(chain.date("RTPLAN"))
    ds.RTPlanTime = TIME
    if plan.intent is not None:
        ds.PlanIntent = plan.intent
    ds.RTPlanGeometry = "PATIENT"
    drawn = reference(SOP_CLASSES["RTSTRUCT"], structure_set_uid(chain))
    ds.ReferencedStructureSetSequence = [drawn] if plan.names_structure_set else []
    ds.DoseReferenceSequence = [_prescription(chain, plan, number)]
    ds.PatientSetupSequence = [_setup()]
    ds.FractionGroupSequence = [_fraction_group(chain, plan)]
    ds.BeamSequence = [_beam(field, _isocentre_mm(chain)) for field in _FIELDS]
    judge(ds, plan.approval, chain.date("RTPLAN"))
    return ds


def rt_plan_uid(chain: Chain, number: int = 1) -> UID:
    """SOPInstanceUID of a plan."""
    return chain.uid("RTPLAN") if number == 1 else chain.uid("RTPLAN", number)


def _apart(number: int) -> str:
    return "" if number == 1 else f"plan {number}"


def _prescription(chain: Chain, plan: PlanSpec, number: int) -> Dataset:
    """A TARGET that names its ROI by number, or a SITE where there is no target volume (PS3.3 C.8.8.10)."""
    item = Dataset()
    target = chain.spec.target
    item.DoseReferenceNumber = 1
    item.DoseReferenceUID = chain.uid("dose reference") if number == 1 else chain.uid("dose reference", number)
    item.DoseReferenceStructureType = "SITE" if target is None else "VOLUME"
    item.DoseReferenceDescription = "Breast" if target is None else target.name
    if target is not None:
        item.ReferencedROINumber = target.number
    item.DoseReferenceType = "TARGET"
    if plan.prescribes:
        item.TargetPrescriptionDose = ds_number(chain.spec.prescription_gy * plan.share)
    return item


def _setup() -> Dataset:
    item = Dataset()
    item.PatientSetupNumber = 1
    item.PatientPosition = "HFS"
    return item


def _fraction_group(chain: Chain, plan: PlanSpec) -> Dataset:
    item = Dataset()
    item.FractionGroupNumber = 1
    item.NumberOfFractionsPlanned = chain.spec.fractions
    item.NumberOfBeams = len(_FIELDS)
    item.NumberOfBrachyApplicationSetups = 0
    item.ReferencedBeamSequence = []
    for field in _FIELDS:
        beam = Dataset()
        beam.ReferencedBeamNumber = field.number
        if field.delivers:
            beam.BeamDose = ds_number(chain.spec.prescription_gy * plan.share / chain.spec.fractions / _BEAMS)
            beam.BeamMeterset = ds_number(_METERSET_MU)
        item.ReferencedBeamSequence.append(beam)
    return item


def _isocentre_mm(chain: Chain) -> Vector:
    target = chain.spec.target
    return target.solid.centre_mm if target is not None and target.solid is not None else (0.0, 0.0, 0.0)


def _beam(field: _Field, isocentre_mm: Vector) -> Dataset:
    item = Dataset()
    item.BeamNumber = field.number
    item.BeamName = field.name
    item.BeamType = "STATIC"
    item.RadiationType = "PHOTON"
    item.TreatmentMachineName = "LINAC_1"
    item.PrimaryDosimeterUnit = "MU"
    item.SourceAxisDistance = _SAD_MM
    item.BeamLimitingDeviceSequence = [_jaw(name) for name in _JAWS_MM]
    item.ReferencedPatientSetupNumber = 1
    item.TreatmentDeliveryType = field.delivery_type
    item.NumberOfWedges = item.NumberOfCompensators = item.NumberOfBoli = item.NumberOfBlocks = 0
    item.FinalCumulativeMetersetWeight = "1"
    item.NumberOfControlPoints = 2
    item.ControlPointSequence = [_first_control_point(field, isocentre_mm), _control_point(1, "1")]
    return item


def _jaw(name: str) -> Dataset:
    item = Dataset()
    item.RTBeamLimitingDeviceType = name
    item.NumberOfLeafJawPairs = 1
    return item


def _control_point(index: int, meterset_weight: str) -> Dataset:
    item = Dataset()
    item.ControlPointIndex = index
    item.CumulativeMetersetWeight = meterset_weight
    return item


def _first_control_point(field: _Field, isocentre_mm: Vector) -> Dataset:
    """Everything that stays as it is for the rest of the beam is said once, here (PS3.3 C.8.8.14.5)."""
    item = _control_point(0, "0")
    item.NominalBeamEnergy = "6"
    item.DoseRateSet = "600"
    item.BeamLimitingDevicePositionSequence = []
    for name, positions in _JAWS_MM.items():
        jaw = Dataset()
        jaw.RTBeamLimitingDeviceType = name
        jaw.LeafJawPositions = list(positions)
        item.BeamLimitingDevicePositionSequence.append(jaw)
    item.GantryAngle = str(field.gantry_deg)
    item.BeamLimitingDeviceAngle = item.PatientSupportAngle = item.TableTopEccentricAngle = "0"
    item.GantryRotationDirection = item.BeamLimitingDeviceRotationDirection = "NONE"
    item.PatientSupportRotationDirection = item.TableTopEccentricRotationDirection = "NONE"
    item.TableTopPitchAngle = item.TableTopRollAngle = 0.0
    item.TableTopPitchRotationDirection = item.TableTopRollRotationDirection = "NONE"
    item.TableTopVerticalPosition = item.TableTopLongitudinalPosition = item.TableTopLateralPosition = None
    item.IsocenterPosition = [ds_number(value) for value in isocentre_mm]
    return item
