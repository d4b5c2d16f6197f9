"""Which columns of a table come from which columns of tables before it.

What lives here: columns whose values are those of the other table, or follow from them alone. What does not: what is
read from DICOM files, as the tables of structures, plans and doses mostly are: their lineage is that of the assets.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from pdcp_dagster.defs.columns import columns_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import stages_of

_Source = tuple[str, str]
"""Asset and column."""
_LINKS = (
    *("study_instance_uid", "series_instance_uid", "sop_instance_uid", "frame_of_reference_uid"),
    *("frame_of_reference_uids", "referenced_series_uids", "referenced_structure_set_uids", "referenced_plan_uids"),
)


def _summary(*columns: str) -> tuple[_Source, ...]:
    return tuple(("image_summary", column) for column in columns)


_FROM: Mapping[str, Mapping[str, tuple[_Source, ...]]] = {
    "verified_study": {
        "role": _summary("modality"),
        "study_instance_uid": _summary("study_instance_uid"),
        "series_uid": _summary("series_instance_uid"),
        "sop_instance_uid": _summary("sop_instance_uid"),
        "orthanc_id": _summary("instance_identifier", "series_identifier"),
        "linked_to": _summary(*_LINKS),
        "linked_by": _summary(*_LINKS),
    },
    "candidate_studies": {
        "study_instance_uid": _summary("study_instance_uid"),
        "study_date": _summary("study_date"),
        "study_description": _summary("study_description"),
        "series_description": _summary("series_description"),
        "ct_series_uid": _summary("series_instance_uid"),
        "rtstruct_uids": _summary("sop_instance_uid"),
        "structure_set_labels": _summary("structure_set_label"),
        "roi_names": _summary("roi_names"),
        "rtplan_uids": _summary("sop_instance_uid"),
        "plan_labels": _summary("rt_plan_label"),
        "plan_dates": _summary("rt_plan_date"),
        "plan_intents": _summary("plan_intent"),
        "approval_statuses": _summary("approval_status"),
        "fractions_planned": _summary("fractions_planned"),
        "prescription_gy": _summary("target_prescriptions_gy"),
        "rtdose_uids": _summary("sop_instance_uid"),
        "dose_summation_types": _summary("dose_summation_type"),
    },
    "dvh_table": {"ct_series_uid": (("verified_study", "series_uid"),)},
    "central_slices": {
        "rtstruct_uid": (("structure_masks", "rtstruct_uid"),),
        "roi_number": (("structure_masks", "roi_number"),),
        "roi_name": (("structure_masks", "roi_name"),),
        "voxels": (("structure_masks", "mask_voxels"),),
    },
    "cohort_structure_names": {
        "roi_name": (("structure_masks", "roi_name"),),
        "rois": (("structure_masks", "roi_name"),),
        "roi_standard_name": (("structure_masks", "roi_name"),),
    },
    "cohort_report": {
        "patient_id": (("patient_ids", "patient_id"),),
        "partition_key": (("patient_ids", "partition_key"),),
        "study_instance_uid": (("verified_study", "study_instance_uid"),),
        "study_date": _summary("study_date"),
        "ct_date": _summary("acquisition_date", "series_date"),
        "structure_set_date": _summary("structure_set_date"),
        "plan_date": _summary("rt_plan_date"),
        "dose_date": _summary("instance_creation_date", "series_date"),
        "ct_to_plan_days": _summary("acquisition_date", "series_date", "rt_plan_date"),
        "ct_series_uid": (("verified_study", "series_uid"),),
        "slice_thickness_mm": _summary("slice_thickness"),
        "pixel_mm": _summary("pixel_spacing"),
        "kvp": _summary("kvp"),
        "kernel": _summary("convolution_kernel"),
        "scanner": _summary("manufacturer", "manufacturer_model_name"),
        "patient_position": _summary("patient_position"),
    },
}


def lineage_of(asset: str, cohort: Cohort) -> dg.TableColumnLineage | None:
    """Return where the columns of a table come from; None where none comes from a column of another."""
    made = {"patient_ids", *stages_of(cohort.linkage)}
    sources = _sources(asset, cohort)
    deps = {
        column: [
            dg.TableColumnDep(asset_key=dg.AssetKey([cohort.name, table]), column_name=name)
            for table, name in named
            if table in made
        ]
        for column, named in sources.items()
    }
    return dg.TableColumnLineage(deps_by_column=deps) if deps else None


def _sources(asset: str, cohort: Cohort) -> Mapping[str, Iterable[_Source]]:
    if asset == "cohort_dvh":  # the rows of all patients who count, one below the other
        return {column.name: [("dvh_table", column.name)] for column in columns_of(asset, cohort)}
    return _FROM.get(asset, {})
