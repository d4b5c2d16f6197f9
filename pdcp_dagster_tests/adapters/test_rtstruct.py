"""Laws of reading an RTSTRUCT: every trap is flagged, none is fatal, and numbers match, never positions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pdcp_dagster.adapters.rtstruct import StructureSetReadError, read_structure_set
from pdcp_dagster.domain.structures import Roi, StructureSet

STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
TRIANGLE = r"0\0\5\10\0\5\0\10\5"


def item(**values: Any) -> Dataset:
    data = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    return data


RIGHT = -1


def contour(points: str, kind: str | None = "CLOSED_PLANAR", count: int | None = RIGHT) -> Dataset:
    """A contour with the very text in ContourData, nonsense included; None leaves the number of points out."""
    whole = (points.count("\\") + 1) // 3
    data = item(ContourGeometricType=kind, NumberOfContourPoints=whole if count == RIGHT else count)
    text = points.encode() + b" " * (len(points) % 2)
    tag = Tag(0x30060050)
    data._dict[tag] = RawDataElement(tag, "DS", len(text), text, 0, is_implicit_VR=False, is_little_endian=True)
    return data


def declared(number: int, name: str | None, **more: Any) -> Dataset:
    return item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID="1.2.3.9", **more)


def drawn(number: int, *contours: Dataset) -> Dataset:
    return item(ReferencedROINumber=number, ContourSequence=list(contours) or None)


Read = Callable[..., StructureSet]


@pytest.fixture
def read(make_file: Callable[..., Dataset], save: Callable[[Dataset, str], Path]) -> Read:
    """Write a structure set of declared ROIs and drawn contours, and read it back."""

    def write_and_read(rois: Sequence[Dataset], contours: Sequence[Dataset], **more: Any) -> StructureSet:
        values = {
            "SOPInstanceUID": "1.2.3.4",
            "Modality": "RTSTRUCT",
            "StructureSetROISequence": list(rois),
            "ROIContourSequence": list(contours),
        }
        return read_structure_set(save(make_file({**values, **more}, STRUCTURE_SET_STORAGE), "rs.dcm"))

    return write_and_read


def only(structure_set: StructureSet) -> Roi:
    (roi,) = structure_set.rois
    return roi


def test_contours_are_matched_by_number_never_by_position(read: Read) -> None:
    structure_set = read(
        [declared(7, "Heart"), declared(3, "PTV")],
        [drawn(3, contour(TRIANGLE)), drawn(7, contour(r"1\1\5\2\1\5\1\2\5\0\0\5"))],
        RTROIObservationsSequence=[
            item(ReferencedROINumber=3, RTROIInterpretedType="PTV"),
            item(ReferencedROINumber=7, RTROIInterpretedType="ORGAN"),
        ],
    )
    heart, ptv = structure_set.rois
    assert (heart.number, heart.name, heart.interpreted_type, len(heart.contours[0].points_mm)) == (
        7,
        "Heart",
        "ORGAN",
        4,
    )
    assert (ptv.number, ptv.name, ptv.interpreted_type, len(ptv.contours[0].points_mm)) == (3, "PTV", "PTV", 3)
    assert heart.flags == ptv.flags == ()


def test_the_set_says_what_it_is_and_what_it_refers_to(read: Read) -> None:
    series = item(SeriesInstanceUID="1.2.8")
    study = item(RTReferencedSeriesSequence=[series, series, item(SeriesInstanceUID="1.2.9")])
    structure_set = read(
        [declared(1, "A", ROIGenerationAlgorithm="MANUAL", ROIDescription="by hand")],
        [],
        StructureSetLabel="Plan 1",
        StructureSetDate="20240229",
        ApprovalStatus="APPROVED",
        ReferencedFrameOfReferenceSequence=[item(FrameOfReferenceUID="1.2.3.9", RTReferencedStudySequence=[study])],
    )
    assert (structure_set.sop_instance_uid, structure_set.label) == ("1.2.3.4", "Plan 1")
    assert (structure_set.date, structure_set.approval_status) == (dt.date(2024, 2, 29), "APPROVED")
    assert (structure_set.frame_of_reference_uid, structure_set.referenced_series_uids) == (
        "1.2.3.9",
        ("1.2.8", "1.2.9"),
    )
    roi = only(structure_set)
    assert (roi.generation_algorithm, roi.description, roi.frame_of_reference_uid) == ("MANUAL", "by hand", "1.2.3.9")


@pytest.mark.parametrize(
    "name", ["GTV/CTV", r"PTV\boost", "PTV '70 Gy' \"x\"", "../../etc/passwd", "Größe", "心臓", "a" * 64]
)
def test_a_name_is_text_whatever_it_holds(read: Read, name: str) -> None:
    structure_set = read([declared(1, name)], [drawn(1, contour(TRIANGLE))], SpecificCharacterSet="ISO_IR 192")
    assert only(structure_set).name == name


@pytest.mark.parametrize(
    ("name", "flags"), [("GTV/CTV", ("separator_in_name",)), (r"PTV\boost", ("separator_in_name",)), ("GTV-CTV", ())]
)
def test_a_name_with_a_separator_of_paths_is_flagged(read: Read, name: str, flags: tuple[str, ...]) -> None:
    assert only(read([declared(1, name)], [])).flags == flags


def test_what_is_no_anatomy_is_marked_by_type_or_name(read: Read) -> None:
    structure_set = read(
        [declared(1, "Structure"), declared(2, "Couch"), declared(3, "Dose 95[%]"), declared(4, "Stable")],
        [],
        RTROIObservationsSequence=[item(ReferencedROINumber=1, RTROIInterpretedType="BOLUS")],
    )
    assert [roi.flags for roi in structure_set.rois] == [("bolus",), ("couch",), ("dose_derived",), ()]


@pytest.mark.parametrize("stray", [item(), item(ReferencedROINumber="")], ids=["missing", "empty"])
def test_an_observation_of_no_roi_loses_its_words_and_not_the_patient(read: Read, stray: Dataset) -> None:
    stray.RTROIInterpretedType = "PTV"
    structure_set = read(
        [declared(1, "Structure"), declared(2, "Heart")],
        [],
        RTROIObservationsSequence=[item(ReferencedROINumber=2, RTROIInterpretedType="ORGAN"), stray],
    )
    assert [roi.flags for roi in structure_set.rois] == [("observation_without_number",), ()]
    assert [roi.interpreted_type for roi in structure_set.rois] == [None, "ORGAN"]


def test_names_equal_aside_from_case_are_flagged(read: Read) -> None:
    structure_set = read([declared(1, "ptv"), declared(2, "PTV"), declared(3, "Cord")], [])
    assert [roi.flags for roi in structure_set.rois] == [("duplicate_name",), ("duplicate_name",), ()]


def test_an_roi_without_contours_has_none(read: Read) -> None:
    structure_set = read([declared(1, "Never drawn"), declared(2, "Emptied")], [drawn(2)])
    assert [roi.contours for roi in structure_set.rois] == [(), ()]


def test_contours_of_an_undeclared_roi_are_kept_under_its_number(read: Read) -> None:
    roi = only(read([], [drawn(5, contour(TRIANGLE))]))
    assert (roi.name, roi.flags, len(roi.contours)) == ("ROI_5", ("no_structure_set_roi",), 1)


def test_an_roi_without_a_name_is_called_by_its_number(read: Read) -> None:
    roi = only(read([declared(5, "")], []))
    assert (roi.name, roi.flags) == ("ROI_5", ("no_roi_name",))


def test_two_rois_of_one_number_are_one_and_flagged(read: Read) -> None:
    roi = only(read([declared(1, "First"), declared(1, "Second")], []))
    assert (roi.name, roi.flags) == ("First", ("duplicate_roi_number",))


def test_two_rois_of_one_number_that_were_both_drawn_are_told_apart_from_one_that_was_split(read: Read) -> None:
    both = [declared(1, "First"), declared(1, "Second")]
    roi = only(read(both, [drawn(1, contour(TRIANGLE)), drawn(1, contour(r"0\0\8\10\0\8\0\10\8"))]))
    assert roi.flags == ("duplicate_roi_number", "split_roi_contour", "rois_of_one_number_joined")
    roi = only(read(both, [drawn(1, contour(TRIANGLE)), drawn(1)]))
    assert roi.flags == ("duplicate_roi_number", "split_roi_contour")


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_geometric_type_in_small_letters_is_the_type(read: Read) -> None:
    kinds = ("Closed_Planar", "closedplanar_xor", "Point")
    roi = only(read([declared(1, "A")], [drawn(1, *(contour(TRIANGLE, kind=kind) for kind in kinds))]))
    assert [one.geometric_type for one in roi.contours] == ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "POINT"]


def test_split_contours_of_one_roi_are_joined(read: Read) -> None:
    roi = only(read([declared(1, "A")], [drawn(1, contour(TRIANGLE)), drawn(1, contour(r"0\0\8\10\0\8\0\10\8"))]))
    assert (len(roi.contours), roi.flags) == (2, ("split_roi_contour",))


@pytest.mark.parametrize(
    ("written", "flags", "points"),
    [
        (contour(TRIANGLE), (), 3),
        (contour(TRIANGLE, count=None), ("point_count_missing",), 3),
        (contour(TRIANGLE, count=4), ("point_count_mismatch",), 3),
        (contour(TRIANGLE, kind=None), ("geometric_type_missing",), 3),
        (contour(TRIANGLE + r"\7\7"), ("truncated_triplets",), 3),
        (contour(TRIANGLE + r"\x\7\5"), ("bad_points_dropped",), 3),
        (contour(TRIANGLE + r"\\7\5"), ("bad_points_dropped",), 3),
        (contour(TRIANGLE + r"\1_0\7\5"), ("bad_points_dropped",), 3),
        (contour(TRIANGLE + r"\0\0\5"), (), 3),
        (contour(r" 0 \ 1.5e1\-3", kind="POINT", count=1), (), 1),
        (contour(r"0\0\5\9\9\5", kind="OPEN_PLANAR", count=2), (), 2),
    ],
)
def test_odd_contour_data_is_read_as_far_as_it_goes(
    read: Read, written: Dataset, flags: tuple[str, ...], points: int
) -> None:
    roi = only(read([declared(1, "A")], [drawn(1, written)]))
    assert roi.flags == flags
    assert [len(one.points_mm) for one in roi.contours] == [points]


def test_points_are_patient_coordinates_in_millimetres(read: Read) -> None:
    roi = only(read([declared(1, "A")], [drawn(1, contour(r"-1.25\2e2\3\4\5\6\7\8\9"))]))
    assert roi.contours[0].points_mm.tolist() == [[-1.25, 200, 3], [4, 5, 6], [7, 8, 9]]
    assert roi.contours[0].geometric_type == "CLOSED_PLANAR"


def test_the_same_closed_contour_twice_counts_once(read: Read) -> None:
    turned = r"0\10\5\10\0\5\0\0\5"
    roi = only(read([declared(1, "A")], [drawn(1, contour(TRIANGLE), contour(turned), contour(r"0\0\8\9\0\8\0\9\8"))]))
    assert (len(roi.contours), roi.flags) == (2, ("duplicate_contour_dropped",))


def test_contours_that_the_file_itself_combines_by_xor_are_all_kept(read: Read) -> None:
    twice = [contour(TRIANGLE, kind="CLOSEDPLANAR_XOR") for _ in range(2)]
    roi = only(read([declared(1, "A")], [drawn(1, *twice)]))
    assert (len(roi.contours), roi.flags) == (2, ("xor_contours",))


def test_an_roi_without_a_number_makes_the_set_unreadable(read: Read) -> None:
    with pytest.raises(StructureSetReadError, match="ROINumber is missing"):
        read([item(ROIName="A")], [])


def test_another_modality_is_no_structure_set(read: Read) -> None:
    with pytest.raises(StructureSetReadError, match="not an RT Structure Set: Modality is RTPLAN"):
        read([], [], Modality="RTPLAN")


def test_a_file_that_ends_too_early_is_a_read_error(read: Read, tmp_path: Path) -> None:
    read([declared(n, f"ROI {n}") for n in range(9)], [drawn(n, contour(TRIANGLE)) for n in range(9)])
    whole = (tmp_path / "rs.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:-100])
    with pytest.raises(StructureSetReadError, match=r"cut\.dcm: .*truncated"):
        read_structure_set(tmp_path / "cut.dcm")
