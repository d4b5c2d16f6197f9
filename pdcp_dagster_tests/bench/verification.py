"""What a verdict costs: image summaries of 200 rows each, as real archives have them, verified one after another."""

from __future__ import annotations

import time
from itertools import cycle, islice
from typing import TYPE_CHECKING

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import verify
from pdcp_dagster_tests.domain.image_rows import Archive

if TYPE_CHECKING:
    import pandas as pd

ROWS = 200
_ROIS = ("PTV", "Heart", "Lung_L", "Lung_R", *(f"ROI {n}" for n in range(26)))


def summaries() -> list[pd.DataFrame]:
    """Return a summary of 200 rows for each kind of patient: one study, two, across studies, by fall-back, unlinked."""
    images = [f"ct.{n}" for n in range(ROWS - 3)]
    one = Archive().ct(slices=ROWS - 3).rtstruct(images={"ct": images}, rois=_ROIS).plan().dose()
    two = Archive()
    for mark, study in (("a", "1"), ("b", "2")):
        two.ct(f"ct{mark}", study=study, slices=ROWS // 2 - 3).rtstruct(f"ss{mark}", [f"ct{mark}"], study=study)
        two.plan(f"plan{mark}", [f"ss{mark}"], study=study).dose(f"dose{mark}", [f"plan{mark}"], study=study)
    across = Archive().ct(slices=ROWS - 3).rtstruct(study="2", rois=_ROIS).plan(study="3").dose(study="3")
    fallback = Archive().ct(slices=ROWS - 3).rtstruct(frame="frame-ct").plan(FrameOfReferenceUID="frame-ct")
    fallback.stray_dose()
    unlinked = Archive().ct(slices=ROWS - 3).rtstruct(on=["gone"]).plan().dose()
    return [summarise(archive.rows) for archive in (one, two, across, fallback, unlinked)]


def measure_verification(count: int) -> float:
    """Verify so many summaries and return the CPU seconds it took."""
    cohort = Cohort(name="bench")
    kinds = summaries()
    assert {len(summary) for summary in kinds} == {ROWS}
    for summary in kinds:
        verify(summary, cohort)
    started = time.process_time()
    for summary in islice(cycle(kinds), count):
        verify(summary, cohort)
    return time.process_time() - started
