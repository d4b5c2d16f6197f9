"""Where a command finds its deployment: cohorts, store, Dagster instance, all from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.cohort_file import DEFAULT_COHORTS, CohortFileError, load_cohort, read_patient_list
from pdcp_dagster.adapters.decisions_file import DecisionsFileError, read_decisions
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError, OrthancSettings
from pdcp_dagster.adapters.store import DEFAULT_STORE, Store, StoreError
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.circumstances import CohortTables
    from pdcp_dagster.domain.cohort import Cohort

DAGSTER_YAML = """\
# Written by pdcp_dagster; yours to change.
telemetry: {enabled: false}
nux: {enabled: false}
run_monitoring: {enabled: true}
run_retries: {enabled: true, retry_on_asset_or_op_failure: false}
concurrency: {runs: {max_concurrent_runs: 2}}
"""


class WrongConfiguration(click.ClickException):
    """A wrong configuration or an unreachable server: one clear line, exit code 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Deployment:
    """The folders of a deployment."""

    cohorts: Path
    store: Store
    dagster_home: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Deployment:
        """Read PDCP_COHORTS, PDCP_STORE and DAGSTER_HOME (default: `.dagster` in the store)."""
        try:
            store = Store.at(environ.get("PDCP_STORE", DEFAULT_STORE))
        except StoreError as error:
            raise WrongConfiguration(str(error)) from error
        home = environ.get("DAGSTER_HOME") or str(store.root / ".dagster")
        return cls(
            cohorts=Path(environ.get("PDCP_COHORTS", DEFAULT_COHORTS)).absolute(),
            store=store,
            dagster_home=Path(home).absolute(),
        )

    def cohort(self, name: str) -> Cohort:
        """Return a cohort's configuration, or end with one line that says what is wrong with its file."""
        path = self.cohorts / f"{name}.yaml"
        there = sorted(file.stem for file in self.cohorts.glob("*.yaml"))
        if name not in there:
            known = ", ".join(there) or "none"
            raise WrongConfiguration(
                f"no cohort {name!r} in {self.cohorts} (there: {known}); set PDCP_COHORTS or --cohort"
            )
        try:
            cohort = load_cohort(path)
            self.listed_patients(cohort)
        except CohortFileError as error:
            raise WrongConfiguration(str(error)) from error
        self.tables(cohort)
        return cohort

    def tables(self, cohort: Cohort) -> CohortTables:
        """Return the tables that the cohort file names, or end with one line; its own rules must be there, too."""
        try:
            return require_usable(cohort, self.cohorts)
        except CohortUnusableError as error:
            raise WrongConfiguration(str(error)) from error

    def require_decisions(self, cohort: Cohort) -> None:
        """End with one line where the cohort's decisions cannot be read: that is not the same as no decision."""
        try:
            read_decisions(self.store.cohort(cohort.name).decisions)
        except DecisionsFileError as error:
            raise WrongConfiguration(str(error)) from error

    def listed_patients(self, cohort: Cohort) -> tuple[str, ...]:
        """Return the PatientIDs of the cohort's own list, none where it takes all patients of the archive."""
        return () if cohort.patients == "all" else read_patient_list(self.cohorts / cohort.patients)

    def prepare_dagster(self) -> None:
        """Make sure that there is a Dagster home with telemetry off, and that this process uses it."""
        require_folder(self.store.root)
        require_folder(self.dagster_home)
        settings = self.dagster_home / "dagster.yaml"
        if not settings.exists():
            try:
                write_bytes(settings, DAGSTER_YAML.encode())
            except OSError as error:
                raise WrongConfiguration(f"{settings} cannot be written: {error.strerror}") from error
        os.environ["DAGSTER_HOME"] = str(self.dagster_home)
        os.environ["PDCP_STORE"] = str(self.store.root)
        os.environ["PDCP_COHORTS"] = str(self.cohorts)


def require_folder(path: Path) -> None:
    """Make sure that there is a folder to write into, or end with one line."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongConfiguration(f"{path} cannot be used: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise WrongConfiguration(f"{path} cannot be used: no permission to write there")


def require_orthanc() -> None:
    """End with one line where Orthanc cannot be reached or refuses the user; the line never shows a password."""
    try:
        with Orthanc(OrthancSettings.from_environment(os.environ)) as archive:
            archive.system()
    except OrthancError as error:
        raise WrongConfiguration(str(error)) from error
