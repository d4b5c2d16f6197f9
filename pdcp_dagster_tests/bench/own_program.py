"""This program on a patient's files, asked as its peers are: masks on the CT grid and DVHs at the defaults.

Runs in this project's own environment, with one thread, in a fresh process as the peers do, without a warm-up.
"""

from __future__ import annotations

from pathlib import Path

from pdcp_dagster.adapters.ct_series import read_ct_series
from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dvh import Dvh, compute_dvh
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.metrics import dose_at_volume_pct
from pdcp_dagster_tests.bench.peer_programs.exchange import ASKED_PCT, Answer, Case, Clock, carry_out, histogram


def compute(case: Case, clock: Clock) -> dict[str, Answer]:
    """Return the answers by ROI name."""
    with clock.step("read CT"):
        image = read_ct_series(sorted(Path(case["ct_folder"]).iterdir())).volume
    if image is None:
        raise ValueError("the CT is refused")
    with clock.step("masks"):
        rois = read_structure_set(Path(case["rtstruct"])).rois
        stacks = [planar_contours(roi, image.grid) for roi in rois]
        masks = [fill_mask(stack, image.grid) for stack in stacks]
    with clock.step("DVHs"):
        dose = read_dose(Path(case["rtdose"])).grid
        if dose is None:
            raise ValueError("the dose is refused")
        dvhs = [compute_dvh(stack, image.grid, dose) for stack in stacks]
        answers = {dvh.roi_name: _answer(dvh) for dvh in dvhs if dvh}
    if sum(mask is not None for mask in masks) < len(answers):
        raise ValueError("a ROI has a DVH and no mask")
    return answers


def _answer(dvh: Dvh) -> Answer:
    if dvh.dmean_gy is None:
        return {"failure": "too much of the ROI lies outside the dose grid"}
    doses = [dose_at_volume_pct(dvh, pct) or 0.0 for pct in ASKED_PCT]
    return histogram(dvh.volume_cm3, dvh.dmean_gy, doses, (dvh.edges_gy, dvh.volume_fraction))


if __name__ == "__main__":
    carry_out(compute)
