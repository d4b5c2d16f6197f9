"""Turns an Orthanc research PACS into analysis-ready radiotherapy data, as Dagster assets per patient."""

from __future__ import annotations

__version__ = "0.1.0"
