"""Read files that ask for more than there is, in a process of little memory; print one line of JSON for each.

What lives here: the program that `test_absurd_sizes` starts. What does not: what its answers must be.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from pdcp_dagster.adapters.ct_series import read_ct_slice
from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtdose_dvhs import read_planning_dvhs
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster_tests.fuzz.small_files import small_files, written

MEMORY_BYTES = 2_000_000_000
_ZEROS = b"\0" * (1 << 24)
Case = tuple[str, bytes, Callable[[Path], object]]


def cases() -> Iterator[Case]:
    """Yield the cases: what is absurd, the file, its reader."""
    yield from _of_doses()
    yield from _of_compressed_slices()
    yield from _of_deflated_files()
    yield "contours are said to have 2^31 points", _many_points(), read_structure_set


def _opened(kind: str) -> Dataset:
    return pydicom.dcmread(io.BytesIO(small_files()[kind]))


def changed(kind: str, **values: object) -> bytes:
    """Return one of `small_files` with other values."""
    data = _opened(kind)
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return written(data)


def _of_doses() -> Iterator[Case]:
    raw = small_files()["RTDOSE"]
    at = raw.rfind(b"\xe0\x7f\x10\x00") + 8
    yield "4 GB of pixels in a file of 3 kB", raw[:at] + struct.pack("<I", 0xFFFFFFF0) + raw[at + 4 :], read_dose
    yield "a grid of 10^13 voxels", changed("RTDOSE", Rows=65535, Columns=65535, NumberOfFrames=4000), read_dose
    yield "10^9 frames", changed("RTDOSE", NumberOfFrames=10**9), read_dose
    data = _opened("RTDOSE")
    data.add_new("GridFrameOffsetVector", "OB", b"1\\" * 3_000_000)
    yield "3 million planes", written(data), read_dose
    data = _opened("RTDOSE")
    data.file_meta.TransferSyntaxUID = RLELossless
    data.Rows = data.Columns = 60000
    data.NumberOfFrames = 1000
    data.PixelData = encapsulate([b"\0" * 64] * 1000)
    yield "1000 run-length coded frames of 60000 x 60000", written(data), read_dose


def _of_compressed_slices() -> Iterator[Case]:
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        data = _compressed(syntax)
        data.Rows = data.Columns = 65535
        yield f"a slice of 65535 x 65535, {syntax.name}", written(data), read_ct_slice
    data = _compressed(JPEG2000Lossless)
    at = data.PixelData.find(b"\xff\x4f\xff\x51") + 8
    data.PixelData = data.PixelData[:at] + struct.pack(">4I", 65535, 65535, 0, 0) + data.PixelData[at + 16 :]
    yield "a JPEG 2000 frame that says 65535 x 65535", written(data), read_ct_slice
    data = _compressed(JPEGLSLossless)
    at = data.PixelData.find(b"\xff\xf7") + 5
    data.PixelData = data.PixelData[:at] + struct.pack(">HH", 65535, 65535) + data.PixelData[at + 4 :]
    yield "a JPEG-LS frame that says 65535 x 65535", written(data), read_ct_slice


def _compressed(syntax: pydicom.uid.UID) -> Dataset:
    data = _opened("CT")
    data.Rows = data.Columns = 64
    data.PixelRepresentation = 0
    data.PixelData = np.arange(64 * 64, dtype="<u2").tobytes()
    data.compress(syntax)
    return data


def _of_deflated_files() -> Iterator[Case]:
    data = _opened("RTDOSE")
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    raw = written(data)
    starts = 144 + struct.unpack_from("<I", raw, 140)[0]
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [packer.compress(zlib.decompress(raw[starts:], -zlib.MAX_WBITS))]
    # 64 times 16 MB: no more than is refused, for the test's own time.
    parts += [packer.compress(_ZEROS) for _ in range(64)] + [packer.flush()]
    bomb = raw[:starts] + b"".join(parts)
    yield "some MB of deflate that become 1 GB", bomb, read_dose
    yield "the same, asked for its DVHs", bomb, read_planning_dvhs


def _many_points() -> bytes:
    data = _opened("RTSTRUCT")
    data.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 2**31 - 1
    return written(data)


def main(folder: Path) -> None:
    """Read each case under the limit and print what came of it, and by how many MB the process grew."""
    made = list(cases())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name, raw, read in made:
        file = folder / "absurd.dcm"
        file.write_bytes(raw)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            came = type(read(file)).__name__
        except (Exception, MemoryError) as error:  # noqa: BLE001 - the test judges
            came = f"{type(error).__name__}: {error.args[-1] if error.args else ''}"
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
        sys.stdout.write(json.dumps({"case": name, "came": came, "grown_mb": grown_mb}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
