"""The image summary: untrusted tags in, one typed table out."""

from __future__ import annotations

import datetime as dt
import io
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.summary import COLUMNS, snake_case, summarise

PDCP_KEYWORDS = """AccessionNumber AcquisitionNumber ApprovalStatus BitsAllocated BitsStored BurnedInAnnotation Columns
DoseGridScaling DoseSummationType DoseType DoseUnits FractionGroupSequence FrameIncrementPointer FrameOfReferenceUID
GridFrameOffsetVector HighBit ImageOrientationPatient ImagePositionPatient ImageType InstanceCreationDate
InstanceCreationTime InstanceCreatorUID InstanceNumber IssuerOfPatientID KVP LargestImagePixelValue Manufacturer
ManufacturerModelName Modality NumberOfFrames PatientBirthDate PatientID PatientName PatientPosition
PatientSetupSequence PatientSex PhotometricInterpretation PixelData PixelRepresentation PixelSpacing
PositionReferenceIndicator RTPlanDate RTPlanDescription RTPlanGeometry RTPlanLabel RTPlanName RTPlanTime
ReferencedRTPlanSequence ReferencedStructureSetSequence ReferencedStudySequence ReferringPhysicianName RescaleIntercept
RescaleSlope ReviewDate ReviewerName Rows SOPClassUID SOPInstanceUID SamplesPerPixel SeriesInstanceUID SeriesNumber
SliceLocation SliceThickness SmallestImagePixelValue SoftwareVersions SpecificCharacterSet StationName StructureSetDate
StructureSetTime StudyDate StudyDescription StudyID StudyInstanceUID StudyTime""".split()  # noqa: SIM905 # a list to read

CT: dict[str, Any] = {
    "PatientID": "0012",
    "Modality": "CT",
    "SOPInstanceUID": "1.2.3",
    "SeriesInstanceUID": "1.2",
    "StudyInstanceUID": "1",
    "StudyDate": "20200131",
    "InstanceNumber": "7",
    "SliceThickness": "2.5",
    "KVP": "120",
    "ImagePositionPatient": "-1\\2\\3.5",
    "PixelData": None,
    "StudyDescription": "the instance's own",
    "instance_identifier": "i",
    "file_size": 1234,
    "study_tags": {"StudyDescription": "the study's"},
    "series_tags": {"SeriesDescription": "axial", "SeriesDate": "20200201"},
}


def one(**tags: Any) -> dict[str, Any]:
    """Return the only row of a summary as a dictionary, null being None."""
    (row,) = summarise([{**CT, **tags}]).to_dict("records")
    return {str(key): None if value is pd.NA else value for key, value in row.items()}


def test_the_originals_74_keywords_are_columns() -> None:
    assert len(PDCP_KEYWORDS) == 74
    assert {snake_case(keyword) for keyword in PDCP_KEYWORDS} <= set(COLUMNS)


def test_a_patient_id_is_kept_to_the_letter() -> None:
    assert one(PatientID=" 0012 ")["patient_id"] == " 0012 "
    assert one(PatientID="")["patient_id"] is None


def test_keywords_become_snake_case() -> None:
    expected = {"RTPlanDate": "rt_plan_date", "SOPClassUID": "sop_class_uid", "KVP": "kvp", "StudyID": "study_id"}
    assert {keyword: snake_case(keyword) for keyword in expected} == expected


def test_a_row_has_typed_values_and_leading_zeros() -> None:
    row = one()
    assert row["patient_id"] == "0012"
    assert row["study_date"] == dt.date(2020, 1, 31)
    assert (row["instance_number"], row["slice_thickness"], row["kvp"]) == (7, 2.5, 120.0)
    assert row["image_position_patient"] == [-1.0, 2.0, 3.5]
    assert (row["study_description"], row["series_description"]) == ("the study's", "axial")
    assert row["series_date"] == dt.date(2020, 2, 1)
    assert (row["instance_identifier"], row["file_size"]) == ("i", 1234)
    assert row["plan_intent"] is None
    assert row["pixel_data"] is None
    assert row["referenced_plan_uids"] is None


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDate", "19991332"),
        ("StudyDate", "2020"),
        ("StudyDate", ""),
        ("SliceThickness", "2,5"),
        ("SliceThickness", "NaN"),
        ("SliceThickness", "inf"),
        ("SliceThickness", "1_0"),
        ("InstanceNumber", "1.5"),
        ("InstanceNumber", "99999999999999999999"),
        ("ImagePositionPatient", "1\\x\\3"),
        ("ImagePositionPatient", ""),
        ("PatientName", ""),
        ("PatientName", {"not": "text"}),
        ("ReferencedRTPlanSequence", "text"),
    ],
)
def test_a_value_that_the_standard_forbids_is_null(keyword: str, value: object) -> None:
    assert one(**{keyword: value})[snake_case(keyword)] is None


