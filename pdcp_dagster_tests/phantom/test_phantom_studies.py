"""Studies, plans and doses with something amiss: the files show just that, and the answers stay right."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from pdcp_dagster.phantom.anatomy import roomy_spec, tiny_spec
from pdcp_dagster.phantom.conformance import check_conformance
from pdcp_dagster.phantom.dicom_base import file_bytes
from pdcp_dagster.phantom.patient import PhantomTruth, write_phantom
from pdcp_dagster.phantom.spec import MODALITIES, PhantomSpec
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned

Study = dict[str, list[Dataset]]


def tiny(**changes: Any) -> PhantomSpec:
    return tiny_spec("S1", 7, slices=12, **changes)


def read(folder: Path) -> Study:
    """Return a patient's objects by modality, in the order of their files."""
    found: Study = {}
    for path in sorted(folder.glob("*.dcm")):
        ds = pydicom.dcmread(path)
        found.setdefault(ds.Modality, []).append(ds)
    return found


def written(spec: PhantomSpec, folder: Path) -> tuple[Study, PhantomTruth]:
    truth = write_phantom(spec, folder)
    return read(folder), truth


def gy(dose: Dataset) -> np.ndarray:
    return np.asarray(dose.pixel_array * float(dose.DoseGridScaling))


def test_the_usual_study_said_out_loud_is_the_usual_study(tmp_path: Path) -> None:
    write_phantom(tiny(), tmp_path / "usual")
    write_phantom(tiny(studies=planned(PlanSpec())), tmp_path / "said")
    names = sorted(path.name for path in (tmp_path / "usual").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "said").iterdir())
    for name in names:
        assert (tmp_path / "usual" / name).read_bytes() == (tmp_path / "said" / name).read_bytes()


def test_rt_objects_in_another_study_still_name_their_ct_and_each_other(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=(StudySpec(rt_in_another_study=True),)), tmp_path)
    ct, (structures,), (plan,), (dose,) = (found[modality] for modality in MODALITIES)
    (of_images,), (of_rt,) = (
        {(ds.StudyInstanceUID, ds.StudyID, ds.StudyDate) for ds in objects}
        for objects in (ct, (structures, plan, dose))
    )
    assert all(one != other for one, other in zip(of_images, of_rt, strict=True))
    (frame,) = structures.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    assert study.ReferencedSOPInstanceUID == of_images[0]
    assert (
        study.RTReferencedSeriesSequence[0].SeriesInstanceUID == ct[0].SeriesInstanceUID == truth.planned.ct_series_uid
    )
    assert plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == structures.SOPInstanceUID
    assert dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    assert check_conformance(tmp_path) == ()


def test_a_dose_that_names_its_structure_set_names_no_plan(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=planned(PlanSpec(doses=(DoseSpec(names="structure_set"),)))), tmp_path)
    (dose,) = found["RTDOSE"]
    (named,) = dose.ReferencedStructureSetSequence
    assert named.ReferencedSOPInstanceUID == found["RTSTRUCT"][0].SOPInstanceUID == truth.planned.sop_instance_uid
    assert dose.SOPInstanceUID == truth.planned.dose_uid
    assert check_conformance(tmp_path) == ("RTDOSE_1-1_001.dcm: ReferencedRTPlanSequence is missing",)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_dose_that_names_nothing_has_only_its_frame_of_reference_or_not_even_that(
    tmp_path: Path, *, elsewhere: bool
) -> None:
    plan = PlanSpec(doses=(DoseSpec(names="nothing", in_another_frame=elsewhere),))
    found, _ = written(tiny(studies=planned(plan)), tmp_path)
    (dose,) = found["RTDOSE"]
    assert "ReferencedRTPlanSequence" not in dose
    assert "ReferencedStructureSetSequence" not in dose
    others = {ds.FrameOfReferenceUID for modality in MODALITIES[:3] for ds in found[modality]}
    assert len(others) == 1
    assert (dose.FrameOfReferenceUID not in others) == elsewhere
    assert check_conformance(tmp_path) == ("RTDOSE_1-1_001.dcm: ReferencedRTPlanSequence is missing",)


def test_the_roomy_ct_reaches_beyond_the_dose_grid_on_every_side(tmp_path: Path) -> None:
    """The CT: 72 columns and rows, 32 slices, all of 3 mm, about 0; half a voxel of each counts."""
    found, _ = written(roomy_spec("S1", 7), tmp_path)
    (dose,) = found["RTDOSE"]
    assert len(found["CT"]) == 32
    first = np.array([float(value) for value in dose.ImagePositionPatient])
    step = float(dose.PixelSpacing[0])
    last = first + step * (np.array([dose.Columns, dose.Rows, dose.NumberOfFrames]) - 1)
    assert (first - step / 2 > np.array([-108, -108, -48])).all()
    assert (last + step / 2 < np.array([108, 108, 48])).all()


