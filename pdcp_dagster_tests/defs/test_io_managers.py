"""A user's own assets on the patients': loaded from the store by type and status, stored beside the patients' files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from pdcp_dagster.adapters.nifti import read_image
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.phantom.archive import damage_stored_file
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.loading import StructureMasks

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_io_managers")

COHORT = "mine"
PATIENTS = patient_partitions(COHORT)
PASSED, REVIEWED, EXCLUDED, FAILED, NEVER_RUN = "UA", "UR", "UX", "UF", "UN"
ROIS = {"BODY", "PTV_50", "CTV", "Lung_L"}


def taken(asset: str, **how: Any) -> dg.AssetIn:
    return dg.AssetIn(dg.AssetKey([COHORT, asset]), **how)


def from_all(asset: str) -> dg.AssetIn:
    return taken(asset, partition_mapping=dg.AllPartitionMapping())


@dg.asset(
    key=[COHORT, "ct_in_words"],
    partitions_def=PATIENTS,
    ins={"ct": taken("ct_volume"), "dvh": taken("dvh_table")},
    io_manager_key="parquet",
)
def ct_in_words(ct: sitk.Image, dvh: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"slices": [ct.GetSize()[2]], "rois": [len(dvh)]})


@dg.asset(key=[COHORT, "halved_ct"], partitions_def=PATIENTS, ins={"ct": taken("ct_volume")}, io_manager_key="nifti")
def halved_ct(ct: sitk.Image) -> sitk.Image:
    half: sitk.Image = sitk.Cast(ct, sitk.sitkFloat32) * 0.5
    return half


@dg.asset(key=[COHORT, "all_dvhs"], ins={"dvhs": from_all("dvh_table")}, io_manager_key="parquet")
def all_dvhs(dvhs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame({"patient": list(dvhs), "rois": [len(table) for table in dvhs.values()]})


@dg.asset(key=[COHORT, "all_in_words"], ins={"tables": from_all("ct_in_words")}, io_manager_key="parquet")
def all_in_words(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame({"patient": list(tables)})


@dg.asset(
    key=[COHORT, "what_loads"],
    partitions_def=PATIENTS,
    ins={"masks": taken("structure_masks"), "folder": taken("retrieved_dicom"), "notes": taken("patient_notes")},
    io_manager_key="parquet",
)
def what_loads(masks: Any, folder: Any, notes: Any) -> pd.DataFrame:
    assert isinstance(masks, StructureMasks), "lazy: nothing is read before it is asked for"
    assert isinstance(folder, Path)
    assert isinstance(notes, dict)
    body = masks["BODY"]
    return pd.DataFrame(
        {
            "rois": [",".join(masks)],
            "body_voxels": [int(sitk.GetArrayViewFromImage(body).sum())],
            "ct_files": [len(list((folder / "CT").glob("*.dcm")))],
            "code": [notes["code"]],
        }
    )


@dg.asset(
    key=[COHORT, "rois"],
    partitions_def=PATIENTS,
    ins={"dvh": taken("dvh_table")},
    io_manager_key="parquet",
)
def rois(dvh: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {patient: table[["roi_name"]] for patient, table in dvh.items()}


OWN = (ct_in_words, halved_ct, all_dvhs, all_in_words, what_loads, rois)


@pytest.fixture(scope="module")
def site(
    make_site: "Callable[..., Site]",
    spec: Callable[..., PhantomSpec],
    a_slice: Callable[[PhantomSpec], str],
    orthanc: PrivateOrthanc,
) -> "Site":
    """One patient of each status; the last was never run."""
    patients = [
        spec(PASSED),
        spec(REVIEWED, slices=24),  # above the 20 from which on a person should look
        spec(EXCLUDED, modalities=("CT", "RTSTRUCT", "RTPLAN")),
        spec(FAILED),
        spec(NEVER_RUN),
    ]
    site = make_site(COHORT, patients)
    damage_stored_file(orthanc, a_slice(patients[3]))
    assert site.list_patients().success
    assert not site.collect(PASSED, REVIEWED, EXCLUDED, FAILED).success
    return site


def materialise(site: "Site", asset: dg.AssetsDefinition, **how: Any) -> dg.ExecuteInProcessResult:
    job = site.definitions(*OWN).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=site.instance, asset_selection=[asset.key], raise_on_error=False, **how)


def test_a_users_table_lies_beside_the_patients_files(site: "Site") -> None:
    result = materialise(site, ct_in_words, partition_key=PASSED)
    assert result.success, site.errors(result)
    path = site.patient(PASSED).path / "ct_in_words.parquet"
    assert read_table(path).to_dict("records") == [{"slices": 12, "rois": 4}]
    assert site.events(result)["ct_in_words", PASSED].metadata["path"].value == str(path)


def test_a_users_image_lies_beside_the_patients_files_on_the_ct_grid(site: "Site") -> None:
    result = materialise(site, halved_ct, partition_key=PASSED)
    assert result.success, site.errors(result)
    ct = read_image(site.patient(PASSED).file("ct_volume"))
    half = read_image(site.patient(PASSED).path / "halved_ct.nii.gz")
    assert np.array_equal(sitk.GetArrayFromImage(half) * 2, sitk.GetArrayFromImage(ct))
    assert (half.GetOrigin(), half.GetSpacing(), half.GetSize()) == (ct.GetOrigin(), ct.GetSpacing(), ct.GetSize())


def test_masks_load_by_roi_name_retrieved_files_as_a_folder_and_notes_as_a_dictionary(site: "Site") -> None:
    result = materialise(site, what_loads, partition_key=PASSED)
    assert result.success, site.errors(result)
    (row,) = read_table(site.patient(PASSED).path / "what_loads.parquet").to_dict("records")
    assert set(row["rois"].split(",")) == ROIS
    assert row["body_voxels"] > 0
    assert row["ct_files"] == 12
    assert row["code"] == (site.patient(PASSED).read_notes() or {})["code"]


@pytest.mark.parametrize(
    ("patient", "why"),
    [
        (EXCLUDED, "PatientExcluded: Excluded: no RTDOSE"),
        (FAILED, "PatientFailed: Failed at retrieved_dicom"),
        (NEVER_RUN, "PatientPending: Not run yet."),
    ],
)
def test_a_patient_without_a_result_is_refused_in_words(site: "Site", patient: str, why: str) -> None:
    result = materialise(site, ct_in_words, partition_key=patient)
    assert not result.success
    assert why in site.errors(result)
    assert not (site.patient(patient).path / "ct_in_words.parquet").exists()


def test_a_patient_under_review_loads_where_it_is_asked_for_alone(site: "Site") -> None:
    result = materialise(site, ct_in_words, partition_key=REVIEWED)
    assert result.success, site.errors(result)
    assert read_table(site.patient(REVIEWED).path / "ct_in_words.parquet").to_dict("records") == [
        {"slices": 24, "rois": 4}
    ]


def test_a_cohorts_dict_holds_only_patients_who_count(site: "Site") -> None:
    result = materialise(site, all_dvhs)
    assert result.success, site.errors(result)
    assert read_table(site.store.path / "all_dvhs.parquet").to_dict("records") == [{"patient": PASSED, "rois": 4}]


def test_a_dict_of_a_users_own_tables_leaves_out_patients_who_do_not_count_now(site: "Site") -> None:
    # The reviewed patient has such a table; it must not slip into a cohort's table by way of it.
    for patient in (PASSED, REVIEWED):
        assert materialise(site, ct_in_words, partition_key=patient).success
    result = materialise(site, all_in_words)
    assert result.success, site.errors(result)
    assert list(read_table(site.store.path / "all_in_words.parquet")["patient"]) == [PASSED]


def test_a_run_over_a_range_stores_a_table_per_patient_and_drops_what_is_no_longer_true(site: "Site") -> None:
    old = site.patient(EXCLUDED).path / "rois.parquet"
    old.write_bytes(b"of a time before the exclusion")
    first, last = site.partitions()[0], site.partitions()[-1]
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    result = materialise(site, rois, tags=tags)
    assert result.success, site.errors(result)
    assert set(read_table(site.patient(PASSED).path / "rois.parquet")["roi_name"]) == ROIS
    stored = {patient for patient in site.partitions() if (site.patient(patient).path / "rois.parquet").exists()}
    assert stored == {PASSED}


def test_a_range_of_one_patient_is_a_range_all_the_same(site: "Site") -> None:
    tags = {"dagster/asset_partition_range_start": PASSED, "dagster/asset_partition_range_end": PASSED}
    result = materialise(site, rois, tags=tags)
    assert result.success, site.errors(result)
    assert set(read_table(site.patient(PASSED).path / "rois.parquet")["roi_name"]) == ROIS


IMAGES = "images_only"


def _dose_of_images(name: str, **how: Any) -> dg.AssetsDefinition:
    asset: dg.AssetsDefinition = dg.asset(key=[IMAGES, name], io_manager_key="parquet", **how)(_dose_in_words)
    return asset


def _dose_in_words(dose: Any) -> pd.DataFrame:
    return pd.DataFrame({"doses": [len(dose)]})


@pytest.fixture(scope="module")
def images(make_site: "Callable[..., Site]", spec: Callable[..., PhantomSpec]) -> "Site":
    """A cohort of linkage CR with one patient."""
    site = make_site(IMAGES, [spec("UI", modalities=("CT", "RTSTRUCT"))], linkage="CR")
    assert site.list_patients().success
    result = site.collect("UI")
    assert result.success, site.errors(result)
    return site


def test_a_cohort_without_doses_has_all_of_its_assets_made_and_reported(images: "Site") -> None:
    assert set(images.statuses("UI").values()) == {"MATERIALIZED"}
    left = images.store.file("cohort_dvh")
    left.write_bytes(b"of a time when the cohort had doses")
    result = images.report()
    assert result.success, images.errors(result)
    (row,) = read_table(images.store.file("cohort_report")).to_dict("records")
    assert (row["status"], row["rois"], row["rtstructs"]) == ("SUCCESS", 4, 1)
    assert not left.exists()


@pytest.mark.parametrize("alone", [True, False], ids=["one patient", "all patients"])
def test_the_dose_of_a_cohort_without_doses_is_refused_in_words(images: "Site", *, alone: bool) -> None:
    dose = dg.AssetKey([IMAGES, "dose_volume"])
    partitions = patient_partitions(IMAGES)
    of_another_time = dg.AssetSpec(dose, partitions_def=partitions).with_io_manager_key("nifti")
    if alone:
        mine = _dose_of_images("one_dose", partitions_def=partitions, ins={"dose": dg.AssetIn(dose)})
    else:
        everyone = dg.AssetIn(dose, partition_mapping=dg.AllPartitionMapping())
        mine = _dose_of_images("all_doses", ins={"dose": everyone})
    job = images.definitions(mine, of_another_time).resolve_implicit_global_asset_job_def()
    how: dict[str, Any] = {"partition_key": "UI"} if alone else {}
    result = job.execute_in_process(instance=images.instance, asset_selection=[mine.key], raise_on_error=False, **how)
    assert not result.success
    assert "NotInLinkage: There is no dose_volume: the cohort's linkage is CR" in images.errors(result)
