"""Turns an Orthanc research PACS into analysis-ready radiotherapy data, as Dagster assets per patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdcp_dagster.domain.eligibility import Exclude, Review
    from pdcp_dagster.stages.loading import load_dose_on_ct, load_patient_images

__version__ = "0.1.0"

__all__ = ["Exclude", "Review", "__version__", "load_dose_on_ct", "load_patient_images"]


def __getattr__(name: str) -> object:
    """Import what needs the scientific packages only when it is asked for."""
    if name in {"load_dose_on_ct", "load_patient_images"}:
        from pdcp_dagster.stages import loading  # noqa: PLC0415 - lazy by contract

        return getattr(loading, name)
    if name in {"Exclude", "Review"}:
        from pdcp_dagster.domain import eligibility  # noqa: PLC0415 - lazy by contract

        return getattr(eligibility, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