def test_a_plan_that_names_no_structure_set_has_the_sequence_empty(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=planned(PlanSpec(names_structure_set=False))), tmp_path)
    (plan,) = found["RTPLAN"]
    assert len(plan.ReferencedStructureSetSequence) == 0
    assert plan.FrameOfReferenceUID == found["RTSTRUCT"][0].FrameOfReferenceUID
    assert (truth.planned.plan_uid, truth.planned.planned) == (plan.SOPInstanceUID, True)
    assert check_conformance(tmp_path) == ("RTPLAN_1-1_001.dcm: ReferencedStructureSetSequence is empty",)


@pytest.mark.parametrize("approval", ["APPROVED", "UNAPPROVED", "REJECTED", None])
@pytest.mark.parametrize("intent", ["PALLIATIVE", None])
def test_a_plan_has_the_intent_and_approval_it_was_told_to(
    tmp_path: Path, intent: str | None, approval: str | None
) -> None:
    plan = PlanSpec(intent=intent, approval=approval)
    found, _ = written(tiny(modalities=("RTPLAN",), studies=planned(plan)), tmp_path)
    (ds,) = found["RTPLAN"]
    assert (ds.get("PlanIntent"), ds.get("ApprovalStatus")) == (intent, approval)
    assert ("ReviewerName" in ds) == (approval in ("APPROVED", "REJECTED"))
    problems = check_conformance(tmp_path)
    assert len(problems) == 1
    assert "which is not there" in problems[0]


def test_a_second_plan_has_a_dose_of_its_own_and_the_answers_are_of_the_first(tmp_path: Path) -> None:
    boost = PlanSpec(label="Boost", share=0.2)
    found, truth = written(tiny(studies=planned(PlanSpec(), boost)), tmp_path)
    (structures,) = found["RTSTRUCT"]
    first, second = found["RTPLAN"]
    assert [plan.RTPlanLabel for plan in (first, second)] == ["Breast 1-1", "Boost"]
    prescribed = [float(plan.DoseReferenceSequence[0].TargetPrescriptionDose) for plan in (first, second)]
    assert prescribed == [50, 10]
    assert first.DoseReferenceSequence[0].DoseReferenceUID != second.DoseReferenceSequence[0].DoseReferenceUID
    for plan, dose in zip((first, second), found["RTDOSE"], strict=True):
        assert plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == structures.SOPInstanceUID
        assert dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    whole, part = (gy(dose) for dose in found["RTDOSE"])
    np.testing.assert_allclose(part, 0.2 * whole, atol=0.001)
    assert (truth.planned.plan_uid, truth.planned.dose_uid) == (first.SOPInstanceUID, found["RTDOSE"][0].SOPInstanceUID)
    assert truth.prescription_gy == 50
    assert truth.max_dose_gy == pytest.approx(whole.max(), abs=0.001)
    assert len({ds.SeriesInstanceUID for objects in found.values() for ds in objects}) == 6
    assert check_conformance(tmp_path) == ()


def test_a_plan_for_verification_lies_beside_the_one_for_treatment(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=planned(PlanSpec(), PlanSpec(intent="VERIFICATION"))), tmp_path)
    assert [plan.PlanIntent for plan in found["RTPLAN"]] == ["CURATIVE", "VERIFICATION"]
    assert found["RTPLAN"][0].SOPInstanceUID == truth.planned.plan_uid


def test_a_plan_of_less_than_the_whole_dose_has_answers_of_its_own(tmp_path: Path) -> None:
    """All doses are linear in the share, a volume is not touched by it."""
    _, whole = written(tiny(), tmp_path / "whole")
    _, half = written(tiny(studies=planned(PlanSpec(share=0.5))), tmp_path / "half")
    assert half.prescription_gy == 25
    assert half.max_dose_gy == pytest.approx(whole.max_dose_gy / 2)
    for one, other in zip(half.rois, whole.rois, strict=True):
        assert one.volume_cm3 == other.volume_cm3
        assert other.dmean_gy is not None
        assert other.d95_gy is not None
        assert one.dmean_gy == pytest.approx(other.dmean_gy / 2)
        assert one.d95_gy == pytest.approx(other.d95_gy / 2)


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_two_doses_of_one_plan_are_copies_unless_their_shares_differ(tmp_path: Path, share: float) -> None:
    plan = PlanSpec(doses=(DoseSpec(), DoseSpec(share=share)))
    found, truth = written(tiny(studies=planned(plan)), tmp_path)
    one, other = found["RTDOSE"]
    named = {dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID for dose in (one, other)}
    assert named == {found["RTPLAN"][0].SOPInstanceUID}
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SOPInstanceUID == truth.planned.dose_uid
    np.testing.assert_allclose(gy(other), share * gy(one), atol=0.001)
    assert ((one.PixelData, one.DoseGridScaling) == (other.PixelData, other.DoseGridScaling)) == (share == 1.0)
    assert check_conformance(tmp_path) == ()


