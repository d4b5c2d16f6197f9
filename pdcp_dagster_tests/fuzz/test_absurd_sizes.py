"""A header that asks for 100 GB is refused before any memory is taken for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from pdcp_dagster.adapters.ct_series import CtReadError, read_ct_slice
from pdcp_dagster.adapters.rtdose import DoseReadError, read_dose
from pdcp_dagster.domain.dicom_values import UnusableValueError
from pdcp_dagster.domain.expansion import require_frame_size, require_modest_inflation, require_modest_pixels
from pdcp_dagster.domain.stored_values import PixelFormat
from pdcp_dagster_tests.fuzz import absurd_sizes
from pdcp_dagster_tests.fuzz.absurd_sizes import changed

LITTLE_MB = 150
FORM = PixelFormat(rows=4, columns=6, bits_allocated=16, bits_stored=16, high_bit=15, signed=False)
SOF = b"\xff\xc3\x00\x0b\x10\x00\x04\x00\x06\x01\x00\x00\x00"
"""A JPEG frame of 4 rows, 6 columns, 1 sample."""


def test_absurd_files_are_refused_with_little_memory(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    program = [sys.executable, "-m", absurd_sizes.__name__, str(tmp_path)]
    root = Path(__file__).parents[2]
    ran = subprocess.run(program, capture_output=True, text=True, env=environment, cwd=root, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rows) == 13
    for row in rows:
        is_read = row["case"].startswith("contours are said")
        assert row["came"].split(":")[0].endswith("StructureSet" if is_read else "ReadError"), row
        assert row["grown_mb"] < LITTLE_MB, row
    assert ran.stderr == ""


@pytest.mark.parametrize("position", ["1e9", "-1e300", "100001"])
def test_no_slice_and_no_dose_lies_100_m_away(position: str, tmp_path: Path) -> None:
    for kind, read, error in (("CT", read_ct_slice, CtReadError), ("RTDOSE", read_dose, DoseReadError)):
        (tmp_path / "it.dcm").write_bytes(changed(kind, ImagePositionPatient=[position, "0", "0"]))
        with pytest.raises(error, match="no patient lies there"):
            read(tmp_path / "it.dcm")


@pytest.mark.parametrize("spacing", ["1e-9", "1e300", "1001"])
def test_no_pixel_is_a_metre_or_a_nanometre_wide(spacing: str, tmp_path: Path) -> None:
    for kind, read, error in (("CT", read_ct_slice, CtReadError), ("RTDOSE", read_dose, DoseReadError)):
        (tmp_path / "it.dcm").write_bytes(changed(kind, PixelSpacing=[spacing, spacing]))
        with pytest.raises(error, match="PixelSpacing"):
            read(tmp_path / "it.dcm")


def test_a_dose_beyond_single_precision_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it.dcm").write_bytes(changed("RTDOSE", DoseGridScaling="1e38"))
    with pytest.raises(DoseReadError, match="doses beyond any number"):
        read_dose(tmp_path / "it.dcm")


def test_compressed_pixels_may_become_64_mib_and_256_times_what_they_are() -> None:
    # 2 bytes x 4096 x 4096 = 32 MiB a frame: two of them come to 64 MiB.
    frame = PixelFormat(4096, 4096, 16, 16, 15, signed=False)
    require_modest_pixels(frame, 2, 0)
    require_modest_pixels(frame, 3, (1 << 25) // 256)
    with pytest.raises(UnusableValueError):
        require_modest_pixels(frame, 3, (1 << 25) // 256 - 1)
    with pytest.raises(UnusableValueError):
        require_modest_pixels(PixelFormat(4097, 4096, 8, 8, 7, signed=False), 1, 1 << 30)


@pytest.mark.parametrize("before", [b"", b"\xff", b"\xff\xe0\x00\x04ab", b"\xff\xc4\x00\x05\xff\xc3\x00"])
def test_a_jpeg_frame_says_its_size_after_whatever_segments(before: bytes) -> None:
    require_frame_size(b"\xff\xd8" + before + SOF, FORM)
    with pytest.raises(UnusableValueError, match="says 4 x 6 pixels, not 4 x 7"):
        require_frame_size(b"\xff\xd8" + before + SOF, PixelFormat(4, 7, 16, 16, 15, signed=False))


@pytest.mark.parametrize("codestream", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 50, b"no JPEG", SOF])
def test_a_frame_that_says_no_size_is_left_to_its_decoder(codestream: bytes) -> None:
    require_frame_size(codestream, FORM)


def test_an_honest_deflated_stream_passes_and_a_broken_one_is_left_to_the_parser() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(b"a" * 100_000) + packer.flush()
    require_modest_inflation(packed)
    require_modest_inflation(packed[: len(packed) // 2])
    require_modest_inflation(b"")
