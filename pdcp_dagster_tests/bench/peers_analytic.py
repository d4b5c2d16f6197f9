"""The peers as engines of the analytic bench: the same cases, as DICOM files.

What lives here: writing the cases, asking a peer once for all of them, its curves as the bench measures them. What does
not: the cases, their truth and the errors (`analytic`).
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pdcp_dagster_tests.bench.analytic import Case, Measured, write_case_dicom
from pdcp_dagster_tests.bench.peers import PeerAnswer, PeerCase, PeerDvh, ask, case_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FAR_GY = 1.0


class PeerFailed(Exception):  # noqa: N818 - a result, shown in the table
    """A peer gives no histogram for a case, and why."""


@contextmanager
def written(cases: Sequence[Case]) -> Iterator[list[PeerCase]]:
    """Hold the DICOM files of all cases while they are asked about."""
    with tempfile.TemporaryDirectory(prefix="pdcp-analytic-") as name:
        files, sorted_files = Path(name) / "files", Path(name) / "sorted"
        out = []
        for case in cases:
            write_case_dicom(case, files / case.name)
            out.append(case_of(case.name, sorted((files / case.name).glob("*.dcm")), sorted_files))
        yield out


class PeerEngine:
    """A peer, asked once for all cases; called with one of them it gives its answer.

    The doses at volumes are taken from its curve by interpolation. That is kinder than its own Dx: see `far_doses`.
    """

    def __init__(self, peer: str, cases: Sequence[PeerCase]) -> None:
        self._answers = ask(peer, cases)

    def __call__(self, case: Case) -> Measured:
        """Return what the peer says about a case; raises PeerFailed with its reason where it says nothing."""
        found = _only(self._answers[case.name])
        return Measured(found.volume_cm3, found.dmean_gy, found.curve_gy, 100 * found.curve_fraction)

    def far_doses(self) -> int:
        """In how many cases a Dx that it gives itself is more than 1 Gy from its own curve."""
        return sum(_is_far(dvh) for answer in self._answers.values() for dvh in answer.rois.values())


def _only(answer: PeerAnswer) -> PeerDvh:
    if answer.failure:
        raise PeerFailed(answer.failure)
    if not answer.rois:
        raise PeerFailed("it passed the ROI over")
    (found,) = answer.rois.values()
    if isinstance(found, str):
        raise PeerFailed(found)
    return found


def _is_far(dvh: PeerDvh | str) -> bool:
    if isinstance(dvh, str):
        return False
    plain = Measured(dvh.volume_cm3, dvh.dmean_gy, dvh.curve_gy, 100 * dvh.curve_fraction)
    return any(abs(gy - plain.dose_at_pct(pct)) > _FAR_GY for pct, gy in dvh.d_gy.items())
