"""What each stage checks of what it made, as plain values that travel with its outcome.

What lives here: from a stage's own values to a named check. What does not: the rules and their words (domain), how
grave a check is and how Dagster is told (`defs.checks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain import quality
from pdcp_dagster.domain.prescription import is_target
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_dose import TargetDose, judge_maximum, judge_targets
from pdcp_dagster.domain.quality_linkage import judge_linkage
from pdcp_dagster.domain.quality_structures import DrawnRoi, judge_inside, judge_keywords, judge_names
from pdcp_dagster.domain.slice_spacing import REGULAR_WITHIN_MM
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.outcome import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from pdcp_dagster.adapters.ct_series import CtSeries
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.domain.verification import Verification
    from pdcp_dagster.stages.patient import Patient
    from pdcp_dagster.stages.structure_rows import FilledRoi


def checks_of(judged: Mapping[str, Judgement | None]) -> tuple[Check, ...]:
    """Return a check for each judgement, by its name; none where nothing could be judged."""
    known = {name: found for name, found in judged.items() if found is not None}
    return tuple(Check(name, found.passed, " ".join(found.said.split())) for name, found in known.items())


def linkage_checks(verification: Verification) -> tuple[Check, ...]:
    """Return what was checked of the selection."""
    return checks_of({quality.LINKAGE_UNAMBIGUOUS: judge_linkage(verification)})


def ct_checks(ct: CtSeries) -> tuple[Check, ...]:
    """Return what was checked of the CT, also where no volume was made of it."""
    volume = ct.volume
    if volume is None or ct.resampling is not None:
        done = f". Interpolated: {ct.resampling}" if ct.resampling is not None else ""
        problems = "; ".join(ct.stack.problems)
        judged = Judgement(passed=False, said=f"{problems[:1].upper()}{problems[1:]}{done}.")
    else:
        step, slices = volume.grid.spacing_mm[2], volume.grid.size[2]
        said = f"{slices} slices, {step:.2f} mm apart, each within {REGULAR_WITHIN_MM:g} mm of its even place."
        judged = Judgement(passed=True, said=said)
    return checks_of({quality.CT_SPACING_REGULAR: judged})


def structure_checks(patient: Patient, rois: Sequence[FilledRoi]) -> tuple[Check, ...]:
    """Return what was checked of the ROIs, also where none of them has a mask."""
    sets = list(dict.fromkeys(one.structure_set.sop_instance_uid for one in rois))
    drawn = [DrawnRoi(one.roi, one.planar, sets.index(one.structure_set.sop_instance_uid) + 1) for one in rois]
    return checks_of(
        {
            quality.ROI_NAMES_UNIQUE: judge_names(drawn),
            quality.KEYWORD_ROI_PRESENT: judge_keywords(patient.cohort, drawn),
            quality.CONTOURS_INSIDE_CT: judge_inside(drawn, patient.grid),
        }
    )


def dose_checks(
    cohort: Cohort, maximum_gy: float, odd: Sequence[Finding], prescription_gy: float | None
) -> tuple[Check, ...]:
    """Return what was checked of the highest dose, Gy; `odd` is what the codes say of it."""
    judged = judge_maximum(maximum_gy, odd, cohort.dose_max_gy, prescription_gy, cohort.checks.dose_maximum_pct)
    return checks_of({quality.DOSE_MAXIMUM_PLAUSIBLE: judged})


def target_checks(
    patient: Patient,
    computed: Sequence[tuple[StructureSet, Roi, Dvh | None]],
    table: pd.DataFrame,
    least_coverage: float,
) -> tuple[Check, ...]:
    """Return what was checked of the targets' doses.

    table: of the DVHs, a row per ROI computed, in their order. least_coverage: share of a target in the dose grid.
    """
    rows = zip(computed, table["d95_gy"], table["prescription_gy"], table["prescription_source"], strict=True)
    targets = [
        TargetDose(roi.name, dvh.dose_coverage if dvh is not None else None, _known(d95), _known(gy), str(source))
        for (_, roi, dvh), d95, gy, source in rows
        if is_target(roi) and roi.contours
    ]
    judged = judge_targets(targets, least_coverage, patient.cohort.checks.target_d95_pct)
    return checks_of({quality.DOSE_COVERS_TARGETS: judged})


def picture_checks(folder: Path, drawn: Iterable[tuple[str, str]]) -> tuple[Check, ...]:
    """Return whether each ROI with a mask has its picture; `drawn` are ROIs with the names of their files."""
    pairs = list(drawn)
    if not pairs:
        return ()
    files = [folder / name for _, name in pairs]
    missing = [
        roi for (roi, _), file in zip(pairs, files, strict=True) if not file.is_file() or not file.stat().st_size
    ]
    shared = len(pairs) - len(set(files))
    if missing or shared:
        told = [f"no picture of {some(missing)}"] if missing else []
        told += [f"pictures overwritten by another of the same name: {shared}"] if shared else []
        text = "; ".join(told)
        return checks_of({quality.PICTURES_PRESENT: Judgement(passed=False, said=f"{text[0].upper()}{text[1:]}.")})
    said = (
        "Each of 1 ROI with a mask has its picture." if len(pairs) == 1 else f"{len(pairs)} ROIs, each with a picture."
    )
    return checks_of({quality.PICTURES_PRESENT: Judgement(passed=True, said=said)})


def _known(value: object) -> float | None:
    return float(value) if isinstance(value, float) and value == value else None  # noqa: PLR0124 - NaN
