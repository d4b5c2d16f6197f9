"""`pdcp review` and `pdcp quarantine`."""

from __future__ import annotations

import datetime as dt
import os

import click

from pdcp_dagster.cli.options import COHORT, FAILED, PATIENT
from pdcp_dagster.cli.root import main
from pdcp_dagster.commands.terminal import Terminal


@main.group()
def review() -> None:
    """Decide about patients who need a person."""


@review.command("list")
@COHORT
def review_list(cohort: str) -> None:
    """List the patients to review: why, how many candidates, and whether somebody decided."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import list_reviews  # noqa: PLC0415

    list_reviews(Deployment.from_environment(os.environ), cohort, Terminal())


@review.command("show")
@COHORT
@PATIENT
def review_show(cohort: str, patient: str) -> None:
    """Show a patient's candidates side by side, what is to review, and the decision there is."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import show_review  # noqa: PLC0415

    show_review(Deployment.from_environment(os.environ), cohort, patient, Terminal())


@review.command("decide")
@COHORT
@PATIENT
@click.option("--candidate", type=int, default=None, help="Prepare this candidate (`pdcp review show` numbers them).")
@click.option("--dose", "doses", multiple=True, help="Of the candidate's doses only this UID; may be repeated.")
@click.option("--study", default=None, help="Choose the study with this UID; the cohort's rules choose within it.")
@click.option("--exclude", is_flag=True, help="Exclude the patient.")
@click.option("--accept", "accepted", multiple=True, help="A code to review that was looked at and is right.")
@click.option("--reviewer", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), default=None, help="When. Default: today.")
def review_decide(
    cohort: str,
    patient: str,
    *,
    candidate: int | None,
    doses: tuple[str, ...],
    study: str | None,
    exclude: bool,
    accepted: tuple[str, ...],
    reviewer: str,
    reason: str,
    date: dt.datetime | None,
) -> None:
    """Write a decision into the store's decisions.yaml; every run replays it while the evidence stays the same."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import decide_review  # noqa: PLC0415
    from pdcp_dagster.stages.review import Wish  # noqa: PLC0415

    # The day of whoever decides, not that of Greenwich.
    day = date.date() if date is not None else dt.datetime.now().astimezone().date()
    wish = Wish(reviewer, day, reason, candidate, doses, study, exclude=exclude, accepted=accepted)
    decide_review(Deployment.from_environment(os.environ), cohort, patient, wish, Terminal())


@review.command("withdraw")
@COHORT
@PATIENT
def review_withdraw(cohort: str, patient: str) -> None:
    """Take a decision back."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import withdraw_review  # noqa: PLC0415

    withdraw_review(Deployment.from_environment(os.environ), cohort, patient, Terminal())


@main.command()
@COHORT
@PATIENT
def quarantine(cohort: str, patient: str) -> None:
    """Prepare each candidate of a patient in a folder of its own, as if there were no other."""
    from pdcp_dagster.commands.deployment import Deployment, require_orthanc  # noqa: PLC0415
    from pdcp_dagster.commands.quarantine import prepare_candidates  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    deployment.cohort(cohort)
    require_orthanc()
    if not prepare_candidates(deployment, cohort, patient, Terminal()):
        raise SystemExit(FAILED)
