"""Turns an Orthanc research PACS into analysis-ready radiotherapy data, as Dagster assets per patient."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__", "load_patient_images"]


def __getattr__(name: str) -> object:
    """Import what needs the scientific packages only when it is asked for."""
    if name == "load_patient_images":
        from pdcp_dagster.stages.loading import load_patient_images  # noqa: PLC0415 - lazy by contract

        return load_patient_images
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
