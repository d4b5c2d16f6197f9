"""`pdcp forget`: nothing of a patient stays in the store, and what was there is told.

What lives here: who may be forgotten, the order of it all, and what is left. What does not: removing (`stages`,
`dagster_history`), what is printed (`forget_words`).
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
import dagster as dg

from pdcp_dagster.adapters.decisions_file import DecisionsFileError
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError, OrthancSettings
from pdcp_dagster.adapters.parquet import TableError
from pdcp_dagster.adapters.store import PatientBusyError
from pdcp_dagster.adapters.store.forgetting_marks import clear_forgetting
from pdcp_dagster.adapters.table_rows import RowsError, count_rows_of
from pdcp_dagster.commands.dagster_history import (
    delete_naming,
    history_of,
    overwrite_deleted,
    remove_history,
)
from pdcp_dagster.commands.dagster_instance import RunBroken, opened_dagster
from pdcp_dagster.commands.dagster_mentions import mentions_in_dagster
from pdcp_dagster.commands.dead_runs import close_dead_runs
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.forget_words import Doomed, Remains, told_beforehand, told_remains
from pdcp_dagster.commands.run import report_cohort
from pdcp_dagster.defs.jobs import list_job_name, patient_job_names, report_job_name
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.watch import in_hand
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.forgettable import called_only, patients_called
from pdcp_dagster.stages.forgetting import look_for, remove_from_store, require_free
from pdcp_dagster.stages.left_behind import left_of, mentions_of
from pdcp_dagster.stages.naming import told_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.adapters.store.forgetting_marks import PatientNames
    from pdcp_dagster.commands.dagster_mentions import Named
    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.domain.cohort import Cohort

_UNREADABLE = (TableError, RowsError, DecisionsFileError)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. confirm: asks whether to go on, once it was told what will go."""

    patients: Sequence[str]
    confirm: Callable[[], bool]
    delete_runs: bool = False
    force: bool = False


def confirmation(*, yes: bool) -> Callable[[], bool]:
    """Return what asks at the terminal whether to go on; WrongConfiguration where there is nobody to ask."""
    if yes:
        return lambda: True
    if not sys.stdin.isatty():
        raise WrongConfiguration("nobody can be asked whether to go on: --yes removes without asking")
    return lambda: click.confirm("Remove all this?")


def forget_patients(deployment: Deployment, cohort: str, wish: Wish, console: Console) -> bool:
    """Forget patients, and return whether nothing of them is left; also false where `confirm` says no.

    Ends with one line, nothing changed, where a patient is unknown, under work, or still in the archive. Raises
    RunBroken where Dagster's records, or the disk, give way: the same again completes it.
    """
    chosen = deployment.cohort(cohort)
    if not deployment.store.cohort(cohort).path.exists():
        raise WrongConfiguration(f"nothing of cohort {cohort!r} in {deployment.store.root}")
    with ExitStack() as opened:
        instance = None
        if deployment.dagster_home.exists():
            deployment.prepare_dagster()
            instance = opened.enter_context(opened_dagster(deployment.dagster_home))
        work = _Forgetting(deployment, chosen, wish, console, instance)
        try:
            doomed = work.doomed()
        except _UNREADABLE as error:
            raise WrongConfiguration(str(error)) from error
        told_beforehand(doomed, console, delete_runs=wish.delete_runs)
        if not wish.confirm():
            console.print("Nothing was removed.")
            return False
        return work.forget(doomed)


