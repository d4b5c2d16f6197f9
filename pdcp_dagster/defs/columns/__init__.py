"""What is in each table, for those who look at it in the UI: a description with its unit for every column.

What lives here: which table of a cohort has which columns. What does not: the descriptions (a module per table), or how
Dagster is told (`defs.described`). Not below `domain`, for whose words no patient need be done again.
"""

from collections.abc import Mapping

from pdcp_dagster.defs.columns.cohort_report import COHORT_REPORT
from pdcp_dagster.defs.columns.described import Columns
from pdcp_dagster.defs.columns.dvh import DVH_COMPARISON, DVH_CURVES, dvh_columns
from pdcp_dagster.defs.columns.image_summary import IMAGE_SUMMARY
from pdcp_dagster.defs.columns.linkage import CANDIDATE_STUDIES, PATIENT_IDS, VERIFIED_STUDY
from pdcp_dagster.defs.columns.plans import PLANS
from pdcp_dagster.defs.columns.structure_names import STRUCTURE_NAMES
from pdcp_dagster.defs.columns.structures import CENTRAL_SLICES, STRUCTURES
from pdcp_dagster.domain.cohort import Cohort

_THE_SAME_FOR_ALL: Mapping[str, Columns] = {
    "patient_ids": PATIENT_IDS,
    "image_summary": IMAGE_SUMMARY,
    "verified_study": VERIFIED_STUDY,
    "candidate_studies": CANDIDATE_STUDIES,
    "structure_masks": STRUCTURES,
    "plan_table": PLANS,
    "central_slices": CENTRAL_SLICES,
    "cohort_report": COHORT_REPORT,
    "cohort_structure_names": STRUCTURE_NAMES,
}
_BESIDE: Mapping[str, Mapping[str, Columns]] = {
    "dvh_table": {"dvh_curves.parquet": DVH_CURVES, "dvh_comparison.parquet": DVH_COMPARISON}
}


def columns_of(asset: str, cohort: Cohort) -> Columns:
    """Return the columns of the table that an asset loads as; none of an asset that is no table."""
    if asset in {"dvh_table", "cohort_dvh"}:
        return dvh_columns(cohort)
    return _THE_SAME_FOR_ALL.get(asset, ())


def tables_beside(asset: str) -> Mapping[str, Columns]:
    """Return the columns of the further tables that an asset writes, by file."""
    return _BESIDE.get(asset, {})
