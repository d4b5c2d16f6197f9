"""A CT's HU do not depend on how its pixels are written down, nor on which decoder reads them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pdcp_dagster.adapters.ct_series import pixels, read_ct_series, read_ct_slice
from pdcp_dagster_tests.adapters.jpeg_lossless import jpeg_lossless

MakeSlice = Callable[..., Dataset]
Save = Callable[[Dataset, str], Path]

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
LOSSLESS = (RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)
PREDICTORS = {JPEGLossless: 6, JPEGLosslessSV1: 1}
PADDING = -2000
ROWS, COLUMNS = 64, 72


def stored_values(bits: int, *, signed: bool) -> NDArray[np.integer]:
    """Every end of the range, noise in between, and where there is room a border of padding."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    values = np.random.default_rng(bits).integers(low, high + 1, (ROWS, COLUMNS))
    values[0, :4] = low, high, high, low
    if signed:
        values[-2:] = PADDING
    return values.astype(np.int16 if signed else np.uint16)


def written(data: Dataset, syntax: UID) -> Dataset:
    """Return the slice in another transfer syntax."""
    data["PixelData"].VR = "OW"
    if syntax in PREDICTORS:
        cells = np.frombuffer(data.PixelData, "<u2").reshape(data.Rows, data.Columns) & ((1 << data.BitsStored) - 1)
        data.PixelData = encapsulate([jpeg_lossless(cells, data.BitsStored, PREDICTORS[syntax])])
        data["PixelData"].is_undefined_length = True
    elif syntax == ExplicitVRBigEndian:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    elif syntax not in NATIVE:
        data.compress(syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = syntax
    return data


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", [12, 13, 16])
@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda syntax: syntax.name)
def test_every_lossless_syntax_gives_the_stored_values(
    make_slice: MakeSlice, save: Save, syntax: UID, bits: int, signed: bool
) -> None:
    values = stored_values(bits, signed=signed)
    more: dict[str, Any] = {"PixelPaddingValue": PADDING} if signed else {}
    data = make_slice(values, (0.0, 0.0, 0.0), BitsStored=bits, HighBit=bits - 1, RescaleIntercept=-1024, **more)
    found = read_ct_slice(save(written(data, syntax), "0.dcm"))
    hounsfield = np.where(signed & (values == PADDING), -1024, values.astype(int) - 1024)
    assert found[0].tolist() == hounsfield.tolist()


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
def test_it_does_not_matter_which_decoder_answers(
    make_slice: MakeSlice, save: Save, syntax: UID, signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = stored_values(13, signed=signed)
    file = save(written(make_slice(values, (0.0, 0.0, 0.0), BitsStored=13, HighBit=12), syntax), "0.dcm")
    for decoder in get_decoder(syntax).available_plugins:
        monkeypatch.setitem(pixels._PLUGINS, syntax, decoder)
        assert np.array_equal(read_ct_slice(file)[0], values), decoder


def test_overlay_bits_above_the_stored_ones_are_no_hu(make_slice: MakeSlice, save: Save) -> None:
    values = stored_values(12, signed=False)
    overlaid = values | np.uint16(0x8000)
    for syntax in (ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless):
        data = written(make_slice(overlaid, (0.0, 0.0, 0.0), BitsStored=12, HighBit=11), syntax)
        assert np.array_equal(read_ct_slice(save(data, "0.dcm"))[0], values)


@pytest.mark.parametrize("signed", [False, True], ids=["stream signed", "stream unsigned"])
def test_the_pixel_representation_says_how_the_bits_of_jpeg_2000_are_meant(
    make_slice: MakeSlice, save: Save, signed: bool
) -> None:
    meant = stored_values(13, signed=signed)
    same_bits = meant & 0x1FFF
    other = same_bits.astype(np.uint16) if signed else (same_bits.astype(np.int16) << 3) >> 3
    data = written(make_slice(other, (0.0, 0.0, 0.0), BitsStored=13, HighBit=12), JPEG2000Lossless)
    data.PixelRepresentation = int(signed)
    assert np.array_equal(read_ct_slice(save(data, "0.dcm"))[0], meant)


def test_a_data_set_without_file_meta_information_is_read_as_it_was_parsed(
    make_slice: MakeSlice, tmp_path: Path
) -> None:
    values = stored_values(16, signed=True)
    data = make_slice(values, (0.0, 0.0, 0.0))
    data["PixelData"].VR = "OW"
    del data.file_meta
    data.save_as(tmp_path / "0.dcm", implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert np.array_equal(read_ct_slice(tmp_path / "0.dcm")[0], values)


def test_jpeg_baseline_is_near_the_original_and_said_to_be_lossy(make_slice: MakeSlice, save: Save) -> None:
    j, i = np.indices((ROWS, COLUMNS))
    values = (i + j).astype(np.uint8)
    files = []
    for k in range(3):
        stream = io.BytesIO()
        Image.fromarray(values).save(stream, "JPEG", quality=95)
        eight: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
        data = make_slice(values, (0.0, 0.0, 3.0 * k), **eight)
        data.PixelData = encapsulate([stream.getvalue()])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        files.append(save(data, f"{k}.dcm"))
    series = read_ct_series(files)
    assert series.volume is not None
    assert np.abs(series.volume.values[1].astype(int) - values).max() <= 3
    assert series.lossy_slices == 3


@pytest.mark.parametrize(
    ("syntax", "said", "lossy"),
    [
        (ExplicitVRLittleEndian, None, False),
        (ExplicitVRLittleEndian, "00", False),
        (ExplicitVRLittleEndian, "01", True),
        (RLELossless, None, False),
        (JPEG2000Lossless, None, False),
        (JPEG2000Lossless, "01", True),
        (JPEG2000, None, True),
        (JPEG2000, "00", False),
        (JPEGLSNearLossless, None, True),
    ],
    ids=str,
)
def test_lossy_slices_are_counted_by_what_is_said_and_how_they_lie(
    make_slice: MakeSlice, save: Save, syntax: UID, said: str | None, lossy: bool
) -> None:
    values = stored_values(12, signed=False)
    same: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    first = make_slice(values, (0.0, 0.0, 0.0), LossyImageCompression=said, **same)
    if syntax == JPEGLSNearLossless:
        first.compress(syntax, generate_instance_uid=False, jls_error=2)
    elif syntax == JPEG2000:
        first.compress(syntax, generate_instance_uid=False, j2k_cr=[2])
    else:
        first = written(first, syntax)
    second = make_slice(values, (0.0, 0.0, 3.0), **same)
    series = read_ct_series([save(first, "0.dcm"), save(second, "1.dcm")])
    assert series.lossy_slices == int(lossy)
