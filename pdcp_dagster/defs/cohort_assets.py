"""What is told of a whole cohort: the report and the DVHs of all its patients, taken by their current status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd

from pdcp_dagster import __version__
from pdcp_dagster.adapters.cohort_file import read_patient_list
from pdcp_dagster.adapters.parquet import TableError
from pdcp_dagster.adapters.report_page import write_report
from pdcp_dagster.adapters.store import CohortFolder
from pdcp_dagster.defs.cohort_metadata import report_metadata
from pdcp_dagster.defs.resources import StoreResource
from pdcp_dagster.defs.specs import OWNER
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.dvh_bands import DvhBand
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.current import DELETED
from pdcp_dagster.stages.dvh_bands import CohortBands, cohort_bands
from pdcp_dagster.stages.naming import as_told
from pdcp_dagster.stages.patient_panel import panel_path
from pdcp_dagster.stages.report import cohort_dvh_table, cohort_report_table, report_rows


def cohort_assets(cohort: Cohort, cohorts: Path) -> list[dg.AssetsDefinition]:
    """Return `cohort_report` of a cohort, and `cohort_dvh` where its linkage has doses.

    cohorts: the folder of the cohort's file.
    """
    with_doses = "dvh_table" in stages_of(cohort.linkage)

    @dg.asset(
        key=[cohort.name, "cohort_report"],
        deps=[_all_patients(cohort.name, "patient_notes"), dg.AssetKey([cohort.name, "patient_ids"])],
        group_name="report",
        kinds={"parquet", "html"},
        owners=[OWNER],
        tags={"cohort": cohort.name},
        io_manager_key="parquet",
        description="A row per patient: status, codes, the reason in words with the remedy, dates, the linked objects "
        "and where each stage stands. Also as an HTML page.",
    )
    def cohort_report(context: dg.AssetExecutionContext, store: StoreResource) -> pd.DataFrame:
        folder = store.cohort(cohort.name)
        if not with_doses:  # what there is was made when the cohort had another linkage
            folder.file("cohort_dvh").unlink(missing_ok=True)
        wanted = () if cohort.patients == "all" else read_patient_list(cohorts / cohort.patients)
        table = cohort_report_table(folder, wanted, cohort)
        page = folder.path / "cohort_report.html"
        told = as_told(cohort, table)
        found = _bands(folder, cohort, told) if with_doses else NO_BANDS
        write_report(
            page,
            cohort=cohort.name,
            rows=report_rows(told.assign(panel=_panels(folder, told))),
            bands=found.bands,
            further_structures=found.left_out,
            generated=None,
            software_version=__version__,
            notes=found.notes,
        )
        context.add_output_metadata(report_metadata(told, found.bands, page))
        return table

    @dg.asset(
        key=[cohort.name, "cohort_dvh"],
        deps=[_all_patients(cohort.name, "dvh_table"), _all_patients(cohort.name, "patient_notes")],
        group_name="report",
        kinds={"parquet"},
        owners=[OWNER],
        tags={"cohort": cohort.name},
        io_manager_key="parquet",
        description="The DVH metrics of all patients whose current status lets them count, a row per patient and ROI.",
    )
    def cohort_dvh(context: dg.AssetExecutionContext, store: StoreResource) -> pd.DataFrame:
        table = cohort_dvh_table(store.cohort(cohort.name), include_review=cohort.include_review, cohort=cohort)
        patients = int(table["patient_id"].nunique()) if len(table) else 0
        context.add_output_metadata({"patients": patients, "dagster/row_count": len(table)})
        return table

    return [cohort_report, cohort_dvh] if with_doses else [cohort_report]


def _all_patients(cohort: str, asset: str) -> dg.AssetDep:
    return dg.AssetDep(dg.AssetKey([cohort, asset]), partition_mapping=dg.AllPartitionMapping())


@dataclass(frozen=True, slots=True)
class _Bands:
    bands: Sequence[DvhBand] = ()
    left_out: int = 0
    notes: Sequence[str] = ()


NO_BANDS = _Bands()


def _bands(folder: CohortFolder, cohort: Cohort, told: pd.DataFrame) -> _Bands:
    """Return the cohort's DVHs; where they cannot be read the report says so, and still tells of the patients."""
    known = told[told["partition_key"].notna()]
    names = {str(key): str(name) for key, name in zip(known["partition_key"], known["patient_id"], strict=True)}
    try:
        found = cohort_bands(folder, cohort, names)
    except (TableError, OSError, KeyError) as error:
        return _Bands(notes=(f"The cohort's dose-volume histograms could not be read, and are not shown: {error}",))
    return _Bands(found.bands, found.left_out, tuple(_lacking(found)))


def _lacking(found: CohortBands) -> Iterator[str]:
    """Yield in words what the histograms do not show."""
    if found.unread:
        yield f"No histograms are shown of {some(found.unread)}: their files could not be read."
    if found.beyond:
        end_gy = found.bands[0].dose_gy[-1]
        who = "1 patient has" if len(found.beyond) == 1 else f"{len(found.beyond)} patients have"
        yield f"{who} doses beyond the axis of the histograms, above {end_gy:g} Gy: {some(found.beyond)}."


def _panels(folder: CohortFolder, told: pd.DataFrame) -> pd.Series:
    # What was made before is told of nobody whom the archive does not have any more.
    paths = [
        None if pd.isna(key) or DELETED in codes else panel_path(folder, str(key))
        for key, codes in zip(told["partition_key"], told["codes"], strict=True)
    ]
    return pd.Series(paths, index=told.index, dtype="object")
