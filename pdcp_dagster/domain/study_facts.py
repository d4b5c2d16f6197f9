"""The facts of the selected study that a cohort report tells: dates, series, scanner, counts.

What lives here: reading them off the image summary. What does not: what later stages measure (spacing, dose maximum).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pdcp_dagster.domain.dates import is_real

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    import pandas as pd

    from pdcp_dagster.domain.selection import SelectedObject, Selection

DATES = ("study_date", "ct_date", "structure_set_date", "plan_date", "dose_date")


def study_facts(summary: pd.DataFrame, selection: Selection | None) -> dict[str, Any]:
    """Return the facts, plain JSON values (dates as YYYY-MM-DD), absent where unknown; nothing without a selection.

    ct_to_plan_days counts from the CT's date to the plan's; dates_status says which dates are missing or dummies.
    study_date is that of the CT, whatever study plan and doses lie in. Of plans and doses that the linkage does not ask
    for nothing is told.
    """
    if selection is None:
        return {}
    ct = _rows(summary, selection.ct_instances)
    structures = _rows(summary, selection.rtstructs)
    plans, doses = _rows(summary, selection.rtplans), _rows(summary, selection.rtdoses)
    dates = {
        "study_date": _first(ct, "study_date"),
        "ct_date": _first(ct, "acquisition_date") or _first(ct, "series_date"),
        "structure_set_date": _first(structures, "structure_set_date"),
        "plan_date": _first(plans, "rt_plan_date"),
        "dose_date": _first(doses, "instance_creation_date") or _first(doses, "series_date"),
    }
    dates = {name: date for name, date in dates.items() if name not in _absent(selection)}
    pixel = _first(ct, "pixel_spacing")
    scanner = " ".join(
        str(part) for part in (_first(ct, "manufacturer"), _first(ct, "manufacturer_model_name")) if part
    )
    facts = {
        "study_instance_uid": selection.study_instance_uid,
        **{name: date.isoformat() if date else None for name, date in dates.items()},
        "ct_to_plan_days": _days(dates["ct_date"], dates.get("plan_date")),
        "dates_status": dates_status(dates),
        "ct_series_uid": selection.ct_series_uid,
        "ct_slices": len(selection.ct_instances),
        "slice_thickness_mm": _number(_first(ct, "slice_thickness")),
        "pixel_mm": _number(pixel[0]) if pixel is not None and len(pixel) else None,
        "kvp": _number(_first(ct, "kvp")),
        "kernel": _first(ct, "convolution_kernel"),
        "scanner": scanner or None,
        "patient_position": _first(ct, "patient_position"),
        "rtstructs": len(selection.rtstructs),
        "plans": len(selection.rtplans) or None,
        "doses": len(selection.rtdoses) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def archive_facts(summary: pd.DataFrame) -> dict[str, Any]:
    """Return what the archive holds of the patient, whatever is selected, as plain JSON values.

    modalities: sorted, of those that the cohort looks at. latest_study_date: YYYY-MM-DD, absent where no study has a
    date that is no dummy; of the studies with a CT, where one of those has a date.
    """
    facts: dict[str, Any] = {"modalities": sorted({str(each) for each in summary["modality"].dropna()})}
    for rows in (summary[summary["modality"] == "CT"], summary):
        real = [date for date in rows["study_date"].dropna() if is_real(date)]
        if real:
            return facts | {"latest_study_date": max(real).isoformat()}
    return facts


def dates_status(dates: dict[str, dt.date | None]) -> str:
    """Return `complete`, or which dates are missing and which are an anonymiser's dummies."""
    missing = [name for name, date in dates.items() if date is None]
    dummy = [name for name, date in dates.items() if date is not None and not is_real(date)]
    parts = [f"{word}: {', '.join(names)}" for word, names in (("missing", missing), ("dummy", dummy)) if names]
    return "; ".join(parts) or "complete"


def _absent(selection: Selection) -> set[str]:
    """Return the dates that nothing selected could have."""
    selected = {"plan_date": selection.rtplans, "dose_date": selection.rtdoses}
    return {name for name, objects in selected.items() if not objects}


def _rows(summary: pd.DataFrame, objects: Iterable[SelectedObject]) -> pd.DataFrame:
    return summary[summary["instance_identifier"].isin([each.orthanc_id for each in objects])]


def _first(rows: pd.DataFrame, column: str) -> Any:
    values = rows[column].dropna()
    return values.iloc[0] if len(values) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | np.floating | np.integer) else None


def _days(ct: dt.date | None, plan: dt.date | None) -> int | None:
    if ct is None or plan is None or not is_real(ct) or not is_real(plan):
        return None
    return (plan - ct).days
