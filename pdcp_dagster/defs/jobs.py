"""Jobs of a cohort: list its patients, collect them, report on them."""

import dagster as dg

from pdcp_dagster.defs.specs import CARDS


def list_job_name(cohort: str) -> str:
    """Name of the job that lists the archive's patients."""
    return f"list_{cohort}"


def collect_job_name(cohort: str) -> str:
    """Name of the job that runs the per-patient assets."""
    return f"collect_{cohort}"


def report_job_name(cohort: str) -> str:
    """Name of the job that makes the cohort-level tables."""
    return f"report_{cohort}"


def patient_asset_keys(cohort: str) -> list[dg.AssetKey]:
    """Return the keys of a cohort's per-patient assets."""
    return [dg.AssetKey([cohort, card.name]) for card in CARDS]


# What define_asset_job returns has no public name.
def cohort_jobs(cohort: str) -> list:  # type: ignore[type-arg]
    """Return the cohort's jobs; a report of its own, since a backfill drops what is behind one failed patient."""
    return [
        dg.define_asset_job(
            list_job_name(cohort),
            selection=dg.AssetSelection.assets([cohort, "patient_ids"]),
            description="List the archive's patients; new ones become partitions.",
        ),
        dg.define_asset_job(
            collect_job_name(cohort),
            selection=dg.AssetSelection.assets(*patient_asset_keys(cohort)),
            description="All stages of the chosen patients: summary, linkage, retrieval, volumes, DVHs, notes.",
        ),
        dg.define_asset_job(
            report_job_name(cohort),
            selection=dg.AssetSelection.assets([cohort, "cohort_report"], [cohort, "cohort_dvh"]),
            description="The report and the DVH table over all patients, by their current status.",
        ),
    ]
