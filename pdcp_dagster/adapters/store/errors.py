"""What can be wrong with a store."""

from __future__ import annotations


class StoreError(Exception):
    """A store that cannot be used as asked; one clear line."""


class PatientBusyError(StoreError):
    """Another run is working on this patient."""
