"""Laws of reading an RTPLAN."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.rtplan import PlanReadError, read_plan
from pdcp_dagster.domain.plan import Beam, DoseReference, FractionGroup, RtPlan

PLAN_STORAGE = "1.2.840.10008.5.1.4.1.1.481.5"
ION_PLAN_STORAGE = "1.2.840.10008.5.1.4.1.1.481.8"


def item(**values: Any) -> Dataset:
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


Read = Callable[..., RtPlan]


@pytest.fixture
def read(make_file: Callable[..., Dataset], save: Callable[[Dataset, str], Path]) -> Read:
    """Write an RTPLAN with these attributes and read it back."""

    def write_and_read(sop_class: str = PLAN_STORAGE, **more: Any) -> RtPlan:
        values = {"SOPInstanceUID": "1.2.3.4", "Modality": "RTPLAN", **more}
        return read_plan(save(make_file(values, sop_class), "rp.dcm"))

    return write_and_read


def test_a_plan_without_anything_is_a_plan_of_unknowns(read: Read) -> None:
    assert read() == RtPlan("1.2.3.4", sop_class="RT Plan Storage")


def test_what_the_plan_says_of_itself(read: Read) -> None:
    plan = read(
        RTPlanLabel="B1",
        RTPlanName="Breast",
        RTPlanDate="20240229",
        PlanIntent="CURATIVE",
        ApprovalStatus="APPROVED",
        Manufacturer="Maker",
        ManufacturerModelName="TPS",
        SoftwareVersions=["1.0", "build 7"],
        ReferencedStructureSetSequence=[item(ReferencedSOPInstanceUID="1.2.55")],
    )
    assert (plan.label, plan.name, plan.date, plan.intent) == ("B1", "Breast", dt.date(2024, 2, 29), "CURATIVE")
    assert (plan.approval_status, plan.manufacturer, plan.model) == ("APPROVED", "Maker", "TPS")
    assert (plan.software_versions, plan.structure_set_uids) == ("1.0\\build 7", ("1.2.55",))


def test_a_photon_beam(read: Read) -> None:
    points = [
        item(NominalBeamEnergy=6, IsocenterPosition=[1, 2, 3.5]),
        item(NominalBeamEnergy=10),
        item(NominalBeamEnergy=6),
    ]
    beam = item(
        BeamNumber=3,
        BeamName="AP",
        RadiationType="PHOTON",
        BeamType="STATIC",
        TreatmentDeliveryType="SETUP",
        TreatmentMachineName="L9",
        ControlPointSequence=points,
    )
    expected = Beam(3, "AP", "PHOTON", "STATIC", "SETUP", "L9", (6.0, 10.0), (1.0, 2.0, 3.5))
    assert read(BeamSequence=[beam]).beams == (expected,)


def test_an_ion_beam(read: Read) -> None:
    points = [item(NominalBeamEnergy=120.5, IsocenterPosition=[0, 0, 0]), item(NominalBeamEnergy=118)]
    beam = item(BeamNumber=1, RadiationType="PROTON", IonControlPointSequence=points)
    plan = read(ION_PLAN_STORAGE, IonBeamSequence=[beam])
    assert plan.sop_class == "RT Ion Plan Storage"
    assert plan.beams == (Beam(1, None, "PROTON", None, None, None, (120.5, 118.0), (0.0, 0.0, 0.0)),)


def test_a_brachytherapy_plan_has_no_beams(read: Read) -> None:
    group = item(FractionGroupNumber=1, NumberOfFractionsPlanned=4, NumberOfBeams=0)
    plan = read(ApplicationSetupSequence=[item(ApplicationSetupNumber=1)], FractionGroupSequence=[group])
    assert plan.beams == ()
    assert plan.fraction_groups == (FractionGroup(1, 4),)


def test_fraction_groups_with_dose_and_meterset_per_beam(read: Read) -> None:
    beams = [item(ReferencedBeamNumber=1, BeamDose=0.5, BeamMeterset=97), item(ReferencedBeamNumber=2)]
    group = item(FractionGroupNumber=0, NumberOfFractionsPlanned="7", ReferencedBeamSequence=beams)
    assert read(FractionGroupSequence=[group]).fraction_groups == (FractionGroup(0, 7, ((1, 0.5),), ((1, 97.0),)),)


def test_dose_references(read: Read) -> None:
    target = item(
        DoseReferenceNumber=1,
        DoseReferenceStructureType="VOLUME",
        DoseReferenceType="TARGET",
        ReferencedROINumber=12,
        TargetPrescriptionDose="66.5",
        DoseReferenceDescription="PTV",
    )
    organ = item(DoseReferenceNumber=2, DoseReferenceType="ORGAN_AT_RISK")
    assert read(DoseReferenceSequence=[target, organ]).dose_references == (
        DoseReference(1, "VOLUME", "TARGET", 12, 66.5, "PTV"),
        DoseReference(2, None, "ORGAN_AT_RISK", None, None),
    )


def test_an_isocentre_of_two_coordinates_is_a_read_error(read: Read) -> None:
    beam = item(BeamNumber=1, ControlPointSequence=[item(IsocenterPosition=[1, 2])])
    with pytest.raises(PlanReadError, match="IsocenterPosition has 2 values, not 3"):
        read(BeamSequence=[beam])


def test_a_beam_without_its_number_is_a_read_error(read: Read) -> None:
    with pytest.raises(PlanReadError, match="BeamNumber is missing"):
        read(BeamSequence=[item(BeamName="AP")])


def test_another_modality_is_no_plan(read: Read) -> None:
    with pytest.raises(PlanReadError, match="not an RT Plan: Modality is RTSTRUCT"):
        read(Modality="RTSTRUCT")


@pytest.mark.parametrize("missing", [1, 50, 200])
def test_a_file_that_ends_too_early_is_a_read_error_and_loses_no_beam_in_silence(
    read: Read, tmp_path: Path, missing: int
) -> None:
    read(BeamSequence=[item(BeamNumber=n, BeamName=f"Beam {n}", RadiationType="PHOTON") for n in range(9)])
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "rp.dcm").read_bytes()[:-missing])
    with pytest.raises(PlanReadError, match="truncated"):
        read_plan(tmp_path / "cut.dcm")
