"""The legacy export: what PDCP's scripts find, for whom, and that nobody ever finds what is not current."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pydicom
import pytest

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, PatientFolder, Store
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.domain.legacy_summary import LEGACY_COLUMNS
from pdcp_dagster.domain.metrics import ABSOLUTE_DOSES_GY, DOSE_PCTS, RELATIVE_DOSES_PCT
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.stages.legacy_export import Exported, TargetError, export_cohort
from pdcp_dagster.stages.legacy_export.kept import NotExportableError, place
from pdcp_dagster.stages.legacy_export.names import file_names
from pdcp_dagster.stages.legacy_export.target import MARKER, open_target

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

PLAIN = "LX_12.a"
ODD = "../LX ü"
NEVER_RUN = "007"
REVIEW, STUDIES, CTS, EXCLUDED = "LX-review", "LX-studies", "LX-cts", "LX-excluded"
UNREAD, NOT_FOUND, FAILED = "LX-unread", "LX-nothing", "LX-failed"
EVERYBODY = (PLAIN, ODD, NEVER_RUN, REVIEW, STUDIES, CTS, EXCLUDED, UNREAD, NOT_FOUND, FAILED)
FEW = {"minimum": 4, "review_above": 10, "maximum": 60, "action": "exclude"}


def list_patients(cohort: CohortFolder, *patient_ids: str) -> None:
    rows = [(patient_id, f"orthanc-{patient_id}", partition_key(patient_id), 1) for patient_id in patient_ids]
    table = pd.DataFrame(rows, columns=["patient_id", "orthanc_id", "partition_key", "studies"])
    write_table(table, cohort.file("patient_ids"))


def export(cohort: CohortFolder, root: Path, *patients: str) -> Exported:
    return export_cohort(cohort, root, name="ward", version="ward 1", patients=patients)


def read_notes(root: Path, name: str) -> dict[str, Any]:
    notes: dict[str, Any] = json.loads((root / "patientnotes" / f"{name}.json").read_text())
    return notes


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def of_no_interest(data: pydicom.Dataset) -> None:
    """Make an object one of a modality that no cohort looks at."""
    data.Modality = "OT"
    data.SeriesInstanceUID += ".1"


@pytest.fixture(scope="module")
def cohort(ward: Ward) -> CohortFolder:
    """A cohort with a patient of each kind."""
    for patient_id in (PLAIN, ODD, REVIEW, EXCLUDED, FAILED):
        ward.admit(patient_id)
    ward.admit(STUDIES, studies=2)
    ward.admit(CTS, chains_per_study=2)
    ward.admit(NOT_FOUND, modalities=("RTPLAN",))
    for patient_id in (PLAIN, ODD, STUDIES, CTS, FAILED):
        assert ward.run(patient_id).failure is None
    ward.run(REVIEW, ct_instances=FEW)
    ward.run(EXCLUDED, dose_max_gy={"minimum": None, "maximum": 20, "action": "exclude"})
    (plan,) = ward.phantom(NOT_FOUND).glob("*.dcm")
    ward.exchange(plan, of_no_interest)
    ward.run(NOT_FOUND)
    ward.folder(FAILED).write_failure({"stage": "retrieved_dicom", "reason": "the archive hung up"})
    ward.folder(UNREAD).write_failure({"stage": "image_summary", "reason": "the archive hung up"})
    folder = ward.settings().store.cohort("ward")
    list_patients(folder, *EVERYBODY)
    return folder


@pytest.fixture(scope="module")
def done(cohort: CohortFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    root = tmp_path_factory.mktemp("legacy") / "export"
    return root, export(cohort, root)


@pytest.fixture(scope="module")
def root(done: tuple[Path, Exported]) -> Path:
    return done[0]


def odd_name(cohort: CohortFolder) -> str:
    return cohort.patient(partition_key(ODD)).path.name


@pytest.fixture
def own(cohort: CohortFolder, tmp_path: Path) -> CohortFolder:
    """A copy of two patients' store, to be changed."""
    copy = Store(tmp_path / "store").cohort("ward")
    for patient_id in (PLAIN, REVIEW):
        key = partition_key(patient_id)
        shutil.copytree(cohort.patient(key).path, copy.patient(key).path)
    list_patients(copy, PLAIN, REVIEW)
    return copy


