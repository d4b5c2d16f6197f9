"""Laws of reading an RTPLAN."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.rtplan import PlanReadError, read_plan
from pdcp_dagster.domain.plan import Beam, Brachytherapy, DoseReference, FractionGroup, RtPlan

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


@pytest.mark.parametrize(("turns", "technique"), [("NONE", "DYNAMIC"), ("CW", "DYNAMIC ARC"), ("CC", "DYNAMIC ARC")])
def test_a_gantry_that_turns_in_any_segment_makes_an_arc(read: Read, turns: str, technique: str) -> None:
    points = [item(GantryRotationDirection="NONE"), item(GantryRotationDirection=turns)]
    (beam,) = read(BeamSequence=[item(BeamNumber=1, BeamType="DYNAMIC", ControlPointSequence=points)]).beams
    assert beam.technique == technique


@pytest.mark.parametrize(
    ("mode", "technique"), [("MODULATED", "STATIC MODULATED"), ("NONE", "STATIC"), (None, "STATIC")]
)
def test_an_ion_beams_technique_tells_how_it_scans(read: Read, mode: str | None, technique: str) -> None:
    scan = {} if mode is None else {"ScanMode": mode}
    (beam,) = read(ION_PLAN_STORAGE, IonBeamSequence=[item(BeamNumber=1, BeamType="STATIC", **scan)]).beams
    assert beam.technique == technique


@pytest.mark.parametrize(("delivery", "treats"), [(None, True), ("TREATMENT", True), ("SETUP", False)])
def test_a_beam_treats_unless_it_says_otherwise(read: Read, delivery: str | None, treats: bool) -> None:
    said = {} if delivery is None else {"TreatmentDeliveryType": delivery}
    (beam,) = read(BeamSequence=[item(BeamNumber=1, **said)]).beams
    assert beam.treats is treats


def test_a_brachytherapy_plan_has_no_beams_and_says_that_it_is_one(read: Read) -> None:
    group = item(FractionGroupNumber=1, NumberOfFractionsPlanned=4, NumberOfBeams=0)
    plan = read(
        ApplicationSetupSequence=[item(ApplicationSetupNumber=1)],
        FractionGroupSequence=[group],
        BrachyTreatmentType="HDR",
        BrachyTreatmentTechnique="INTRACAVITARY",
        TreatmentMachineSequence=[item(TreatmentMachineName="Afterloader")],
    )
    assert plan.beams == ()
    assert plan.fraction_groups == (FractionGroup(1, 4),)
    assert plan.brachytherapy == Brachytherapy("HDR", "INTRACAVITARY", "Afterloader")


@pytest.mark.parametrize(
    "told",
    [
        {"ApplicationSetupSequence": [item(ApplicationSetupNumber=1)]},
        {"FractionGroupSequence": [item(FractionGroupNumber=1, NumberOfBrachyApplicationSetups=2)]},
        {"BrachyTreatmentTechnique": "INTERSTITIAL"},
    ],
)
def test_any_trace_of_application_setups_makes_a_plan_brachytherapy(read: Read, told: dict[str, Any]) -> None:
    assert read(**told).brachytherapy is not None


def test_a_plan_with_beams_and_no_setups_is_no_brachytherapy(read: Read) -> None:
    group = item(FractionGroupNumber=1, NumberOfBeams=1, NumberOfBrachyApplicationSetups=0)
    assert read(BeamSequence=[item(BeamNumber=1)], FractionGroupSequence=[group]).brachytherapy is None


@pytest.mark.parametrize(("planned", "total"), [((25, 8), 33), ((25, None), None), ((25, 0), None), ((), None)])
def test_fractions_are_those_of_all_groups_and_unknown_where_one_does_not_say(
    read: Read, planned: tuple[int | None, ...], total: int | None
) -> None:
    groups = [
        item(FractionGroupNumber=number, **({} if count is None else {"NumberOfFractionsPlanned": count}))
        for number, count in enumerate(planned, start=1)
    ]
    assert read(FractionGroupSequence=groups).fractions_planned == total


def test_fraction_groups_with_dose_and_meterset_per_beam(read: Read) -> None:
    beams = [item(ReferencedBeamNumber=1, BeamDose=0.5, BeamMeterset=97), item(ReferencedBeamNumber=2)]
    group = item(FractionGroupNumber=0, NumberOfFractionsPlanned="7", ReferencedBeamSequence=beams)
    expected = FractionGroup(0, 7, ((1, 0.5),), ((1, 97.0),), beams=(1, 2))
    assert read(FractionGroupSequence=[group]).fraction_groups == (expected,)


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
