"""Platipy on a patient's files: masks on the CT grid, the dose resampled to it, a histogram of 0.1 Gy.

The way of its users, with its defaults; pydicer calls the same functions. Runs in `.venv-peers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import platipy.dicom.io.rtdose_to_nifti as platipy_dose  # type: ignore[import-not-found]
import platipy.dicom.io.rtstruct_to_nifti as platipy_masks  # type: ignore[import-not-found]
import platipy.imaging.dose.dvh as platipy_dvh  # type: ignore[import-not-found]

from pdcp_dagster_tests.bench.peer_programs.exchange import ASKED_PCT, Answer, Case, Clock, carry_out, histogram

if TYPE_CHECKING:
    import pandas as pd


def compute(case: Case, clock: Clock) -> dict[str, Answer]:
    """Return the answers by ROI name; a ROI that it skips is not among them."""
    with clock.step("read CT"):
        image = platipy_masks.read_dicom_image(case["ct_folder"])
    with clock.step("masks"):
        structures = platipy_masks.read_dicom_struct_file(case["rtstruct"])
        masks, names = platipy_masks.transform_point_set_from_dicom_struct(image, structures)
    if not names:
        return {}
    with clock.step("DVHs"):
        dose = platipy_dose.convert_rtdose(case["rtdose"])
        table = platipy_dvh.calculate_dvh_for_labels(dose, dict(zip(names, masks, strict=True)))
        doses = platipy_dvh.calculate_d_x(table, list(ASKED_PCT))
    # It writes blanks as underscores in names.
    plain = {"_".join(str(one.ROIName).split()): str(one.ROIName) for one in structures.StructureSetROISequence}
    return {plain[row["label"]]: _answer(row, doses.iloc[number]) for number, (_, row) in enumerate(table.iterrows())}


def _answer(row: pd.Series, doses: pd.Series) -> Answer:
    bins = [column for column in row.index if isinstance(column, float)]
    curve = row[bins].to_numpy(dtype=float)
    return histogram(row["cc"], row["mean"], [doses[f"D{pct}"] for pct in ASKED_PCT], (np.array(bins), curve))


if __name__ == "__main__":
    carry_out(compute)
