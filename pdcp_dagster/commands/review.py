"""`pdcp review`: which patients wait for a person, what that person needs to know, and the decision.

What lives here: what is printed, and trouble as one line. What does not: cases and decisions (`stages.review`), how a
candidate reads (`candidate_words`).
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table

from pdcp_dagster.adapters.decisions_file import DecisionsFileError, record_decision, withdraw_decision
from pdcp_dagster.adapters.own_rules import OwnRuleNotFound
from pdcp_dagster.commands.candidate_words import candidate_tables, decision_in_words
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.tables import COLOURS, printable
from pdcp_dagster.domain.codes import Status, in_words, reason_of, status_of
from pdcp_dagster.stages.review import Case, ReviewError, cases_to_review, decide, open_case, patient_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.domain.verification import Verification
    from pdcp_dagster.stages.review import Wish


def list_reviews(deployment: Deployment, cohort: str, console: Console) -> None:
    """Print the patients whose current status is REVIEW, from the store's files alone."""
    chosen = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    table = Table(title=f"To review in cohort {cohort}", title_justify="left")
    table.add_column("Patient", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Candidates", justify="right")
    table.add_column("Decision", overflow="fold")
    with one_line_errors():
        for case in cases_to_review(folder, chosen, deployment.tables(chosen)):
            table.add_row(printable(case.name), printable(case.standing.reason), *_evidence_told(case))
    if not table.row_count:
        console.print(f"No patient of cohort {cohort} is to review.")
        return
    console.print(table)
    console.print(f"{table.row_count} to review. One by one: `pdcp review show --cohort {cohort} --patient ID`")


def _evidence_told(case: Case) -> tuple[str, str]:
    """Return candidates and decision; of a patient whose table cannot be read, why: the others are told, too."""
    try:
        return str(len(case.verification.chains)), printable(decision_in_words(case))
    except ReviewError as error:
        return "?", printable(error)


def show_review(deployment: Deployment, cohort: str, patient_id: str, console: Console) -> None:
    """Print all that a person needs to decide about one patient."""
    case = _open(deployment, cohort, patient_id)
    with one_line_errors():
        tables = candidate_tables(case, deployment.store.cohort(cohort))
        decision = decision_in_words(case)
    standing = case.standing
    colour = COLOURS[standing.status]
    console.print(f"{printable(case.name)}  [{colour}]{standing.status}[/]", soft_wrap=True)
    if standing.status is not Status.REVIEW:  # else its reason is among those below
        console.print(printable(standing.reason), soft_wrap=True)
    for table in tables:
        console.print(table)
    if not tables:
        console.print("No candidate could be prepared.")
    for finding in case.to_review:
        console.print(printable(in_words(finding)), soft_wrap=True)
    console.print(f"[bold]Decision[/]  {printable(decision)}", soft_wrap=True)


def decide_review(deployment: Deployment, cohort: str, patient_id: str, wish: Wish, console: Console) -> None:
    """Write down a person's decision, and say what tags let expect of it and what comes next."""
    case = _open(deployment, cohort, patient_id)
    path = deployment.store.cohort(cohort).decisions
    with one_line_errors():
        decision = decide(case, wish)
        foreseen = case.foreseen(decision)
        record_decision(path, decision)
    if case.decision is not None:
        console.print(f"Replaced: {printable(decision_in_words(case))}", soft_wrap=True)
    console.print(f"Decided, in {printable(path)}", soft_wrap=True)
    console.print(f"To expect from the tags: {printable(_verdict(foreseen))}", soft_wrap=True)
    _print_next(cohort, case.name, console)


def withdraw_review(deployment: Deployment, cohort: str, patient_id: str, console: Console) -> None:
    """Remove a person's decision; the patient need not be in the list any more."""
    chosen = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    path = folder.decisions
    with one_line_errors():
        # A folder that was never written to gets no file of decisions, and no lock either.
        found = path.exists() and withdraw_decision(path, patient_id_of(folder, chosen, patient_id))
    if not found:
        raise WrongConfiguration(f"there is no decision on patient {patient_id!r} in {path}")
    console.print(f"Withdrawn, in {printable(path)}", soft_wrap=True)
    _print_next(cohort, patient_id, console)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End with one line and exit code 2 where a request cannot be met, or decisions, tables or rules cannot be had."""
    try:
        yield
    except (ReviewError, DecisionsFileError, OwnRuleNotFound) as error:
        raise WrongConfiguration(str(error)) from error


def _open(deployment: Deployment, cohort: str, patient_id: str) -> Case:
    chosen = deployment.cohort(cohort)
    folder: CohortFolder = deployment.store.cohort(cohort)
    with one_line_errors():
        return open_case(folder, chosen, deployment.tables(chosen), patient_id)


def _verdict(verification: Verification) -> str:
    status = status_of(verification.findings)
    return f"{status}. {reason_of(verification.findings)}"


def _print_next(cohort: str, patient_id: str, console: Console) -> None:
    command = f"pdcp run --cohort {cohort} --patient {shlex.quote(patient_id)}"
    console.print(f"Next: {printable(command)}", soft_wrap=True)