def test_a_plan_may_keep_its_prescription_to_itself(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=planned(PlanSpec(prescribes=False))), tmp_path)
    (reference,) = found["RTPLAN"][0].DoseReferenceSequence
    assert "TargetPrescriptionDose" not in reference
    assert truth.prescription_gy is None
    assert check_conformance(tmp_path) == ()


def test_studies_have_dates_and_descriptions_of_their_own(tmp_path: Path) -> None:
    studies = (
        StudySpec(date=dt.date(1900, 1, 1), description="Boost"),
        StudySpec(description=""),
        StudySpec(absent_tags=("StudyDate", "StudyDescription"), modalities=("CT",)),
    )
    found, _ = written(tiny(studies=studies), tmp_path)
    said = {(ds.StudyID, ds.get("StudyDate"), ds.get("StudyDescription")) for ds in found["CT"]}
    assert ("1", "19000101", "Boost") in said
    assert ("3", None, None) in said
    assert {each[2] for each in said if each[0] == "2"} == {""}
    assert len(said) == 3
    assert found["RTSTRUCT"][0].StructureSetDate == "19000103"


def test_a_study_may_hold_less_than_the_others_and_has_no_answers_then(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=(StudySpec(), StudySpec(modalities=("CT",)))), tmp_path)
    studies = {modality: {ds.StudyInstanceUID for ds in objects} for modality, objects in found.items()}
    assert [len(studies[modality]) for modality in MODALITIES] == [2, 1, 1, 1]
    (answered,) = truth.structure_sets
    assert answered.sop_instance_uid == found["RTSTRUCT"][0].SOPInstanceUID
    assert check_conformance(tmp_path) == ()


def test_plans_of_two_studies_may_differ_in_their_approval(tmp_path: Path) -> None:
    studies = (StudySpec(), *planned(PlanSpec(approval="UNAPPROVED")))
    found, truth = written(tiny(studies=studies), tmp_path)
    assert [plan.ApprovalStatus for plan in found["RTPLAN"]] == ["APPROVED", "UNAPPROVED"]
    assert truth.planned.plan_uid == found["RTPLAN"][0].SOPInstanceUID
    assert check_conformance(tmp_path) == ()


def test_slices_that_never_arrived_are_those_nearest_the_head_and_are_still_referred_to(tmp_path: Path) -> None:
    found, truth = written(tiny(studies=(StudySpec(missing_slices=2),)), tmp_path)
    positions = [float(ds.ImagePositionPatient[2]) for ds in found["CT"]]
    assert (len(positions), max(positions)) == (10, 21)  # 12 slices of 6 mm, the last two at 27 and 33 mm
    assert truth.ct_slices == 10
    problems = check_conformance(tmp_path)
    assert len(problems) == 2
    assert all(problem.startswith("RTSTRUCT") and "which is not there" in problem for problem in problems)


def test_a_pet_series_lies_in_the_study_and_frame_of_its_ct(tmp_path: Path) -> None:
    found, _ = written(tiny(modalities=(*MODALITIES, "PT")), tmp_path)
    series = found["PT"]
    assert [(ds.Rows, ds.Columns, ds.ImageIndex) for ds in series] == [(8, 8, 1), (8, 8, 2), (8, 8, 3)]
    assert {ds.SOPClassUID for ds in series} == {PositronEmissionTomographyImageStorage}
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        assert {ds[keyword].value for ds in series} == {ds[keyword].value for ds in found["CT"]}
    assert len({ds.SeriesInstanceUID for ds in series}) == 1
    assert len({ds.SOPInstanceUID for ds in series}) == 3
    assert check_conformance(tmp_path) == ()


def test_the_strict_reading_misses_nothing_in_a_pet_image(tmp_path: Path) -> None:
    write_phantom(tiny(modalities=("PT",)), tmp_path)
    path = tmp_path / "PT_1-1_002.dcm"
    ds = pydicom.dcmread(path)
    del ds.Units
    path.write_bytes(file_bytes(ds))
    assert check_conformance(tmp_path) == ("PT_1-1_002.dcm: Units is missing",)


@pytest.mark.parametrize("plans", [(), (PlanSpec(doses=()), PlanSpec())])
def test_a_study_without_a_first_plan_and_dose_is_refused(plans: tuple[PlanSpec, ...]) -> None:
    with pytest.raises(ValueError, match="a plan with a dose"):
        StudySpec(plans=plans)


@pytest.mark.parametrize("studies", [0, ()])
def test_a_patient_without_a_study_is_refused(studies: int | tuple[StudySpec, ...]) -> None:
    with pytest.raises(ValueError, match="needs a study"):
        tiny(studies=studies)
