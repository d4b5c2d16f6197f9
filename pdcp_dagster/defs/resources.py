"""Resources: one per outside system, plus who is told of progress.

A resource holds settings and opens nothing before it is used. Passwords are read from the environment when they are
needed, so that no configuration, log or page of the UI can show one.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster.stages.outcome import PatientOutcome


@dataclass(frozen=True, slots=True)
class OrthancResource:
    """The Orthanc server, as the environment names it (ORTHANC_URL, ORTHANC_USERNAME, ORTHANC_PASSWORD, ...).

    Without configuration of its own, so it is taken as `dg.ResourceParam[OrthancResource]`.
    """

    def settings(self) -> OrthancSettings:
        """Return the connection's settings; `OrthancSettingsError` says in one line what is wrong with them."""
        return OrthancSettings.from_environment(os.environ)

    def open(self) -> Orthanc:
        """Return a client, to be used as a context manager."""
        return Orthanc(self.settings())


class StoreResource(dg.ConfigurableResource["StoreResource"]):
    """The folder that all results lie in."""

    root: str

    def store(self) -> Store:
        """Return the store."""
        return Store(Path(self.root))

    def cohort(self, name: str) -> CohortFolder:
        """Return the folder of one cohort."""
        return self.store().cohort(name)


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told when a patient is done; nobody, unless the run was started by a program that wants to know."""

    tell: Callable[[PatientOutcome], None] | None = None

    def patient_done(self, outcome: PatientOutcome) -> None:
        """Pass an outcome on."""
        if self.tell is not None:
            self.tell(outcome)
