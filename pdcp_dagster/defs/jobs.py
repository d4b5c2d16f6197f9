"""Jobs of a cohort: list its patients, collect them, report on them."""

import dagster as dg

from pdcp_dagster.defs.specs import cards_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import stages_of

FROM_TAGS = ("image_summary", "verified_study")
"""The assets that need no download."""


def list_job_name(cohort: str) -> str:
    """Name of the job that lists the archive's patients."""
    return f"list_{cohort}"


def collect_job_name(cohort: str) -> str:
    """Name of the job that runs the per-patient assets."""
    return f"collect_{cohort}"


def report_job_name(cohort: str) -> str:
    """Name of the job that makes the cohort-level tables."""
    return f"report_{cohort}"


def summarise_job_name(cohort: str) -> str:
    """Name of the job that looks at tags alone."""
    return f"summarise_{cohort}"


def retry_job_name(cohort: str) -> str:
    """Name of the job that runs the failed patients again."""
    return f"retry_failed_{cohort}"


def reconcile_job_name(cohort: str) -> str:
    """Name of the job that compares the archive with what was run."""
    return f"reconcile_{cohort}"


def backfill_job_name(cohort: str) -> str:
    """Name of the job that runs whoever has no current result."""
    return f"backfill_{cohort}"


def patient_job_names(cohort: str) -> frozenset[str]:
    """Return the names of all jobs that run patients."""
    names = (collect_job_name, summarise_job_name, retry_job_name, reconcile_job_name, backfill_job_name)
    return frozenset(name(cohort) for name in names)


def patient_asset_keys(cohort: str, linkage: str) -> list[dg.AssetKey]:
    """Return the keys of a cohort's per-patient assets."""
    return [dg.AssetKey([cohort, card.name]) for card in cards_of(linkage)]


def cohort_table_keys(cohort: str, linkage: str) -> list[dg.AssetKey]:
    """Return the keys of a cohort's tables over all patients: no DVHs where the linkage has no doses."""
    dvhs = [dg.AssetKey([cohort, "cohort_dvh"])] if "dvh_table" in stages_of(linkage) else []
    return [dg.AssetKey([cohort, "cohort_report"]), *dvhs, dg.AssetKey([cohort, "cohort_structure_names"])]


# What define_asset_job returns has no public name.
def cohort_jobs(cohort: Cohort) -> list:  # type: ignore[type-arg]
    """Return the cohort's jobs; a report of its own, since a backfill drops what is behind one failed patient."""
    return [
        dg.define_asset_job(
            list_job_name(cohort.name),
            selection=dg.AssetSelection.assets([cohort.name, "patient_ids"]),
            description="List the archive's patients; new ones become partitions.",
        ),
        dg.define_asset_job(
            collect_job_name(cohort.name),
            selection=dg.AssetSelection.assets(*patient_asset_keys(cohort.name, cohort.linkage)),
            description="All stages of the chosen patients: summary, linkage, retrieval, volumes, DVHs, notes.",
        ),
        dg.define_asset_job(
            summarise_job_name(cohort.name),
            selection=dg.AssetSelection.assets(*([cohort.name, name] for name in FROM_TAGS)),
            description="What belongs together, of the chosen patients, from tags alone: nothing is downloaded.",
        ),
        dg.define_asset_job(
            report_job_name(cohort.name),
            selection=dg.AssetSelection.assets(*cohort_table_keys(cohort.name, cohort.linkage)),
            description="The tables over all patients, by their current status.",
        ),
    ]
