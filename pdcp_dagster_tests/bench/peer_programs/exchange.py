"""What a peer is asked and how it answers: JSON files, since it runs under another pydicom and another numpy.

What lives here: the order's form, its loop with the CPU clock, the answer's form. What does not: what a peer computes
(`platipy_peer`, `dicompyler_peer`), who asks (`bench.peers`). Nothing of pdcp_dagster may be imported here.

The order is a list of cases `{"name", "ct_folder", "rtstruct", "rtdose"}`. The answer has a case for each, with `cpu_s`
by step, and `rois` by ROI name, or `failure`: the reason in the peer's own words.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ASKED_PCT = (98, 95, 50, 2)
"""Which D_pct every peer gives."""
Case = dict[str, str]
Answer = dict[str, Any]


class Clock:
    """CPU seconds of this process, step by step."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add to a step what is spent inside."""
        started = time.process_time()
        try:
            yield
        finally:
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - started


def histogram(
    volume_cm3: float, dmean_gy: float, d_gy: list[float], curve: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
) -> Answer:
    """Return one ROI's answer; `d_gy` is D98 D95 D50 D2, `curve` the doses and the share of the volume, 0 to 1."""
    doses, share = curve
    return {
        "volume_cm3": float(volume_cm3),
        "dmean_gy": float(dmean_gy),
        "d_gy": dict(zip(map(str, ASKED_PCT), map(float, d_gy), strict=True)),
        "curve_gy": np.asarray(doses, dtype=float).tolist(),
        "curve_fraction": np.asarray(share, dtype=float).tolist(),
    }


def failed(error: BaseException) -> Answer:
    """Return the answer for what raised."""
    return {"failure": f"{type(error).__name__}: {error}".strip()[:300]}


def carry_out(compute: Callable[[Case, Clock], dict[str, Answer]]) -> None:
    """Answer the order named on the command line: `ORDER.json ANSWER.json`."""
    order, answer = map(Path, sys.argv[1:3])
    cases = []
    for case in json.loads(order.read_text(encoding="utf-8")):
        clock = Clock()
        try:
            found = {"rois": compute(case, clock)}
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result on this case
            found = failed(error)
        cases.append({"name": case["name"], "cpu_s": clock.cpu_s, **found})
    answer.write_text(json.dumps({"peak_mb": peak_mb(), "cases": cases}), encoding="utf-8")


def peak_mb() -> float:
    """Peak memory of this program alone; `ru_maxrss` begins with that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kib,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
    return kib * 1024 / 1e6