def test_a_structure_set_tells_names_volumes_and_every_reference() -> None:
    def series(uid: str, images: int) -> dict[str, Any]:
        named = [{"ReferencedSOPInstanceUID": f"{uid}.{n}"} for n in range(images)]
        return {"SeriesInstanceUID": uid, "ContourImageSequence": named}

    def frame(uid: str, *each: dict[str, Any]) -> dict[str, Any]:
        return {"FrameOfReferenceUID": uid, "RTReferencedStudySequence": [{"RTReferencedSeriesSequence": list(each)}]}

    row = one(
        Modality="RTSTRUCT",
        StructureSetROISequence=[
            {"ROINumber": "3", "ROIName": "Heart", "ROIVolume": "12.5"},
            {"ROINumber": "1", "ROIName": "'] + exit() + ['"},
        ],
        ReferencedFrameOfReferenceSequence=[
            frame("f1", series("PET", 2)),
            frame("f2", series("CT", 3), series("CT2", 0)),
        ],
    )
    assert (row["roi_numbers"], row["roi_names"]) == ([3, 1], ["Heart", "'] + exit() + ['"])
    assert row["roi_volumes_cm3"] == [12.5, None]
    assert row["organs"] == '[{"Heart": "12.5"}, {"\'] + exit() + [\'": "missing"}]'
    assert row["referenced_series_uids"] == ["PET", "CT", "CT2"]
    assert row["referenced_image_counts"] == [2, 3, 0]
    assert row["referenced_image_uids"] == ["PET.0", "PET.1", "CT.0", "CT.1", "CT.2"]
    assert row["frame_of_reference_uids"] == ["f1", "f2"]
    assert (row["referenced_ct_series_uid"], row["len_of_associated_ct_slices"]) == ("PET", 2)


def test_a_structure_set_without_the_inner_sequences_is_no_error() -> None:
    row = one(ReferencedFrameOfReferenceSequence=[{"FrameOfReferenceUID": "f"}, {}], StructureSetROISequence=[])
    assert (row["referenced_series_uids"], row["referenced_image_counts"], row["roi_names"]) == ([], [], [])
    assert row["frame_of_reference_uids"] == ["f"]


def test_doses_and_plans_tell_every_item_of_their_references() -> None:
    plans = [
        {
            "ReferencedSOPInstanceUID": "p1",
            "ReferencedFractionGroupSequence": [{"ReferencedFractionGroupNumber": "2"}],
        },
        {"ReferencedSOPInstanceUID": "p2"},
    ]
    row = one(ReferencedRTPlanSequence=plans, ReferencedStructureSetSequence=[{"ReferencedSOPInstanceUID": "s"}])
    assert row["referenced_plan_uids"] == ["p1", "p2"]
    assert row["referenced_fraction_groups"] == [2]
    assert row["referenced_structure_set_uids"] == ["s"]


def test_a_pet_tells_what_its_uptake_needs() -> None:
    drug = {
        "RadionuclideTotalDose": "3.7e8",
        "RadiopharmaceuticalStartTime": "101500",
        "RadionuclideHalfLife": "6586.2",
    }
    row = one(Units="BQML", PatientWeight="70", RadiopharmaceuticalInformationSequence=[drug])
    assert (row["units"], row["patient_weight"], row["radionuclide_total_dose_bq"]) == ("BQML", 70.0, 3.7e8)
    assert (row["radiopharmaceutical_start_time"], row["radionuclide_half_life_s"]) == ("101500", 6586.2)


def test_rows_are_sorted_by_modality_series_and_position_whatever_the_order_they_come_in() -> None:
    rows = [{**CT, "SOPInstanceUID": f"{n}", "ImagePositionPatient": f"0\\0\\{z}"} for n, z in enumerate((9, -3, 100))]
    rows += [{**CT, "Modality": "RTDOSE", "SOPInstanceUID": "d", "ImagePositionPatient": None}]
    rows += [{**CT, "SOPInstanceUID": "none", "ImagePositionPatient": None}]
    expected = summarise(rows)
    assert list(expected["sop_instance_uid"]) == ["1", "0", "2", "none", "d"]
    for seed in range(5):
        random.Random(seed).shuffle(rows)  # noqa: S311 # no secret
        pd.testing.assert_frame_equal(summarise(rows), expected)


def test_no_rows_give_an_empty_table_of_the_same_columns_and_types() -> None:
    table = summarise([])
    assert list(table.columns) == list(COLUMNS)
    assert table["patient_id"].dtype == "string"
    assert len(table) == 0


def test_a_summary_comes_back_from_parquet_as_it_was() -> None:
    table = summarise([CT, {**CT, "SOPInstanceUID": "2", "PatientID": None, "KVP": None, "StudyDate": None}])
    assert_same(through_parquet(table), table)
    assert_same(through_parquet(summarise([])), summarise([]))


def through_parquet(table: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    table.to_parquet(file)
    return pd.read_parquet(file)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Require equality; only that Parquet gives lists back as arrays is allowed."""
    assert list(found.dtypes) == list(expected.dtypes)
    pd.testing.assert_frame_equal(found.map(_listed), expected.map(_listed))


def _listed(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([*PDCP_KEYWORDS, "StructureSetROISequence", "ReferencedFrameOfReferenceSequence", "study_tags"])


@given(st.lists(st.dictionaries(names, junk, max_size=6), max_size=3))
@settings(max_examples=25, deadline=None)
def test_no_tags_however_odd_break_the_summary(rows: list[dict[str, Any]]) -> None:
    table = summarise(rows)
    assert len(table) == len(rows)
    assert len(through_parquet(table)) == len(rows)
