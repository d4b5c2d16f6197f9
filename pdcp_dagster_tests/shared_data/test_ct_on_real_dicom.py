"""CT pixels of real scanners and writers: compressed, multi-frame, flipped, tilted, far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from pdcp_dagster.adapters.ct_series import CtReadError, CtSeries, read_ct_series, read_ct_slice
from pdcp_dagster.domain.candidates import instance_records
from pdcp_dagster.domain.ct_slices import count_positions
from pdcp_dagster_tests.shared_data.conftest import Shelf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ODD = DATA / "ct-odd-transfersyntax"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]


def ct(*files: Path) -> CtSeries:
    return read_ct_series(files)


def test_one_image_uncompressed_and_in_jpeg_2000_is_one_image() -> None:
    assert np.array_equal(read_ct_slice(ODD / "693_UNCR.dcm"), read_ct_slice(ODD / "693_J2KR.dcm"))


def test_an_image_that_says_it_was_compressed_with_loss_is_counted() -> None:
    assert ct(ODD / "693_UNCI.dcm").lossy_slices == 1
    assert ct(ODD / "693_UNCR.dcm").lossy_slices == 0


def test_jpeg_lossless_of_a_scanner_has_air_and_bone() -> None:
    # 12 bits unsigned from -1024 HU: in a true decoding most of what is around a patient is air.
    hounsfield = read_ct_slice(ODD / "bad_sequence.dcm").astype(np.float64)
    assert -1024 <= hounsfield.min() < -950
    assert 900 < hounsfield.max() < 3072
    assert -1010 < float(np.median(hounsfield[hounsfield < -900])) < -950


def test_bits_of_a_jpeg_2000_stream_that_calls_them_unsigned_are_signed_as_the_tags_say() -> None:
    # 13 bits, RescaleIntercept 0: unsigned there would be no air, and the padding of -2000 would be 6192.
    hounsfield = read_ct_slice(DATA / "ct-tilt" / "J2K_pixelrep_mismatch.dcm").astype(np.float64)
    assert hounsfield.min() == -2000
    assert hounsfield.max() < 3072
    assert (np.abs(hounsfield + 1000) < 30).mean() > 0.05


@pytest.mark.parametrize("folder", ["23x38x3", "24x38x3"])
def test_a_legacy_converted_image_is_its_single_slices(folder: str) -> None:
    frames = ct(DATA / "dcmqi-multiframe" / folder / "multiframe" / "mf.dcm")
    slices = ct(*(DATA / "dcmqi-multiframe" / folder / "image").glob("*.dcm"))
    assert frames.volume is not None
    assert slices.volume is not None
    assert frames.volume.grid == slices.volume.grid
    assert frames.volume.grid.origin_mm[2] + 2.5 * np.arange(3) == pytest.approx([-177.75, -175.25, -172.75])
    assert np.array_equal(frames.volume.values, slices.volume.values)
    assert len(frames.sop_instance_uids) == 3


def test_the_archives_tags_of_a_legacy_converted_image_tell_its_positions(shelf: Shelf) -> None:
    shelf.hold([DATA / "dcmqi-multiframe" / "23x38x3" / "multiframe" / "mf.dcm"])
    (summary,) = shelf.summaries().values()
    assert count_positions(instance_records(summary)) == 3
    assert np.reshape(summary["frame_positions_mm"].iloc[0], (3, 3))[:, 2].tolist() == [-177.75, -175.25, -172.75]
    assert summary["slice_thickness"].tolist() == [2.5]


def test_maps_of_perfusion_are_no_ct() -> None:
    with pytest.raises(CtReadError, match="FrameType says RCBF: the values are not HU"):
        ct(ODD / "eCT_Supplemental.dcm")


def test_one_series_in_two_transfer_syntaxes_is_one_volume() -> None:
    files = [DATA / "eclipse-breast" / "ct.0.dcm", *(DATA / "eclipse-breast-synthct-rle97").glob("*.dcm")]
    series = ct(*files)
    assert series.volume is not None
    assert series.volume.grid.size == (512, 512, 98)
    real = str(pydicom.dcmread(files[0], stop_before_pixels=True).SOPInstanceUID)
    at = series.sop_instance_uids.index(real)
    # The other slices were drawn from contours, with few values that are known.
    drawn = np.unique(np.delete(series.volume.values, at, axis=0))
    assert set(drawn.tolist()) <= {-1000, -700, 0, *range(10, 120, 10)}
    assert len(np.unique(series.volume.values[at])) > 500


def test_rows_that_run_from_back_to_front_are_read_as_they_lie() -> None:
    flipped = [file for file in ODD.glob("*.dcm") if _cosines(file) == [1, 0, 0, 0, -1, 0]]
    assert flipped
    for file in flipped:
        hounsfield = read_ct_slice(file)
        assert hounsfield.min() == -1024


def test_slices_202_mm_apart_are_never_interpolated() -> None:
    files = sorted((DATA / "pydicom-ct-irregular").glob("*"))
    series = read_ct_series(files, "resample")
    assert series.volume is None
    assert "202.50 mm without a slice" in series.stack.problems[-1]


def _cosines(file: Path) -> list[float]:
    return [float(x) for x in pydicom.dcmread(file, stop_before_pixels=True).get("ImageOrientationPatient") or ()]
