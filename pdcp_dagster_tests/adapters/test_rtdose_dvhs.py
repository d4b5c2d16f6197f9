"""The planning system's DVHs in an RTDOSE: what can be used is read, and what cannot says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from pdcp_dagster.adapters.rtdose_dvhs import PlanningDvhsReadError, read_planning_dvhs
from pdcp_dagster.domain.tps_dvh import PlanningDvhs

RT_DOSE = UID("1.2.840.10008.5.1.4.1.1.481.2")


def referencing(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def a_dvh(number: int = 5, **changes: Any) -> Dataset:
    """Two cm3, of which one gets 2 Gy and all get 1 Gy."""
    values: dict[str, Any] = {
        "DVHType": "CUMULATIVE",
        "DoseUnits": "GY",
        "DoseType": "PHYSICAL",
        "DVHDoseScaling": "1",
        "DVHVolumeUnits": "CM3",
        "DVHNumberOfBins": "3",
        "DVHData": ["1", "2", "1", "1", "1", "-1e-12"],
        "DVHMeanDose": "14.5",
        "DVHReferencedROISequence": [
            referencing(ReferencedROINumber=number, DVHROIContributionType="INCLUDED"),
        ],
        **changes,
    }
    return referencing(**{keyword: value for keyword, value in values.items() if value is not None})


def written(folder: Path, *dvhs: Dataset, change: Callable[[Dataset], None] | None = None) -> Path:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = RT_DOSE, UID("1.2.3"), "RTDOSE"
    data.DoseSummationType = "PLAN"
    data.ReferencedRTPlanSequence = [referencing(ReferencedSOPInstanceUID="1.2.4")]
    data.ReferencedStructureSetSequence = [referencing(ReferencedSOPInstanceUID="1.2.5")]
    data.DVHSequence = list(dvhs)
    data.add_new("PixelData", "OW", b"\0\0")
    if change is not None:
        change(data)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RT_DOSE, data.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, generate_uid()
    data.file_meta = meta
    path = folder / "dose.dcm"
    data.save_as(path, enforce_file_format=True)
    return path


def read(folder: Path, *dvhs: Dataset) -> PlanningDvhs:
    return read_planning_dvhs(written(folder, *dvhs))


def test_a_dvh_is_read_with_what_it_belongs_to(tmp_path: Path) -> None:
    found = read(tmp_path, a_dvh())
    assert (found.dose_uid, found.summation_type) == ("1.2.3", "PLAN")
    assert (found.plan_uids, found.structure_set_uids) == (("1.2.4",), ("1.2.5",))
    (dvh,) = found.dvhs
    assert (dvh.roi_number, dvh.volume_cm3, dvh.dose_type, dvh.stated_dmean) == (5, 2, "PHYSICAL", 14.5)
    assert dvh.curve.dmean_gy == pytest.approx(0.5 + 0.75 + 0.25)
    assert found.skipped == ()


def test_volumes_in_per_cent_say_nothing_of_the_rois_volume(tmp_path: Path) -> None:
    (dvh,) = read(tmp_path, a_dvh(DVHVolumeUnits="PERCENT", DVHData=["1", "100", "1", "50", "1", "0"])).dvhs
    assert dvh.volume_cm3 is None
    assert dvh.curve.dose_at_pct(50) == pytest.approx(1.5)


def test_a_differential_dvh_is_read_too(tmp_path: Path) -> None:
    (dvh,) = read(tmp_path, a_dvh(DVHType="DIFFERENTIAL", DVHData=["1", "0", "1", "1", "1", "1"])).dvhs
    assert (dvh.volume_cm3, dvh.curve.dmean_gy) == pytest.approx((2, 2))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"DoseUnits": "RELATIVE"}, "doses are in RELATIVE"),
        ({"DoseUnits": None}, "doses are in no unit"),
        ({"DVHVolumeUnits": "PER_U"}, "volumes are in PER_U"),
        ({"DVHType": "NATURAL"}, "type is NATURAL"),
        ({"DVHDoseScaling": None}, "DVHDoseScaling is missing"),
        ({"DVHDoseScaling": "0"}, "DVHDoseScaling is 0"),
        ({"DVHData": None, "DVHNumberOfBins": None}, "0 bins"),
        ({"DVHData": ["1", "2", "1", "1"]}, "4 numbers for 3 bins"),
        ({"DVHData": ["1", "2", "1"], "DVHNumberOfBins": None}, "no pairs"),
        ({"DVHReferencedROISequence": None}, "none is named"),
        (
            {
                "DVHReferencedROISequence": [
                    referencing(ReferencedROINumber=1, DVHROIContributionType="INCLUDED"),
                    referencing(ReferencedROINumber=2, DVHROIContributionType="EXCLUDED"),
                ]
            },
            "not of one ROI: INCLUDED, EXCLUDED",
        ),
        (
            {"DVHReferencedROISequence": [referencing(DVHROIContributionType="INCLUDED")]},
            "ReferencedROINumber is missing",
        ),
    ],
)
def test_a_dvh_that_cannot_be_used_is_skipped_with_the_reason_and_the_others_are_read(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    found = read(tmp_path, a_dvh(4, **changes), a_dvh(5))
    assert [dvh.roi_number for dvh in found.dvhs] == [5]
    (skipped,) = found.skipped
    assert why in skipped.reason


def test_data_that_are_no_numbers_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, a_dvh(), a_dvh(6, DVHData=["1", "2", "1", "7", "1", "0"]))
    content = path.read_bytes()
    assert content.count(b"1\\2\\1\\7\\1\\0") == 1
    for broken in (b"1\\2\\1\\x\\1\\0", b"1\\nan\\1\\0.5"):
        path.write_bytes(content.replace(b"1\\2\\1\\7\\1\\0", broken))
        found = read_planning_dvhs(path)
        assert [dvh.roi_number for dvh in found.dvhs] == [5]
        assert [skipped.roi_number for skipped in found.skipped] == [6]


def test_an_rtdose_without_dvhs_has_none(tmp_path: Path) -> None:
    found = read_planning_dvhs(written(tmp_path, change=lambda data: data.__delattr__("DVHSequence")))
    assert (found.dvhs, found.skipped) == ((), ())


def test_what_is_no_rtdose_is_no_rtdose_without_dvhs(tmp_path: Path) -> None:
    with pytest.raises(PlanningDvhsReadError, match="Modality is RTPLAN"):
        read_planning_dvhs(written(tmp_path, change=lambda data: setattr(data, "Modality", "RTPLAN")))
    with pytest.raises(PlanningDvhsReadError):
        read_planning_dvhs(tmp_path / "nowhere.dcm")
