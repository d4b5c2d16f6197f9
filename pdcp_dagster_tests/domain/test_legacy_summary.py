"""PDCP's image summary: its columns, and each value in its spelling."""

from __future__ import annotations

import ast
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from pdcp_dagster.domain.legacy_summary import KEYWORDS, LEGACY_COLUMNS, legacy_cell, legacy_rows, legacy_sequence
from pdcp_dagster.domain.summary import COLUMNS, summarise

CODE = "__import__('os').system('x')"


def row(**tags: object) -> dict[str, object]:
    """Return the legacy row of an instance with these tags, by column."""
    (cells,) = legacy_rows(summarise([tags]).to_dict("records"))
    return dict(zip(LEGACY_COLUMNS, cells, strict=True))


def test_there_are_the_74_keywords_and_11_derived_columns_of_pdcp() -> None:
    assert len(set(KEYWORDS)) == 74
    assert len(LEGACY_COLUMNS) == 85
    assert set(LEGACY_COLUMNS.values()) <= set(COLUMNS)
    for column in ("PatId", "OrthancId", "StudyId", "StudyIdentifier", "SeriesIdentifier", "InstanceIdentifier"):
        assert column in LEGACY_COLUMNS


def test_absent_and_empty_tags_are_missing() -> None:
    cells = row(PatientID="7", StudyDescription="")
    assert cells.pop("PatientID") == cells.pop("PatId") == "7"
    assert set(cells.values()) == {"missing"}


def test_a_patient_id_keeps_leading_zeros_underscores_and_blanks() -> None:
    assert row(PatientID="007_A ")["PatId"] == "007_A "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.date(2014, 12, 22), "20141222"),
        (dt.date(9, 1, 2), "00090102"),
        (np.array([0.9765625, 0.9765625]), "0.9765625\\0.9765625"),
        ([-250.0, 1e-7, 3], "-250\\1e-07\\3"),
        ([], "missing"),
        (None, "missing"),
        (pd.NA, "missing"),
        (float("nan"), "missing"),
        ("ORIGINAL\\PRIMARY\\AXIAL", "ORIGINAL\\PRIMARY\\AXIAL"),
        (130, 130),
        (2.5, 2.5),
    ],
)
def test_values_are_spelt_as_in_dicom(value: object, text: object) -> None:
    assert legacy_cell(value) == text


def test_the_organs_are_text_that_json_and_python_read_alike_without_running_anything() -> None:
    names = ["PTV", "PTV", 'Herz "links"', CODE, "Größe\N{LUNGS}", "a\\b/c"]
    rois = [{"ROINumber": str(number), "ROIName": name, "ROIVolume": "1.5"} for number, name in enumerate(names)]
    del rois[0]["ROIVolume"]
    organs = row(Modality="RTSTRUCT", StructureSetROISequence=rois)["organs"]
    expected = [{"PTV": "missing"}, *({name: "1.5"} for name in names[1:])]
    assert isinstance(organs, str)
    assert json.loads(organs) == ast.literal_eval(organs) == expected


def test_an_instance_that_is_no_structure_set_has_no_organs() -> None:
    assert legacy_sequence(pd.NA) == legacy_sequence(None) == "missing"
    assert row(Modality="CT")["organs"] == "missing"


def test_a_sequence_is_text_that_json_and_python_read_alike() -> None:
    groups = [{"FractionGroupDescription": "Größe\N{LUNGS}", "BeamSequence": [{"BeamName": None}]}]
    cell = row(Modality="RTPLAN", FractionGroupSequence=groups)["FractionGroupSequence"]
    assert isinstance(cell, str)
    expected = [{"FractionGroupDescription": "Größe\N{LUNGS}", "BeamSequence": [{"BeamName": ""}]}]
    assert json.loads(cell) == ast.literal_eval(cell) == expected


def test_a_summary_without_one_of_the_columns_is_refused() -> None:
    table = summarise([{"PatientID": "7"}]).drop(columns="organs")
    with pytest.raises(KeyError, match="organs"):
        legacy_rows(table.to_dict("records"))
