"""What belongs together in real DICOM, from the tags that the real Orthanc gives, as its inventory says.

UIDs, counts and references were read off the files apart from this software.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pdcp_dagster.adapters.orthanc import OrthancError
from pdcp_dagster.domain.candidates import candidates_from, instance_records
from pdcp_dagster.domain.codes import Finding, Status, deciding, in_words, status_of
from pdcp_dagster.domain.linkage import RECIPES

if TYPE_CHECKING:
    from pdcp_dagster.domain.verification import Verification
    from pdcp_dagster_tests.shared_data.conftest import Shelf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]

DEFAULT_SIZE: dict[str, Any] = {"ct_instances": {}}
DEFAULT_WORDS: dict[str, Any] = {"phantom": {}}

BREAST_CT = "2.16.840.1.113662.2.12.0.3057.1241703565.43"
BREAST_RTSTRUCT = "1.2.246.352.71.4.320687012.3190.20090511122144"
BREAST_RTPLAN = "1.2.246.352.71.5.320687012.24189.20090603083342"
BREAST_RTDOSE = "1.2.246.352.71.7.320687012.47206.20090603085223"

NELMS_CT = "1.3.6.1.4.1.22213.2.6291.2.1.1"
NELMS_RTSTRUCT = "1.3.6.1.4.1.9590.100.1.2.190412154112665448311421049960007953738"
NELMS_DOSES = {
    "1.2.826.0.1.3680043.8.498.63425358922390132408632687264852357238",
    "1.2.826.0.1.3680043.8.498.89807777155578202094760715470402766994",
    "1.2.826.0.1.3680043.8.498.12266276067077754783236145973811790106",
}

ABDOMEN_CT = "1.2.826.0.1.3680043.2.135.733680.62000737.7.1257165367.671.34"
ABDOMEN_FRAME = "1.2.826.0.1.3680043.2.135.733680.62000737.7.1257165367.671.35"
ABDOMEN_RTDOSE = "1.2.826.0.1.3680043.8.176.20170420171226020.2800.70447"

MIM = "2.16.840.1.114362.1.11940992.23790159890"
RTUTILS_CT = f"{MIM}.563423471.893.88"
MIM_RTSTRUCT = f"{MIM}.563423606.667.93"
"""Two different structure sets of the set have this UID."""
ODD_FRAME_RTSTRUCT = "1.2.826.0.1.3680043.8.498.22430495616617216947739970650082853315"
ONE_PATIENT = {"PatientID": "ONE", "PatientName": "ONE"}


def files(*places: str) -> list[Path]:
    """Return the DICOM files of sets, of folders, or single ones, in order of their names."""
    found = [DATA / place for place in places]
    every = [file for one in found for file in (sorted(one.rglob("*")) if one.is_dir() else [one])]
    return [file for file in every if file.is_file() and file.suffix != ".txt"]


def rewritten(file: Path, folder: Path, **elements: object) -> Path:
    """Return a copy with other values."""
    data = pydicom.dcmread(file)
    for keyword, value in elements.items():
        setattr(data, keyword, value)
        if keyword == "SOPInstanceUID":
            data.file_meta.MediaStorageSOPInstanceUID = UID(str(value))
    copy = folder / f"{len(list(folder.iterdir()))}-{file.name}"
    data.save_as(copy)
    return copy


def an_item(**elements: object) -> Sequence:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def codes(verdict: Verification) -> set[str]:
    return {finding.code for finding in verdict.findings}


def detail(verdict: Verification, code: str) -> str:
    (found,) = [finding.detail for finding in verdict.findings if finding.code == code]
    return found


def decisive(verdict: Verification) -> Finding:
    found = deciding(verdict.findings)
    assert found is not None
    return found


def decided_by(verdict: Verification) -> str:
    return decisive(verdict).code


def links(verdict: Verification) -> dict[str, tuple[str | None, str | None, str]]:
    """Return what each object was linked to, how, and its verdict, by its UID (of a CT its series')."""
    table = verdict.verified.astype(object).where(verdict.verified.notna(), None)
    return {
        row["sop_instance_uid"] or row["series_uid"]: (row["linked_to"], row["linked_by"], row["verdict"])
        for row in table.to_dict("records")
    }


def reasons(verdict: Verification) -> dict[str, str]:
    """Return why each refused object was refused, by its UID."""
    table = verdict.verified[verdict.verified["verdict"] == "refused"]
    uids = table["sop_instance_uid"].fillna(table["series_uid"])
    return dict(zip(uids, table["reason"], strict=True))


BREAST_OBJECTS = ("eclipse-breast/rtss.dcm", "eclipse-breast/rtplan.dcm", "eclipse-breast/rtdose.dcm")
COMPLETED = {
    "its own slice and 97 in RLE": files("eclipse-breast", "eclipse-breast-synthct-rle97"),
    "98 slices of 256 x 256": files(*BREAST_OBJECTS, "eclipse-breast-synthct256"),
}


@pytest.mark.parametrize("ct", COMPLETED)
@pytest.mark.parametrize("keys", [{}, {"roi_keywords": ["heart"], **DEFAULT_SIZE, **DEFAULT_WORDS}])
def test_the_breast_with_its_completed_ct_links_fully_by_uid(shelf: Shelf, ct: str, keys: dict[str, Any]) -> None:
    shelf.hold(COMPLETED[ct])
    verdict = shelf.verdict("CRDP", **keys)
    assert links(verdict) == {
        BREAST_CT: (None, None, "selected"),
        BREAST_RTSTRUCT: (BREAST_CT, "uid", "selected"),
        BREAST_RTPLAN: (BREAST_RTSTRUCT, "uid", "selected"),
        BREAST_RTDOSE: (BREAST_RTPLAN, "uid", "selected"),
    }
    assert verdict.selection is not None
    assert len(verdict.selection.ct_instances) == 98
    assert codes(verdict) == {"I_SUCC_001", "I_NOTE_004", "II_SUCC_001"}
    assert status_of(verdict.findings) is Status.SUCCESS


def test_the_dose_of_the_breast_reaches_its_structure_set_through_the_plan_that_it_names(shelf: Shelf) -> None:
    """Without plans in the linkage, and still by UID: the plan is in the archive."""
    shelf.hold(COMPLETED["98 slices of 256 x 256"])
    verdict = shelf.verdict("CRD")
    assert links(verdict)[BREAST_RTDOSE] == (BREAST_RTSTRUCT, "uid", "selected")
    assert verdict.selection is not None
    assert verdict.selection.rtplans == ()
    assert status_of(verdict.findings) is Status.SUCCESS


@pytest.mark.parametrize("linkage", RECIPES)
def test_one_of_98_slices_is_a_ct_that_lacks_97_images(shelf: Shelf, linkage: str) -> None:
    shelf.hold(files("eclipse-breast"))
    verdict = shelf.verdict(linkage)
    assert detail(verdict, "II_REV_005").startswith(f"97 of 98 images that RTSTRUCT {BREAST_RTSTRUCT}")
    assert decided_by(verdict) == "II_REV_005"
    beside = {BREAST_RTPLAN} if linkage == "CRD" else set()  # there, a plan only tells whose the dose is
    assert {uid for uid, (_, _, standing) in links(verdict).items() if standing != "selected"} == beside


def test_one_slice_is_too_few_for_a_cohort_that_does_not_say_otherwise(shelf: Shelf) -> None:
    shelf.hold(files("eclipse-breast"))
    verdict = shelf.verdict("CRDP", **DEFAULT_SIZE)
    assert "fewer than 50" in detail(verdict, "II_REV_002")
    assert decided_by(verdict) == "II_EXEC_002"
    assert verdict.selection is None
    assert "fewer than 50" in reasons(verdict)[BREAST_CT]
    assert {reasons(verdict)[uid] for uid in (BREAST_RTSTRUCT, BREAST_RTPLAN, BREAST_RTDOSE)} == {"its CT was refused"}


def test_one_slice_that_a_person_shall_look_at_has_both_its_doubts(shelf: Shelf) -> None:
    shelf.hold(files("eclipse-breast"))
    verdict = shelf.verdict("CRDP", ct_instances={"action": "review"})
    assert {"II_REV_002", "II_REV_005", "II_SUCC_001"} <= codes(verdict)
    assert status_of(verdict.findings) is Status.REVIEW
    assert verdict.selection is not None


NELMS = ("nelms-cone02", "nelms-cone02-derived")


@pytest.mark.parametrize(
    ("fallback_links", "code", "status"),
    [("review", "II_REV_009", Status.REVIEW), ("accept", "II_NOTE_002", Status.SUCCESS)],
)
def test_three_doses_of_the_nelms_cone_are_one_chain_by_their_structure_set(
    shelf: Shelf, fallback_links: str, code: str, status: Status
) -> None:
    shelf.hold(files(*NELMS))
    verdict = shelf.verdict("CRD", fallback_links=fallback_links)
    assert links(verdict) == {
        NELMS_CT: (None, None, "selected"),
        NELMS_RTSTRUCT: (NELMS_CT, "uid", "selected"),
        **dict.fromkeys(NELMS_DOSES, (NELMS_RTSTRUCT, "structure_set", "selected")),
    }
    assert len(verdict.chains) == 1
    assert verdict.selection is not None
    assert len(verdict.selection.ct_instances) == 300
    assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001", code}
    assert all(f"RTDOSE {uid} by structure set" in detail(verdict, code) for uid in NELMS_DOSES)
    assert status_of(verdict.findings) is status


def test_the_nelms_cone_has_no_plan_and_needs_none_where_none_is_asked_for(shelf: Shelf) -> None:
    shelf.hold(files(*NELMS))
    with_plan = shelf.verdict("CRDP", fallback_links="accept")
    assert detail(with_plan, "I_EXEC_005") == "no RTPLAN in the archive"
    assert with_plan.selection is None
    without = shelf.verdict("CR")
    assert codes(without) == {"I_SUCC_001", "II_SUCC_001"}
    assert links(without)[NELMS_RTSTRUCT] == (NELMS_CT, "uid", "selected")


ABDOMEN_LACKS = {
    "CRDP": {
        "Geant4": "no RTSTRUCT, no RTPLAN, no RTDOSE in the archive",
        "SUF-NS-11": "no CT, no RTSTRUCT, no RTPLAN in the archive",
        "ONE": "no RTSTRUCT, no RTPLAN in the archive",
    },
    "CRD": {
        "Geant4": "no RTSTRUCT, no RTDOSE in the archive",
        "SUF-NS-11": "no CT, no RTSTRUCT in the archive",
        "ONE": "no RTSTRUCT in the archive",
    },
    "CR": {
        "Geant4": "no RTSTRUCT in the archive",
        "SUF-NS-11": "no CT, no RTSTRUCT in the archive",
        "ONE": "no RTSTRUCT in the archive",
    },
}


@pytest.mark.parametrize("as_one_patient", [False, True])
def test_the_abdomen_never_links(shelf: Shelf, tmp_path: Path, as_one_patient: bool) -> None:
    """Its dose is of another patient, and names a plan that is not there; renaming the patient helps nothing."""
    found = files("topas-abdomen-ffs")
    shelf.hold([rewritten(file, tmp_path, **ONE_PATIENT) for file in found] if as_one_patient else found)
    for linkage, lacks in ABDOMEN_LACKS.items():
        verdicts = shelf.verdicts(linkage, fallback_links="accept")
        assert set(verdicts) == ({"ONE"} if as_one_patient else {"Geant4", "SUF-NS-11"})
        for patient, verdict in verdicts.items():
            assert codes(verdict) == {"I_EXEC_005"}
            assert detail(verdict, "I_EXEC_005") == lacks[patient]
            assert verdict.selection is None
            assert {(to, by) for to, by, _ in links(verdict).values()} <= {(None, None)}


def abdomen_with_structures_and_a_plan(folder: Path) -> tuple[list[Path], str]:
    """Return the abdomen with a structure set on its CT, and beside the dose a plan for that set; and the plan's UID.

    The plan lies in the dose's study and frame of reference, but the dose names another one.
    """
    slices, dose = files("topas-abdomen-ffs")[:3], pydicom.dcmread(DATA / "topas-abdomen-ffs" / "rtdose.dcm")
    study = pydicom.dcmread(slices[0]).StudyInstanceUID
    referenced = an_item(
        FrameOfReferenceUID=ABDOMEN_FRAME,
        RTReferencedStudySequence=an_item(RTReferencedSeriesSequence=an_item(SeriesInstanceUID=ABDOMEN_CT)),
    )
    structures = rewritten(
        DATA / "rtutils-phantom" / "rt.dcm",
        folder,
        StudyInstanceUID=study,
        ReferencedFrameOfReferenceSequence=referenced,
        **ONE_PATIENT,
    )
    plan = rewritten(
        DATA / "pinnacle-plan-dose" / "RTPLAN.dcm",
        folder,
        StudyInstanceUID=dose.StudyInstanceUID,
        FrameOfReferenceUID=dose.FrameOfReferenceUID,
        ReferencedStructureSetSequence=an_item(ReferencedSOPInstanceUID=ODD_FRAME_RTSTRUCT),
        **ONE_PATIENT,
    )
    renamed = [rewritten(file, folder, **ONE_PATIENT) for file in files("topas-abdomen-ffs")]
    return [*renamed, structures, plan], str(pydicom.dcmread(plan).SOPInstanceUID)


def test_the_dose_of_the_abdomen_links_to_no_plan_but_the_one_that_it_names(shelf: Shelf, tmp_path: Path) -> None:
    held, plan = abdomen_with_structures_and_a_plan(tmp_path)
    shelf.hold(held)
    verdict = shelf.verdict("CRDP", fallback_links="accept")
    assert links(verdict)[plan] == (ODD_FRAME_RTSTRUCT, "uid", "refused")
    assert links(verdict)[ABDOMEN_RTDOSE] == (None, None, "refused")
    assert reasons(verdict)[ABDOMEN_RTDOSE] == "the RTPLAN that it refers to is not in the archive"
    assert decided_by(verdict) == "II_EXEC_002"
    assert verdict.selection is None


def test_the_dose_of_the_abdomen_links_to_no_structure_set_of_another_frame(shelf: Shelf, tmp_path: Path) -> None:
    held, _ = abdomen_with_structures_and_a_plan(tmp_path)
    shelf.hold(held)
    verdict = shelf.verdict("CRD", fallback_links="accept")
    assert links(verdict)[ABDOMEN_RTDOSE] == (None, None, "refused")
    assert reasons(verdict)[ABDOMEN_RTDOSE] == (
        "the RTPLAN that it refers to is not in the archive, and has another frame of reference"
    )
    assert decided_by(verdict) == "II_EXEC_002"
    assert verdict.selection is None


RTUTILS_CT_FILES = ("rtutils-phantom/ct_1.dcm", "rtutils-phantom/ct_2.dcm")
RTUTILS_MORE_CT = [file for file in files("rtutils-phantom") if file.name.startswith("2.16")]
FIVE_SLICES = [*files(*RTUTILS_CT_FILES), *RTUTILS_MORE_CT]
TWO_SLICES = files(*RTUTILS_CT_FILES)
INVALID_REFERENCE = DATA / "rtutils-phantom" / "invalid_reference_rt.dcm"
NON_EXISTENT_REFERENCE = DATA / "rtutils-phantom" / "non_existent_reference_rt.dcm"
ODD_FRAME = DATA / "rtutils-phantom" / "rt.dcm"


def test_references_to_five_slices_resolve_where_all_five_are_there(shelf: Shelf) -> None:
    shelf.hold([*FIVE_SLICES, INVALID_REFERENCE])
    verdict = shelf.verdict("CR")
    assert links(verdict) == {
        RTUTILS_CT: (None, None, "selected"),
        MIM_RTSTRUCT: (RTUTILS_CT, "uid", "selected"),
    }
    assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001"}


def test_references_to_five_slices_are_broken_where_two_are_there(shelf: Shelf) -> None:
    shelf.hold([*TWO_SLICES, INVALID_REFERENCE])
    verdict = shelf.verdict("CR")
    assert detail(verdict, "II_REV_005").startswith(f"3 of 5 images that RTSTRUCT {MIM_RTSTRUCT}")
    assert decided_by(verdict) == "II_REV_005"
    assert links(verdict)[MIM_RTSTRUCT] == (RTUTILS_CT, "uid", "selected")


@pytest.mark.parametrize(
    ("fallback_links", "code", "status"),
    [("review", "II_REV_009", Status.REVIEW), ("accept", "II_NOTE_002", Status.SUCCESS)],
)
def test_a_structure_set_that_names_no_series_goes_by_its_frame_of_reference(
    shelf: Shelf, fallback_links: str, code: str, status: Status
) -> None:
    """It names nothing that could contradict, and lies in the study and the frame of the only CT."""
    shelf.hold([*FIVE_SLICES, NON_EXISTENT_REFERENCE])
    verdict = shelf.verdict("CR", fallback_links=fallback_links)
    assert links(verdict)[MIM_RTSTRUCT] == (RTUTILS_CT, "frame_of_reference", "selected")
    assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001", code}
    assert detail(verdict, code) == f"RTSTRUCT {MIM_RTSTRUCT} by frame of reference"
    assert status_of(verdict.findings) is status


def test_a_structure_set_that_names_no_series_is_told_of_in_another_study(shelf: Shelf, tmp_path: Path) -> None:
    shelf.hold([*FIVE_SLICES, rewritten(NON_EXISTENT_REFERENCE, tmp_path, StudyInstanceUID="1.2.3")])
    verdict = shelf.verdict("CR", fallback_links="accept")
    assert reasons(verdict)[MIM_RTSTRUCT] == "it refers to no CT, and has another study"
    assert MIM_RTSTRUCT in detail(verdict, "II_NOTE_006")
    assert decided_by(verdict) == "II_EXEC_002"


def test_a_structure_set_in_another_frame_than_the_ct_that_it_names_is_for_a_person(shelf: Shelf) -> None:
    shelf.hold([*FIVE_SLICES, ODD_FRAME])
    verdict = shelf.verdict("CR", fallback_links="accept")
    assert links(verdict)[ODD_FRAME_RTSTRUCT] == (RTUTILS_CT, "uid", "selected")
    assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001", "II_REV_010"}
    assert detail(verdict, "II_REV_010") == f"RTSTRUCT {ODD_FRAME_RTSTRUCT}, not in that of CT {RTUTILS_CT}"


def test_three_structure_sets_on_one_ct_are_kept_each_with_its_own_doubt(shelf: Shelf, tmp_path: Path) -> None:
    """Two of the files share a UID, so one gets another."""
    own = rewritten(NON_EXISTENT_REFERENCE, tmp_path, SOPInstanceUID="1.2.4", SeriesInstanceUID="1.2.5")
    shelf.hold([*TWO_SLICES, INVALID_REFERENCE, own, ODD_FRAME])
    verdict = shelf.verdict("CR")
    assert links(verdict) == {
        RTUTILS_CT: (None, None, "selected"),
        MIM_RTSTRUCT: (RTUTILS_CT, "uid", "selected"),
        "1.2.4": (RTUTILS_CT, "frame_of_reference", "selected"),
        ODD_FRAME_RTSTRUCT: (RTUTILS_CT, "uid", "selected"),
    }
    assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001", "II_REV_005", "II_REV_009", "II_REV_010"}
    assert MIM_RTSTRUCT in detail(verdict, "II_REV_005")
    assert "1.2.4" in detail(verdict, "II_REV_009")
    assert ODD_FRAME_RTSTRUCT in detail(verdict, "II_REV_010")


def test_of_two_structure_sets_with_one_uid_and_series_orthanc_keeps_the_first(shelf: Shelf) -> None:
    """What an archive never took, nobody can tell."""
    answers = shelf.hold([*FIVE_SLICES, INVALID_REFERENCE, NON_EXISTENT_REFERENCE])
    assert answers == [*["Success"] * 6, "AlreadyStored"]
    assert links(shelf.verdict("CR"))[MIM_RTSTRUCT] == (RTUTILS_CT, "uid", "selected")


def test_two_structure_sets_with_one_uid_in_two_series_are_left_to_a_person(shelf: Shelf, tmp_path: Path) -> None:
    other = rewritten(NON_EXISTENT_REFERENCE, tmp_path, SeriesInstanceUID="1.2.5")
    shelf.hold([*FIVE_SLICES, INVALID_REFERENCE, other])
    verdict = shelf.verdict("CR", fallback_links="accept")
    assert decided_by(verdict) == "II_REV_006"
    assert detail(verdict, "II_REV_006") == f"RTSTRUCT {MIM_RTSTRUCT}"
    assert verdict.selection is None


def test_a_series_that_calls_itself_a_phantom_is_no_patient(shelf: Shelf) -> None:
    """Its description is PHANTOM_EXAMPLE; a cohort that says nothing of phantoms looks for the word."""
    shelf.hold([*FIVE_SLICES, ODD_FRAME])
    assert decided_by(shelf.verdict("CR", **DEFAULT_WORDS)) == "I_EXEC_004"


LUNGS = ("lung-1", "lung-2", "lung-3")


def ct_and_structures_of(lung: str) -> tuple[str, str]:
    folder = DATA / "topas-lung4d" / lung
    (structures,) = folder.glob("rtss*")
    ct = next(file for file in sorted(folder.iterdir()) if file != structures)
    return str(pydicom.dcmread(ct).SeriesInstanceUID), str(pydicom.dcmread(structures).SOPInstanceUID)


def test_each_of_three_lungs_links_its_own_ct_only(shelf: Shelf) -> None:
    shelf.hold(files("topas-lung4d"))
    verdicts = shelf.verdicts("CR", **DEFAULT_SIZE, **DEFAULT_WORDS)
    expected = [
        {ct: (None, None, "selected"), structures: (ct, "uid", "selected")}
        for ct, structures in map(ct_and_structures_of, LUNGS)
    ]
    found = [links(verdict) for verdict in verdicts.values()]
    assert sorted(found, key=str) == sorted(expected, key=str)
    for verdict in verdicts.values():
        assert codes(verdict) == {"I_SUCC_001", "II_SUCC_001"}
        assert verdict.selection is not None
        assert len(verdict.selection.ct_instances) == 100
    assert {detail(verdict, "I_EXEC_005") for verdict in shelf.verdicts("CRDP").values()} == {
        "no RTPLAN, no RTDOSE in the archive"
    }


def test_three_lungs_under_one_name_are_three_chains_that_share_nothing(shelf: Shelf, tmp_path: Path) -> None:
    """Which of three studies is meant a person must say; no structure set is taken to another one's CT."""
    shelf.hold([rewritten(file, tmp_path, **ONE_PATIENT) for file in files("topas-lung4d")])
    verdict = shelf.verdict("CR", fallback_links="accept")
    pairs = [tuple(node.uid for node in chain.nodes) for chain in verdict.chains]
    assert sorted(pairs) == sorted(map(ct_and_structures_of, LUNGS))
    assert decided_by(verdict) == "I_REV_004"
    assert verdict.selection is None


CT_ONLY = "no RTSTRUCT, no RTPLAN, no RTDOSE in the archive"
PLAN_ONLY = "no CT, no RTSTRUCT, no RTDOSE in the archive"
DOSE_ONLY = "no CT, no RTSTRUCT, no RTPLAN in the archive"
LACKING = {
    "pinnacle-plan-dose": {"03HDQ000": "no CT, no RTSTRUCT in the archive"},
    "rtutils-oblique": {"": CT_ONLY},
    "dcmqi-multiframe": {"123456": CT_ONLY},
    "ct-odd-transfersyntax": dict.fromkeys(("CQ500-CT-310", "b2cbe507f250", "0010", "PANCREAS_0001"), CT_ONLY),
    "pydicom-tiny-rt/CT_small.dcm": {"1CT1": CT_ONLY},
    "pydicom-tiny-rt/ExplVR_BigEndNoMeta.dcm": {"": PLAN_ONLY},
    "pydicom-tiny-rt/ExplVR_LitEndNoMeta.dcm": {"": PLAN_ONLY},
    "pydicom-tiny-rt/rtplan.dcm": {"id00001": PLAN_ONLY},
    "pydicom-tiny-rt/rtstruct.dcm": {"tPhantom30sep": "no CT, no RTPLAN, no RTDOSE in the archive"},
    "pydicom-tiny-rt/badVR.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose_1frame.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose_expb.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose_expb_1frame.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose_rle.dcm": {"id11111": DOSE_ONLY},
    "pydicom-tiny-rt/rtdose_rle_1frame.dcm": {"id11111": DOSE_ONLY},
}
"""What is lacking of each patient, padding of PatientIDs aside; tiny files one by one, for most of them share a UID."""


@pytest.mark.parametrize("place", LACKING)
def test_what_is_lacking_is_named(shelf: Shelf, place: str) -> None:
    shelf.hold(files(place))
    verdicts = shelf.verdicts("CRDP")
    lacking = {patient.rstrip(): detail(verdict, "I_EXEC_005") for patient, verdict in verdicts.items()}
    assert lacking == LACKING[place]
    assert all(codes(verdict) == {"I_EXEC_005"} for verdict in verdicts.values())


def test_a_truncated_plan_never_enters_an_archive(shelf: Shelf) -> None:
    with pytest.raises(OrthancError):
        shelf.hold(files("pydicom-tiny-rt/rtplan_truncated.dcm"))
    assert shelf.summaries() == {}


@pytest.mark.parametrize(
    ("place", "slices"),
    [
        # Three single slices, and the same as one multi-frame object, twice.
        ("dcmqi-multiframe", [3, 3, 3, 3]),
        # Two encodings of one slice, of which the archive took one, and a lossy copy at the same place; two frames.
        ("ct-odd-transfersyntax", [1, 1, 1, 2]),
        # Three studies of one slice each, though all name one series.
        ("rtutils-oblique", [1, 1, 1]),
        ("pydicom-ct-irregular", [4]),
        ("topas-box", [38]),
    ],
)
def test_positions_are_counted_not_files(shelf: Shelf, place: str, slices: list[int]) -> None:
    shelf.hold(files(place))
    found = [each for summary in shelf.summaries().values() for each in candidates_from(instance_records(summary))]
    assert sorted(each.slices for each in found) == slices


NOT_FOR_ORTHANC = {"rtplan_truncated.dcm", "chrSQEncoding.dcm", "chrSQEncoding1.dcm"}
"""One is damaged, two have no identifiers."""
SETS = sorted(place.name for place in DATA.glob("[a-z]*") if place.is_dir())


@pytest.mark.parametrize("place", SETS)
def test_every_real_patient_has_a_verdict_in_words(shelf: Shelf, place: str) -> None:
    """Whatever the set and the linkage: one code decides, and all that is refused has its reason."""
    shelf.hold(file for file in files(place) if file.name not in NOT_FOR_ORTHANC)
    for summary in shelf.summaries().values():
        for linkage, keys in product(RECIPES, ({}, {"roi_keywords": ["lung"], **DEFAULT_SIZE, **DEFAULT_WORDS})):
            verdict = shelf.judge(summary, linkage, **keys)
            assert in_words(decisive(verdict)).endswith(f"({decided_by(verdict)})")
            standings = verdict.verified["verdict"].tolist()
            assert ("selected" in standings) == (verdict.selection is not None)
            assert [standing == "refused" for standing in standings] == verdict.verified["reason"].notna().tolist()
            if status_of(verdict.findings) is Status.EXCLUDE:
                assert verdict.selection is None