@dataclass(frozen=True)
class _Forgetting:
    deployment: Deployment
    cohort: Cohort
    wish: Wish
    console: Console
    instance: dg.DagsterInstance | None

    @cached_property
    def folder(self) -> CohortFolder:
        return self.deployment.store.cohort(self.cohort.name)

    def doomed(self) -> list[Doomed]:
        """Return who is to be forgotten and what there is of each. Raises WrongConfiguration, or what is unreadable."""
        names = list(dict.fromkeys(each for name in self.wish.patients for each in self._meant(name)))
        if not self.wish.force:
            self._require_gone(names)
            self._require_no_run(names)
        for each in names:
            try:
                require_free(self.folder, each)
            except PatientBusyError as error:
                raise WrongConfiguration(str(error)) from error
        return [self._found(each) for each in names]

    def forget(self, doomed: Sequence[Doomed]) -> bool:
        """Remove all of it, in an order that a later `pdcp forget` can take up anywhere; tell of what is left."""
        troubles = {each.names: self._from_store(each.names) for each in doomed}
        if self.instance is not None:
            for each in doomed:
                remove_history(self.instance, self.cohort.name, each.names.partition_key, mentions_of(each.names))
        reported = self._report_anew(doomed)
        if self.instance is not None:
            for each in doomed:
                troubles[each.names] += reported
                if self.wish.delete_runs:
                    naming, mentions = self._naming(each.names, also_own=True), mentions_of(each.names)
                    troubles[each.names] += delete_naming(self.instance, self.cohort.name, naming, mentions)
        ended = [self._end(each, troubles[each.names]) for each in doomed]
        return all(ended)

    def _from_store(self, names: PatientNames) -> list[str]:
        try:
            return remove_from_store(self.folder, names)
        except PatientBusyError as error:
            return [str(error)]

    def _end(self, doomed: Doomed, troubles: list[str]) -> bool:
        left, named, databases = left_of(self.folder, doomed.names), None, []
        if self.instance is not None:
            databases = overwrite_deleted(self.instance, mentions_of(doomed.names))
            named = self._naming(doomed.names, also_own=True)
        if not (left or troubles or databases):
            clear_forgetting(self.folder, doomed.names)
        remains = Remains(doomed, self.cohort, tuple(troubles), tuple(left), named, tuple(databases))
        told_remains(remains, self._own_files(doomed.names), self._other_cohorts(doomed.names), self.console)
        return remains.is_nothing

    def _meant(self, name: str) -> list[PatientNames]:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise WrongConfiguration(f"{name!r} is no text") from None
        found = patients_called(self.folder, self.cohort, name)
        if found:
            return found
        names = called_only(name)
        # That a word stands in a text, the cohort's name for one, does not make it a patient.
        if look_for(self.folder, names).is_nothing and self._unrecorded(names):
            raise WrongConfiguration(f"nothing of patient {name!r} is in cohort {self.cohort.name!r} of the store")
        return [names]

    def _unrecorded(self, names: PatientNames) -> bool:
        if self.instance is None:
            return True
        return history_of(self.instance, self.cohort.name, names.partition_key).is_nothing

    def _found(self, names: PatientNames) -> Doomed:
        history = None
        if self.instance is not None:
            history = history_of(self.instance, self.cohort.name, names.partition_key)
        return Doomed(
            names,
            told_name(self.cohort, names.patient_id, names.partition_key),
            look_for(self.folder, names),
            history,
            tuple(sorted(self._naming(names).runs)) if self.instance is not None else (),
        )

    def _require_gone(self, names: Sequence[PatientNames]) -> None:
        try:
            with Orthanc(OrthancSettings.from_environment(os.environ)) as archive:
                archive.system()  # refuses at once, where a listing would wait for the archive to come back
                table = list_patients(archive, self.cohort, self.deployment.cohorts).table
        except OrthancError as error:
            told = "whether the patient is still in the archive is not known (--force forgets all the same)"
            raise WrongConfiguration(f"{str(error).rstrip('.')}; {told}") from error
        there = set(zip(table["patient_id"], table["partition_key"], strict=True))
        for each in names:
            if (each.patient_id, each.partition_key) in there or each.partition_key in set(table["partition_key"]):
                name = told_name(self.cohort, each.patient_id, each.partition_key)
                raise WrongConfiguration(
                    f"patient {name!r} is still in the archive: delete the patient there, or take the patient off the "
                    "cohort's list, first; --force forgets all the same and the next listing brings the patient back"
                )

    def _require_no_run(self, names: Sequence[PatientNames]) -> None:
        """A run that has a patient before it would bring the patient's folder back."""
        if self.instance is None:
            return
        close_dead_runs(self.instance)
        busy = in_hand(self.instance, self.cohort.name)
        if busy.by_itself or any(each.partition_key in busy.keys for each in names):
            held = [busy.keys[each.partition_key] for each in names if each.partition_key in busy.keys]
            told = f"run {busy.by_itself or held[0]}"
            raise WrongConfiguration(
                f"{told} of cohort {self.cohort.name!r} has not ended and may have the patient before it: wait for it, "
                "or cancel it in the UI (--force forgets all the same)"
            )

    def _report_anew(self, doomed: Sequence[Doomed]) -> list[str]:
        """Make the report that was removed; not where it would name the patients again. Return what went wrong."""
        lost = self.folder.file("cohort_report").exists() and not (self.folder.path / "cohort_report.html").exists()
        listed = set(self.deployment.listed_patients(self.cohort))
        if not lost:
            return []
        if self.instance is None or any(each.names.patient_id in listed for each in doomed):
            why = "there is no Dagster home" if self.instance is None else "the cohort's own list would have it name"
            again = "" if self.instance is None else " the patient again"
            self.console.print(f"No report is made: {why}{again}.", soft_wrap=True)
            return []
        try:
            report_cohort(self.cohort, self.instance)
        except RunBroken as error:
            return [f"cohort_report.html could not be made anew: {error}"]
        return []

    def _other_cohorts(self, names: PatientNames) -> list[str]:
        """Return the other cohorts of the store whose patient list has the PatientID."""
        lists = sorted(self.deployment.store.root.glob("*/patient_ids.parquet"))
        wanted = {"patient_id": names.patient_id}
        others = [path for path in lists if path.parent != self.folder.path]
        return [path.parent.name for path in others if count_rows_of(path, wanted)]

    def _own_files(self, names: PatientNames) -> list[str]:
        """Return the user's own files beside the cohort's that name the patient."""
        mentions = mentions_of(names)
        folder = self.deployment.cohorts
        files = [path for path in sorted(folder.glob("*")) if path.suffix in {".csv", ".yaml"} and path.is_file()]
        return [str(path) for path in files if mentions.named_in(path.read_text(encoding="utf-8", errors="replace"))]

    def _naming(self, names: PatientNames, *, also_own: bool = False) -> Named:
        """Return who names the patient in Dagster's records; also_own: also what `remove_history` removes."""
        if self.instance is None:
            raise ValueError("there are no records")
        return mentions_in_dagster(
            self.instance,
            self.deployment.dagster_home,
            mentions_of(names),
            self._not_meant(None if also_own else names.partition_key),
        )

    def _not_meant(self, key: str | None) -> Callable[[Mapping[str, Any]], bool]:
        """Return what knows rows of other cohorts, and those that go with the partition `key`."""
        others = {path.stem for path in self.deployment.cohorts.glob("*.yaml")} - {self.cohort.name}
        jobs = {
            job for name in others for job in (*patient_job_names(name), list_job_name(name), report_job_name(name))
        }
        partitions = {str(patient_partitions(name).name) for name in others}
        own = str(patient_partitions(self.cohort.name).name)
        job_of: dict[str, str | None] = {}

        def not_meant(row: Mapping[str, Any]) -> bool:
            run_id = str(row.get("run_id") or "")
            if run_id and run_id not in job_of:
                run = self.instance.get_run_by_id(run_id) if self.instance is not None else None
                job_of[run_id] = run.job_name if run is not None else None
            asset = dg.AssetKey.from_db_string(row.get("asset_key"))
            of = asset.path[0] if asset is not None else None
            if job_of.get(run_id) in jobs or of in others or row.get("partitions_def_name") in partitions:
                return True
            if key is None:
                return False
            is_counted = row["table"] == "asset_keys" or row.get("partition") == key
            return row.get("partitions_def_name") == own or (of == self.cohort.name and is_counted)

        return not_meant