def test_every_patient_is_exported_and_counted_as_pdcp_would(done: tuple[Path, Exported]) -> None:
    _, exported = done
    assert exported.troubles == []
    assert exported.counts == {
        Status.SUCCESS: 2,
        Status.REVIEW: 1,
        Status.EXCLUDE: 5,
        Status.FAILED: 1,
        Status.PENDING: 1,
    }


def test_ids_are_text_to_the_letter_with_orthancs_ids(root: Path) -> None:
    text = (root / "ids" / "ids.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "ids,orthanc_ids"
    assert '"007","orthanc-007"' in text.splitlines()
    table = read_csv(root / "ids" / "ids.csv")
    assert table["ids"].tolist() == list(EVERYBODY)
    assert table["orthanc_ids"].tolist() == [f"orthanc-{patient_id}" for patient_id in EVERYBODY]


def test_a_patients_data_lies_where_pdcps_scripts_look(ward: Ward, root: Path) -> None:
    ((rtstruct,), (dose,)) = (ward.phantom(PLAIN).glob(f"{kind}*.dcm") for kind in ("RTSTRUCT", "RTDOSE"))
    uids = [pydicom.dcmread(file).SOPInstanceUID for file in (rtstruct, dose)]
    series = pydicom.dcmread(min(ward.phantom(PLAIN).glob("CT*.dcm"))).SeriesInstanceUID
    names = {path.relative_to(root / "data" / PLAIN).as_posix() for path in (root / "data" / PLAIN).rglob("*.*")}
    assert names - {uids[0], f"masks/{uids[0]}"} == {
        *(f"CT/{index}.dcm" for index in range(12)),
        f"CTnifti/{PLAIN}_{series}.nii.gz",
        f"RTSTRUCT/{uids[0]}_rtstruct.dcm",
        *(f"masks/{uids[0]}/patient_{PLAIN}_{roi}.nii.gz" for roi in ("BODY", "PTV_50", "CTV", "Lung_L")),
        f"RTDOSE/{uids[1]}.dcm",
        f"RTDOSEnifti/{uids[1]}.nii.gz",
        f"dosimetrydata/{PLAIN}_.csv",
    }


def test_slices_ascend_as_the_nifti_file_has_them_and_are_the_archives_bytes(
    ward: Ward, cohort: CohortFolder, root: Path
) -> None:
    stored = cohort.patient(partition_key(PLAIN)).file("retrieved_dicom") / "CT"
    heights = []
    for index in range(12):
        file = root / "data" / PLAIN / "CT" / f"{index}.dcm"
        data = pydicom.dcmread(file)
        heights.append(float(data.ImagePositionPatient[2]))
        assert file.read_bytes() == (stored / f"{data.SOPInstanceUID}.dcm").read_bytes()
    assert heights == [-33.0 + 6.0 * index for index in range(12)]
    assert len(list(ward.phantom(PLAIN).glob("CT*.dcm"))) == 12


def test_files_are_copies_so_that_a_script_that_changes_one_does_not_change_the_store(
    cohort: CohortFolder, root: Path
) -> None:
    exported = [path for path in root.rglob("*") if path.is_file()]
    assert not [path for path in root.rglob("*") if path.is_symlink()]
    assert not {path.stat().st_ino for path in exported} & {path.stat().st_ino for path in cohort.path.rglob("*")}


def test_no_file_ever_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    with pytest.raises(NotExportableError, match="two files would be called two"):
        place(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two").read_text() == "2"


def test_the_summary_has_pdcps_columns_and_a_row_per_instance(ward: Ward, root: Path) -> None:
    table = read_csv(root / "imagesummaries" / f"{PLAIN}_SUCCESS.csv")
    assert list(table) == list(LEGACY_COLUMNS)
    assert table["Modality"].value_counts().to_dict() == {"CT": 12, "RTSTRUCT": 1, "RTPLAN": 1, "RTDOSE": 1}
    assert set(table["PatId"]) == set(table["PatientID"]) == {PLAIN}
    ct = pydicom.dcmread(min(ward.phantom(PLAIN).glob("CT*.dcm")))
    row = table[table["SOPInstanceUID"] == ct.SOPInstanceUID].iloc[0]
    assert row["StudyDate"] == ct.StudyDate
    assert [float(part) for part in row["ImagePositionPatient"].split("\\")] == list(ct.ImagePositionPatient)
    assert row["PixelSpacing"] == "3\\3"
    assert row["organs"] == row["DoseSummationType"] == "missing"
    organs = json.loads(table.loc[table["Modality"] == "RTSTRUCT", "organs"].iloc[0])
    assert [name for roi in organs for name in roi] == ["BODY", "PTV_50", "CTV", "Lung_L"]


def test_the_dosimetry_agrees_with_the_stores_dvh_table(cohort: CohortFolder, root: Path) -> None:
    table = read_csv(root / "data" / PLAIN / "dosimetrydata" / f"{PLAIN}_.csv")
    dvh = pd.read_parquet(cohort.patient(partition_key(PLAIN)).file("dvh_table"))
    assert table.shape == (4, 607)
    assert table["roi_name"].tolist() == ["BODY", "PTV_50", "CTV", "Lung_L"]
    assert set(table["patient_id"]) == {PLAIN}
    for (_, legacy), (_, ours) in zip(table.iterrows(), dvh.iterrows(), strict=True):
        assert float(legacy["volume"]) == pytest.approx(ours["volume_cm3"], abs=1e-5)
        assert float(legacy["mean_dose"]) == pytest.approx(ours["dmean_gy"], abs=1e-5)
        for gy in (each for each in ABSOLUTE_DOSES_GY if each <= 70):
            assert float(legacy[f"VGy_{gy}.0"]) == pytest.approx(ours[f"v{gy}gy_pct"], abs=0.01)
        for pct in DOSE_PCTS:
            assert float(legacy[f"D{pct}.0"]) == pytest.approx(ours[f"d{pct}_gy"], abs=0.05)
        for pct in RELATIVE_DOSES_PCT:
            assert float(legacy[f"V%_{pct}.0"]) == pytest.approx(ours[f"v{pct}_pct"], abs=0.01)
        assert float(legacy["D98.0"]) < float(legacy["D50.0"]) < float(legacy["D2.0"])


def test_rois_of_one_name_have_a_row_and_a_mask_each_with_numbers_of_their_own(ward: Ward, tmp_path: Path) -> None:
    """Spheres of 15 and 10 mm: 14.1 and 4.2 cm3, some per cent wider or narrower from patient to patient."""
    body, ptv, ctv = tiny_rois("LX-twins")[:3]
    ward.admit("LX-twins", rois=(body, ptv, replace(ctv, name="PTV_50")))
    ward.run("LX-twins", store="twins")
    cohort = ward.settings("twins").store.cohort("ward")
    list_patients(cohort, "LX-twins")
    export(cohort, tmp_path / "export")
    data = tmp_path / "export" / "data" / "LX-twins"
    table = pd.read_csv(data / "dosimetrydata" / "LX-twins_.csv")
    twins = table[table["roi_name"] == "PTV_50"]
    assert len(twins) == 2
    larger, smaller = twins["volume"]
    assert larger / smaller == pytest.approx(1.5**3, rel=0.1)
    assert sorted(path.name for path in data.glob("masks/*/*PTV*")) == [
        "patient_LX-twins_PTV_50__2.nii.gz",
        "patient_LX-twins_PTV_50__3.nii.gz",
    ]


def test_the_notes_of_one_who_passed_are_ready_and_lead_to_the_data(root: Path) -> None:
    notes = read_notes(root, PLAIN)
    assert (notes["status"], notes["patientimagingfilesready"], notes["version"]) == ("SUCCESS", True, "ward 1")
    assert not {"stages", "linkage"} & set(notes)
    values = notes["list_of_values"]
    directories = {key: value for key, value in values.items() if key == "thedir" or key.endswith("_directory")}
    below = {
        "thedir": "",
        "ct_directory": "CT/",
        "rtdoses_directory": "RTDOSE/",
        "rtstruct_directory": "RTSTRUCT/",
        "masks_directory": "masks/",
        "nifti_directory": "CTnifti/",
        "rtdosesnifti_directory": "RTDOSEnifti/",
    }
    assert directories == {key: f"{root}/data/{PLAIN}/{folder}" for key, folder in below.items()}
    assert all(Path(path).is_dir() for path in directories.values())
    assert values["PatId"] == PLAIN


def test_an_odd_patient_id_is_a_safe_name_outside_and_itself_inside(cohort: CohortFolder, root: Path) -> None:
    name = odd_name(cohort)
    assert read_notes(root, name)["list_of_values"]["PatId"] == ODD
    assert set(read_csv(root / "imagesummaries" / f"{name}_SUCCESS.csv")["PatId"]) == {ODD}
    assert (root / "data" / name / "dosimetrydata" / f"{name}_.csv").exists()
    assert {path.name for path in (root / "data").iterdir()} == {PLAIN, name, REVIEW}
    assert sorted(path.name for path in root.parent.iterdir()) == ["export"]


def test_a_patient_to_review_has_data_and_is_not_ready(root: Path) -> None:
    notes = read_notes(root, REVIEW)
    assert (notes["status"], notes["patientimagingfilesready"]) == ("REVIEW", False)
    assert len(list(Path(notes["list_of_values"]["ct_directory"]).iterdir())) == 12


@pytest.mark.parametrize(("patient_id", "code"), [(STUDIES, "I_EXEC_007"), (CTS, "II_EXEC_003")])
def test_several_studies_or_cts_are_excluded_without_data_as_pdcp_had_it(
    root: Path, patient_id: str, code: str
) -> None:
    notes = read_notes(root, patient_id)
    assert notes["status"] == "EXECLUDE"
    assert f" {code}:EXECLUDE" in notes["code"]
    assert notes["code"] in notes["verification_notes"]
    assert "thedir" not in notes["list_of_values"]
    assert (root / "imagesummaries" / f"{patient_id}_SUCCESS.csv").exists()
    assert not (root / "data" / patient_id).exists()


def test_an_excluded_patient_has_notes_and_no_data(root: Path) -> None:
    notes = read_notes(root, EXCLUDED)
    assert notes["status"] == "EXECLUDE"
    assert "XXIV_EXEC_003" in notes["code"]
    assert not (root / "data" / EXCLUDED).exists()


def test_a_summary_that_could_not_be_read_is_an_error_with_columns_alone(root: Path) -> None:
    table = read_csv(root / "imagesummaries" / f"{UNREAD}_ERROR.csv")
    assert (list(table), len(table)) == (list(LEGACY_COLUMNS), 0)
    notes = read_notes(root, UNREAD)
    assert (notes["status"], notes["code"]) == ("EXECLUDE", "I: I_EXEC_002:EXECLUDE:the archive hung up")
    assert notes["version"] == "ward 1"


def test_a_summary_that_found_nothing_is_told_from_one_that_could_not_be_read(root: Path) -> None:
    table = read_csv(root / "imagesummaries" / f"{NOT_FOUND}_IMAGINGDATANOTFOUND.csv")
    assert (list(table), len(table)) == (list(LEGACY_COLUMNS), 0)
    assert "I_EXEC_003" in read_notes(root, NOT_FOUND)["code"]


def test_a_patient_who_failed_later_has_a_summary_and_neither_status_nor_data(root: Path) -> None:
    notes = read_notes(root, FAILED)
    assert (notes["status"], notes["code"], notes["patientimagingfilesready"]) == (None, None, False)
    assert (root / "imagesummaries" / f"{FAILED}_SUCCESS.csv").exists()
    assert not (root / "data" / FAILED).exists()


def test_a_patient_who_was_never_run_is_in_the_list_alone(root: Path) -> None:
    assert [path.name for path in root.rglob("*007*")] == []


def test_the_readme_says_what_was_corrected(root: Path) -> None:
    text = (root / "README.txt").read_text()
    for word in ("upside down", "cm3", "byte for byte", "InstanceNumber", "copies", "true for REVIEW"):
        assert word in text


def test_exporting_again_changes_nothing(own: CohortFolder, tmp_path: Path) -> None:
    export(own, tmp_path / "export")
    first = content(tmp_path / "export")
    assert export(own, tmp_path / "export").troubles == []
    assert content(tmp_path / "export") == first


def test_data_of_a_patient_who_is_no_longer_up_to_date_leaves_the_export(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    export(own, root)
    folder = own.patient(partition_key(PLAIN))
    manifest = folder.path / "manifests" / "retrieved_dicom.json"
    document = json.loads(manifest.read_text())
    document["made_from"]["verified_study"] = "another"
    manifest.write_text(json.dumps(document))
    assert export(own, root).counts == {Status.PENDING: 1, Status.REVIEW: 1}
    assert not (root / "data" / PLAIN).exists()
    notes = read_notes(root, PLAIN)
    assert (notes["status"], notes["patientimagingfilesready"]) == (None, False)
    assert "thedir" not in notes["list_of_values"]


def test_data_of_a_patient_who_failed_since_leaves_the_export(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    export(own, root)
    failure = {"stage": "image_summary", "reason": "the archive hung up"}
    own.patient(partition_key(PLAIN)).write_failure(failure)
    export(own, root, PLAIN)
    assert [path.name for path in (root / "imagesummaries").glob(f"{PLAIN}*")] == [f"{PLAIN}_ERROR.csv"]
    assert not (root / "data" / PLAIN).exists()


@pytest.mark.parametrize("file", ["image_summary.parquet", "dvh_curves.parquet", "notes.json"])
def test_a_damaged_file_is_one_patients_trouble_and_nothing_old_passes_for_current(
    own: CohortFolder, tmp_path: Path, file: str
) -> None:
    root = tmp_path / "export"
    export(own, root)
    damaged = own.patient(partition_key(PLAIN)).path / file
    damaged.write_bytes(b"PAR1" + bytes(damaged.stat().st_size - 4))
    exported = export(own, root)
    ((patient_id, reason),) = exported.troubles
    assert patient_id == PLAIN
    assert reason.endswith(".")
    assert exported.counts == {Status.REVIEW: 1}
    assert not [name for name in content(root) if PLAIN in name]
    assert (root / "data" / REVIEW / "CT" / "11.dcm").exists()


def test_a_file_of_another_size_than_it_was_written_with_is_never_exported(own: CohortFolder, tmp_path: Path) -> None:
    (own.patient(partition_key(PLAIN)).path / "ct.nii.gz").write_bytes(b"short")
    ((_, reason),) = export(own, tmp_path / "export").troubles
    assert reason == "ct.nii.gz is not as ct_volume left it. Run this patient again."


def test_a_patient_who_is_run_while_being_exported_is_not_exported(
    own: CohortFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(folder: PatientFolder, *_: object) -> None:
        folder.write_failure({"stage": "ct_volume", "reason": "the disk is full"})

    monkeypatch.setattr("pdcp_dagster.stages.legacy_export.patient.write_data", meanwhile)
    exported = export(own, tmp_path / "export", REVIEW)
    assert exported.troubles == [(REVIEW, "the patient was run while being exported. Export again.")]
    assert not [name for name in content(tmp_path / "export") if REVIEW in name]


def test_a_patient_taken_off_the_list_leaves_the_export_and_others_files_stay(
    own: CohortFolder, tmp_path: Path
) -> None:
    root = tmp_path / "export"
    export(own, root)
    (root / "data" / "somebody's own").mkdir()
    (root / "patientnotes" / "own.json").write_text("{}")
    list_patients(own, REVIEW)
    export(own, root)
    assert not [name for name in content(root) if PLAIN in name]
    assert (root / "data" / REVIEW).exists()
    assert (root / "data" / "somebody's own").exists()
    assert (root / "patientnotes" / "own.json").exists()


def test_one_patient_can_be_exported_alone(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    assert export(own, root, REVIEW).counts == {Status.REVIEW: 1}
    assert [path.name for path in (root / "data").iterdir()] == [REVIEW]
    assert read_csv(root / "ids" / "ids.csv")["ids"].tolist() == [PLAIN, REVIEW]


def test_parts_that_a_cohort_does_not_ask_for_are_absent(own: CohortFolder, tmp_path: Path) -> None:
    """A cohort without doses: what there is of masks and CT is exported."""
    folder = own.patient(partition_key(REVIEW))
    for asset in ("dose_volume", "plan_table", "dvh_table"):
        folder.remove(asset)
    notes = folder.read_notes()
    assert notes is not None
    for asset in ("dose_volume", "plan_table", "dvh_table"):
        del notes["stages"][asset]
    # The cohort's linkage says which stages there are; an open choice of a person stops the others, too.
    notes["stages"]["ct_volume"].append({"code": "XXIV_REV_001", "detail": ""})
    folder.write_notes(notes)
    export(own, tmp_path / "export")
    data = tmp_path / "export" / "data" / REVIEW
    assert {path.name for path in data.iterdir()} == {"CT", "CTnifti", "RTSTRUCT", "RTDOSE", "masks"}
    values = read_notes(tmp_path / "export", REVIEW)["list_of_values"]
    assert "rtdosesnifti_directory" not in values
    assert values["masks_directory"].endswith("/masks/")


def test_candidates_in_quarantine_have_the_same_trees_counted_from_0(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    folder = own.patient(partition_key(PLAIN)).path
    for number in ("1", "2", "notes"):
        shutil.copytree(folder, own.path / "quarantine" / folder.name / number)
    export(own, root)
    assert {path.name for path in (root / "quarantine").iterdir()} == {f"{PLAIN}_0", f"{PLAIN}_1"}
    candidate = root / "quarantine" / f"{PLAIN}_1"
    assert {path.name for path in candidate.iterdir()} == {PLAIN, f"{PLAIN}.json", f"{PLAIN}_SUCCESS.csv"}
    assert {path.name for path in (candidate / PLAIN).iterdir()} == {
        path.name for path in (root / "data" / PLAIN).iterdir()
    }
    notes = json.loads((candidate / f"{PLAIN}.json").read_text())
    assert notes["list_of_values"]["ct_directory"] == f"{candidate}/{PLAIN}/CT/"
    shutil.rmtree(own.path / "quarantine")
    export(own, root)
    assert list((root / "quarantine").iterdir()) == []


def test_a_folder_with_other_things_in_it_is_refused_untouched(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "papers"
    root.mkdir()
    (root / "thesis.txt").write_text("years of work")
    with pytest.raises(TargetError, match="not empty and no earlier export"):
        export(own, root)
    assert [path.name for path in root.iterdir()] == ["thesis.txt"]


def test_an_export_of_another_cohort_is_refused(own: CohortFolder, tmp_path: Path) -> None:
    export(own, tmp_path / "export")
    with pytest.raises(TargetError, match="holds an export of cohort 'ward'"):
        export_cohort(own, tmp_path / "export", name="other", version="", patients=())


def test_two_exports_into_one_folder_never_run_at_once(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    with open_target(root, "ward"), pytest.raises(TargetError, match="another export"):
        export(own, root)


def test_what_a_killed_export_left_is_swept_away(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    export(own, root)
    whole = content(root)
    shutil.copytree(root / "data" / PLAIN, root / f".new-{PLAIN}" / "data" / PLAIN)
    (root / "data" / PLAIN).rename(root / f".old-data-{PLAIN}")
    export(own, root)
    assert content(root) == whole
    assert not list(root.glob(".new-*"))
    assert not list(root.glob(".old-*"))


def test_a_marker_that_somebody_changed_leads_nowhere_outside(own: CohortFolder, tmp_path: Path) -> None:
    root = tmp_path / "export"
    export(own, root)
    (tmp_path / "precious").mkdir()
    marker = json.loads((root / MARKER).read_text())
    (root / MARKER).write_text(json.dumps({**marker, "patients": ["../../precious", "..", 7]}))
    export(own, root)
    assert (tmp_path / "precious").exists()


def keyed(*patient_ids: str) -> dict[str, str]:
    return {patient_id: partition_key(patient_id) for patient_id in patient_ids}


@pytest.mark.parametrize("plain", ["12", "007", "LX_1-a.b", "A" * 64, "a..b"])
def test_a_plain_patient_id_is_its_own_name(plain: str) -> None:
    assert file_names(keyed(plain)) == {plain: plain}


@pytest.mark.parametrize(
    "odd", ["", ".", "..", ".hidden", "12.", "a/b", "a\\b", "a b", "ü", "con", "NUL.x", "A" * 65, "x--0123456789abcdef"]
)
def test_any_other_patient_id_has_the_stores_name(odd: str) -> None:
    (name,) = file_names(keyed(odd)).values()
    assert name != odd
    assert name.replace("%", "").replace("-", "").replace("_", "").isalnum()


def test_no_two_patients_share_a_name_on_a_disk_that_ignores_case() -> None:
    imitation = file_names(keyed("AB", "ab"))["AB"]
    ids = ["AB", "ab", "aB", imitation, "a.b", "A.b", "12", "12_0", "Con", "con"]
    names = file_names(keyed(*ids))
    assert len({name.lower() for name in names.values()}) == len(ids)
    assert names["12"] == "12"
    assert names["12_0"] == "12_0"
