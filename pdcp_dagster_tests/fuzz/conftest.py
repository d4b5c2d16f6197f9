"""Fixtures of the fuzz tests: the ward of small patients, as the stages' own tests have it."""

from __future__ import annotations

from pdcp_dagster_tests.stages.conftest import ward

__all__ = ["ward"]
