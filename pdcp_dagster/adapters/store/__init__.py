"""Where a cohort's files lie on disk, when a set of them is valid, and who may write.

    <root>/<cohort>/patient_ids.parquet, cohort_report.parquet, ...
    <root>/<cohort>/patients/<key>/image_summary.parquet, ct.nii.gz, ..., notes.json, failure.json, deleted.json
    <root>/<cohort>/patients/<key>/manifests/<asset>.json     the commit mark of an asset, written last
    <root>/<cohort>/patients/<key>/.lock, .holder.json        one writer at a time, and who that is
    <root>/<cohort>/quarantine/<key>/<n>/                     a candidate, with the files of a patient
    <root>/<cohort>/decisions.yaml                            what people decided

What lives here: paths, manifests, notes, failure files and tombstones, locks. What does not: what tables and
images hold.
"""

from pdcp_dagster.adapters.store.errors import PatientBusyError, StoreError
from pdcp_dagster.adapters.store.folders import CohortFolder, PatientFolder, Store
from pdcp_dagster.adapters.store.layout import (
    CODES_BEFORE,
    COHORT_FILES,
    DEFAULT_STORE,
    DOSE_ON_CT,
    PANEL,
    PATIENT_FILES,
)
from pdcp_dagster.adapters.store.marks import Manifest, Origin
from pdcp_dagster.adapters.store.tombstones import (
    Tombstone,
    clear_tombstone,
    read_tombstone,
    tombstones,
    write_tombstone,
)

__all__ = [
    "CODES_BEFORE",
    "COHORT_FILES",
    "DEFAULT_STORE",
    "DOSE_ON_CT",
    "PANEL",
    "PATIENT_FILES",
    "CohortFolder",
    "Manifest",
    "Origin",
    "PatientBusyError",
    "PatientFolder",
    "Store",
    "StoreError",
    "Tombstone",
    "clear_tombstone",
    "read_tombstone",
    "tombstones",
    "write_tombstone",
]
