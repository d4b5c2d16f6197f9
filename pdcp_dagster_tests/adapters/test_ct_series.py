"""Laws of reading a CT series."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEGLosslessSV1, RLELossless

from pdcp_dagster.adapters.ct_series import CtReadError, CtSeries, read_ct_series, read_ct_slice

MakeSlice = Callable[..., Dataset]
Save = Callable[[Dataset, str], Path]


def plane(value: int, dtype: str = "int16") -> NDArray[np.integer]:
    return np.full((4, 6), value, dtype)


@pytest.fixture
def series_of(make_slice: MakeSlice, save: Save) -> Callable[..., list[Path]]:
    """Files of an axial series, slice k holding the value k at z = 3 k, with changes for all or for one slice."""

    def write(count: int, one: dict[int, dict[str, Any]] | None = None, **every: Any) -> list[Path]:
        changes = one or {}
        return [
            save(make_slice(plane(k), (0.0, 0.0, 3.0 * k), **{**every, **changes.get(k, {})}), f"{k}.dcm")
            for k in range(count)
        ]

    return write


Series = Callable[..., list[Path]]


def values_of(ct: CtSeries) -> NDArray[np.generic]:
    assert ct.stack.problems == ()
    assert ct.volume is not None
    return ct.volume.values


def test_slices_are_ordered_by_position_whatever_their_names(series_of: Series) -> None:
    files = series_of(4, one={k: {"InstanceNumber": 9 - k, "SliceLocation": -3.0 * k} for k in range(4)})
    ct = read_ct_series([files[k] for k in (2, 0, 3, 1)])
    assert values_of(ct)[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert ct.sop_instance_uids == ("1.2.0.0.0", "1.2.0.0.3000", "1.2.0.0.6000", "1.2.0.0.9000")


def test_what_describes_the_series_is_kept(series_of: Series) -> None:
    ct = read_ct_series(series_of(2))
    assert (ct.patient_id, ct.patient_position, ct.study_date) == ("0042", "HFS", dt.date(2024, 2, 29))
    assert (ct.kvp, ct.kernel, ct.slice_thickness_mm, ct.scanner) == (120.0, "B30f", 3.0, "Phantom One")
    assert (ct.series_instance_uid, ct.frame_of_reference_uid) == ("1.2.826.1", "1.2.826.3")


def test_each_slice_is_rescaled_by_its_own_slope_and_intercept(series_of: Series) -> None:
    ct = read_ct_series(series_of(3, one={2: {"RescaleSlope": 3, "RescaleIntercept": -1024}}))
    assert values_of(ct)[:, 0, 0].tolist() == [0, 1, -1018]
    assert values_of(ct).dtype == np.int16


def test_fractional_hu_stay_fractional(series_of: Series) -> None:
    ct = read_ct_series(series_of(3, RescaleSlope=0.25))
    assert values_of(ct)[:, 0, 0].tolist() == [0.0, 0.25, 0.5]
    assert values_of(ct).dtype == np.float32


def test_unsigned_pixels_reach_negative_hu(make_slice: MakeSlice, save: Save) -> None:
    slices = [make_slice(plane(24 + k, "uint16"), (0.0, 0.0, 3.0 * k), RescaleIntercept=-1024) for k in range(2)]
    ct = read_ct_series([save(one, f"{k}.dcm") for k, one in enumerate(slices)])
    assert values_of(ct)[:, 0, 0].tolist() == [-1000, -999]


@pytest.mark.parametrize("syntax", [RLELossless, ExplicitVRBigEndian])
def test_other_transfer_syntaxes_hold_the_same_hu(make_slice: MakeSlice, tmp_path: Path, syntax: str) -> None:
    pixels = np.arange(-12, 12, dtype=np.int16).reshape(4, 6)
    files = []
    for k in range(2):
        one = make_slice(pixels, (0.0, 0.0, 3.0 * k))
        if syntax == RLELossless:
            one.compress(RLELossless, generate_instance_uid=False)
        else:
            one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
            one.PixelData = pixels.astype(">i2").tobytes()
            one["PixelData"].VR = "OW"
        files.append(tmp_path / f"{k}.dcm")
        one.save_as(files[-1], enforce_file_format=True)
    assert values_of(read_ct_series(files))[1].tolist() == pixels.tolist()


def test_localisers_are_left_out_and_named(series_of: Series, make_slice: MakeSlice, save: Save) -> None:
    scout = make_slice(plane(7), (5.0, 5.0, 5.0), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], PixelSpacing=None)
    ct = read_ct_series([save(scout, "scout.dcm"), *series_of(3)])
    assert values_of(ct).shape == (3, 4, 6)
    assert ct.localisers == ("1.2.5000.5000.5000",)


def test_a_series_of_localisers_only_is_no_ct(series_of: Series) -> None:
    with pytest.raises(CtReadError, match="2 localiser images and no other"):
        read_ct_series(series_of(2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))


def test_a_missing_slice_is_said_and_nothing_is_made_up(series_of: Series) -> None:
    files = series_of(6)
    ct = read_ct_series(files[:3] + files[4:])
    assert ct.volume is None
    assert ct.stack.problems == (
        "1 gap where the usual step is 3.00 mm: z 6.00 mm to z 12.00 mm (6.00 mm, about 1 missing)",
    )


def test_a_slice_given_twice_is_said(series_of: Series) -> None:
    files = series_of(3)
    assert read_ct_series([*files, files[1]]).stack.problems == ("1 slice lies at the position of another: z 3.00 mm",)


def test_slices_of_two_frames_of_reference_are_no_volume(series_of: Series) -> None:
    ct = read_ct_series(series_of(3, one={1: {"FrameOfReferenceUID": "1.2.9"}}))
    assert ct.volume is None
    assert ct.stack.problems == ("the slices lie in 2 frames of reference",)


@pytest.mark.parametrize(
    ("one", "told"),
    [
        ({1: None}, "1 slice names no frame of reference, the others do"),
        ({0: None, 2: None}, "2 slices name no frame of reference, the others do"),
        ({1: None, 2: "1.2.9"}, "the slices lie in 2 frames of reference, and 1 slice names none"),
    ],
)
def test_slices_that_name_no_frame_of_reference_are_counted(
    series_of: Series, one: dict[int, str | None], told: str
) -> None:
    ct = read_ct_series(series_of(4, one={k: {"FrameOfReferenceUID": uid} for k, uid in one.items()}), "resample")
    assert (ct.volume, ct.stack.problems) == (None, (told,))


def test_a_series_that_names_no_frame_of_reference_at_all_is_a_volume(series_of: Series) -> None:
    assert values_of(read_ct_series(series_of(3, FrameOfReferenceUID=None))).shape == (3, 4, 6)


def test_a_slice_of_another_series_is_refused(series_of: Series) -> None:
    with pytest.raises(CtReadError, match=r"2\.dcm: is of series 1\.2\.9"):
        read_ct_series(series_of(3, one={2: {"SeriesInstanceUID": "1.2.9"}}))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
        ({"ImageOrientationPatient": [1, 0, 0]}, "ImageOrientationPatient has 3 values, not 6"),
        ({"PixelSpacing": None}, "PixelSpacing is missing"),
        ({"RescaleIntercept": None}, "RescaleIntercept is missing"),
        ({"RescaleSlope": None}, "RescaleSlope is missing"),
        ({"RescaleSlope": 0}, "RescaleSlope is 0"),
        ({"RescaleSlope": "1e300"}, "RescaleSlope 1e+300, RescaleIntercept 0: HU beyond any number"),
        ({"RescaleIntercept": "-1e39"}, "RescaleSlope 1, RescaleIntercept -1e+39: HU beyond any number"),
        ({"RescaleType": "Z_EFF"}, "RescaleType is Z_EFF: the values are not HU"),
        ({"Rows": None}, "Rows is missing"),
        ({"PixelData": None}, "PixelData is missing"),
        ({"PixelData": bytes(40)}, "pixel data is truncated: 40 bytes for 1 x 4 x 6 pixels of 2 bytes"),
        ({"Modality": "MR"}, "not a CT image: Modality is MR"),
        ({"NumberOfFrames": 2}, "a multi-frame CT object"),
        ({"SeriesInstanceUID": None}, "SeriesInstanceUID is missing"),
    ],
)
def test_a_slice_that_lacks_what_it_needs_is_named(series_of: Series, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(CtReadError) as caught:
        read_ct_series(series_of(3, one={1: changed}))
    assert Path(caught.value.path).name == "1.dcm"
    assert why in caught.value.why


def test_nonsense_that_only_describes_does_no_harm(series_of: Series) -> None:
    assert read_ct_series(series_of(2, KVP=None, StudyDate=None)).kvp is None


@pytest.mark.parametrize("kept", [0, 20, 200, -10])
def test_a_file_that_ends_too_early_is_a_read_error(series_of: Series, kept: int) -> None:
    files = series_of(2)
    files[1].write_bytes(files[1].read_bytes()[:kept])
    with pytest.raises(CtReadError) as caught:
        read_ct_series(files)
    assert caught.value.path == str(files[1])


def test_a_file_that_is_no_dicom_is_a_read_error(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("<html>no such instance</html>" * 20)
    with pytest.raises(CtReadError):
        read_ct_series([tmp_path / "a.dcm"])


def test_a_file_that_is_not_there_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(CtReadError, match="FileNotFoundError"):
        read_ct_series([tmp_path / "gone.dcm"])


def test_pixel_data_that_no_decoder_reads_says_so_in_one_line(make_slice: MakeSlice, tmp_path: Path) -> None:
    one = make_slice(plane(0), (0.0, 0.0, 0.0))
    one.compress(RLELossless, generate_instance_uid=False)
    one.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    one.save_as(tmp_path / "0.dcm", enforce_file_format=True)
    with pytest.raises(CtReadError) as caught:
        read_ct_series([tmp_path / "0.dcm"])
    assert "\n" not in str(caught.value)


def test_the_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(CtReadError("/a.dcm", "truncated")))  # noqa: S301 - made in this line
    assert (type(error), error.path, error.why) == (CtReadError, "/a.dcm", "truncated")


def tilted_series(make_slice: MakeSlice, save: Save) -> list[Path]:
    """Nine slices of 4 x 6 pixels with HU = x + 2y + 3z, 3 mm apart along z, tilted by 20 degrees about x."""
    cos, sin = math.cos(math.radians(20.0)), math.sin(math.radians(20.0))
    files = []
    for k in range(9):
        j, i = np.indices((4, 6))
        hu = i + 2 * (j * cos) + 3 * (j * sin + 3.0 * k)
        told = {"ImageOrientationPatient": [1, 0, 0, 0, f"{cos:.12f}", f"{sin:.12f}"], "RescaleSlope": "0.001"}
        one = make_slice(np.rint(hu / 0.001).astype(np.uint32), (0.0, 0.0, 3.0 * k), BitsAllocated=32, **told)
        one.BitsStored, one.HighBit = 32, 31
        files.append(save(one, f"{(5 * k) % 9}.dcm"))
    return files


def test_a_tilted_series_is_refused_unless_it_is_to_be_interpolated(make_slice: MakeSlice, save: Save) -> None:
    files = tilted_series(make_slice, save)
    refused = read_ct_series(files)
    assert (refused.volume, refused.resampling) == (None, None)
    assert "sheared (gantry tilt) by 20.00 degrees" in refused.stack.problems[0]
    ct = read_ct_series(files, "resample")
    assert ct.volume is not None
    assert ct.resampling is not None
    assert ct.stack.problems == refused.stack.problems, "what was wrong stays said"
    assert ct.stack.grid is None
    k, j, i = np.indices(ct.volume.values.shape).reshape(3, -1)
    points = ct.volume.grid.to_patient(np.column_stack([i, j, k]).astype(np.float64))
    values = ct.volume.values.ravel().astype(np.float64)
    scanned = values != -1024
    assert values[scanned] == pytest.approx((points @ [1.0, 2.0, 3.0])[scanned], abs=1e-3)
    assert int((~scanned).sum()) == ct.resampling.padded_voxels
    assert len(ct.sop_instance_uids) == 9


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"FrameOfReferenceUID": "1.2.9"}, "the slices lie in 2 frames of reference"),
        ({"PixelSpacing": [1, 2]}, "the slices differ in pixel spacing"),
        ({"ImageOrientationPatient": [0, 1, 0, 1, 0, 0]}, "the slices differ in orientation"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, 1]}, "the slices differ in orientation"),
    ],
)
def test_slices_that_do_not_belong_together_are_never_interpolated(
    series_of: Series, changed: dict[str, Any], why: str
) -> None:
    files = series_of(6, one={1: changed})
    ct = read_ct_series(files[:3] + files[4:], "resample")
    assert ct.volume is None
    assert ct.resampling is None
    assert why in "; ".join(ct.stack.problems)


def test_an_even_series_is_not_interpolated(series_of: Series) -> None:
    files = series_of(4)
    ct = read_ct_series(files, "resample")
    assert ct.resampling is None
    assert values_of(ct)[:, 0, 0].tolist() == [0, 1, 2, 3]


def test_localisers_and_missing_slices_do_not_meet(series_of: Series, make_slice: MakeSlice, save: Save) -> None:
    files = series_of(6)
    scout = make_slice(plane(7), (0.0, 0.0, 9.5), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    ct = read_ct_series([*files[:3], *files[4:], save(scout, "scout.dcm")], "resample")
    assert ct.volume is not None
    assert ct.volume.values[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(ct.localisers) == 1


@pytest.mark.parametrize("kind", ["HU", "hu", "Hounsfield", "HOUNSFIELD UNITS", "HU_MOD", "us", "", None])
def test_a_rescale_type_that_says_hu_or_nothing_is_hu_however_it_is_written(
    series_of: Series, kind: str | None
) -> None:
    assert values_of(read_ct_series(series_of(3, RescaleType=kind)))[:, 0, 0].tolist() == [0, 1, 2]


def padded_pixels(value: int, dtype: str) -> NDArray[np.integer]:
    """0 HU, after an intercept of -1024, but for a corner of padding."""
    pixels = np.full((4, 6), 1024, dtype)
    pixels[0, 0] = value
    return pixels


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (np.int16(-2000), {"PixelPaddingValue": -2000}),
        (np.int16(-32768), {"PixelPaddingValue": -32768}),
        (np.uint16(63536), {"PixelPaddingValue": 63536}),
        (np.int16(-2003), {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -2010}),
    ],
)
@pytest.mark.parametrize("missing", [None, 3])
def test_padding_is_no_hu_is_never_interpolated_and_is_counted(
    make_slice: MakeSlice, save: Save, stored: np.integer, told: dict[str, int], missing: int | None
) -> None:
    files = []
    for k in {0, 1, 2, 3, 4} - {missing}:
        pixels = padded_pixels(int(stored) if k < 3 else 1024, stored.dtype.name)
        one = make_slice(pixels, (0.0, 0.0, 3.0 * k), RescaleIntercept=-1024, **told)
        files.append(save(one, f"{k}.dcm"))
    ct = read_ct_series(files, "resample")
    assert ct.volume is not None
    assert ct.volume.values.dtype == np.int16
    # The plane of a missing slice at 9 mm lies between padding and 0 HU: nobody knows what was there.
    padded = 3 if missing is None else 4
    assert ct.volume.values[:, 0, 0].tolist() == [-1024] * padded + [0] * (5 - padded)
    assert np.unique(ct.volume.values[:, 1:]).tolist() == [0]
    assert ct.unscanned_voxels == padded


def test_a_signed_padding_value_written_as_unsigned_is_the_same_value(make_slice: MakeSlice, save: Save) -> None:
    one = make_slice(padded_pixels(-2000, "int16"), (0.0, 0.0, 0.0), RescaleIntercept=-1024)
    one.add_new("PixelPaddingValue", "US", 63536)  # 65536 - 2000
    assert read_ct_slice(save(one, "0.dcm"))[0, 0, :2].tolist() == [-1024, 0]


def test_a_padding_value_that_is_no_number_is_none(make_slice: MakeSlice, save: Save) -> None:
    one = make_slice(padded_pixels(-2000, "int16"), (0.0, 0.0, 0.0), RescaleIntercept=-1024)
    one.add_new("PixelPaddingValue", "SS", [-2000, 7])
    assert read_ct_slice(save(one, "0.dcm"))[0, 0, 0] == -3024
