"""Jobs of a cohort: list its patients, collect them, report on them."""

import dagster as dg

from pdcp_dagster.defs.specs import cards_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import stages_of


def list_job_name(cohort: str) -> str:
    """Name of the job that lists the archive's patients."""
    return f"list_{cohort}"


def collect_job_name(cohort: str) -> str:
    """Name of the job that runs the per-patient assets."""
    return f"collect_{cohort}"


def report_job_name(cohort: str) -> str:
    """Name of the job that makes the cohort-level tables."""
    return f"report_{cohort}"


def patient_asset_keys(cohort: str, linkage: str) -> list[dg.AssetKey]:
    """Return the keys of a cohort's per-patient assets."""
    return [dg.AssetKey([cohort, card.name]) for card in cards_of(linkage)]


def cohort_table_keys(cohort: str, linkage: str) -> list[dg.AssetKey]:
    """Return the keys of a cohort's tables over all patients: no DVHs where the linkage has no doses."""
    dvhs = [dg.AssetKey([cohort, "cohort_dvh"])] if "dvh_table" in stages_of(linkage) else []
    return [dg.AssetKey([cohort, "cohort_report"]), *dvhs]


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
            report_job_name(cohort.name),
            selection=dg.AssetSelection.assets(*cohort_table_keys(cohort.name, cohort.linkage)),
            description="The tables over all patients, by their current status.",
        ),
    ]
