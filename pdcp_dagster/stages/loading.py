"""Loading what was prepared, for people's own scripts.

What lives here: `load_patient_images`, the original's dictionary, `load_dose_on_ct`, and the lazy mapping of masks.
What does not: who may load what (`current`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from pdcp_dagster.adapters.nifti import grid_of, read_image, read_volume
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import DOSE_ON_CT, PatientFolder, Store
from pdcp_dagster.domain.dose_grid import even_dose_grid
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.stages.current import NO_LONGER_LISTED, PatientPending, linkage_of, require_loadable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pdcp_dagster.adapters.store import CohortFolder


class StructureMasks(Mapping[str, sitk.Image]):
    """Masks by ROI name, read when asked for; ROIs that share a name are `<name>__<ROINumber>`.

    With several structure sets every name starts with its set, `set1_` for the first, as pictures' names do.
    """

    def __init__(self, structures: Path) -> None:
        table = read_table(structures)
        sets = list(table["rtstruct_uid"].unique())
        filled = table[table["file"].notna()]
        prefixes = [f"set{sets.index(uid) + 1}_" if len(sets) > 1 else "" for uid in filled["rtstruct_uid"]]
        named = [prefix + str(name) for prefix, name in zip(prefixes, filled["roi_name"], strict=True)]
        names = _unique_names(list(zip(named, filled["roi_number"], strict=True)))
        files = [structures.parent / str(file) for file in filled["file"]]
        self._files = dict(zip(names, files, strict=True))

    def __getitem__(self, name: str) -> sitk.Image:
        return read_image(self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _unique_names(rois: list[tuple[str, int]]) -> list[str]:
    """Return a name per ROI: its own where no other has it, else `<name>__<ROINumber>` until nobody else has that."""
    counts = Counter(name for name, _ in rois)
    taken = {name for name, count in counts.items() if count == 1}
    unique: list[str] = []
    for name, number in rois:
        chosen = name
        if counts[name] > 1:
            chosen = f"{name}__{number}"
            while chosen in taken:
                chosen = f"{chosen}__{number}"
            taken.add(chosen)
        unique.append(chosen)
    return unique


def load_patient_images(
    store: str | Path, cohort: str, patient_id: str, *, include_review: bool = False
) -> dict[str, Any]:
    """Load one patient as the original's dictionary.

    Returns
    -------
    ct_image: `(k, j, i)` HU. dose_data: `(k, j, i)` Gy on the CT grid, NaN where the dose grid does not reach (unknown,
    not 0); no such key with a linkage without doses (CR). roi_names: list. roi_masks: `mask0`, `mask1`, ... `(k, j, i)`
    uint8 in the order of roi_names. PixelSpacing: (x, y, z) mm. StudyDate, StructureSetDate: datetime.date or None.
    version: the cohort's.

    Raises
    ------
    PatientExcluded, PatientInReview, PatientFailed, PatientPending
        Where the patient has no result that may be used, with the reason in words.

    """
    folder = _patient_folder(Store.at(str(store)).cohort(cohort), patient_id)
    made = [asset for asset in _LOADED if asset in stages_of(linkage_of(folder))]
    for asset in made:
        _require(folder, asset, include_review=include_review)
    ct = read_image(folder.file("ct_volume"))
    structures = folder.file("structure_masks")
    masks = StructureMasks(structures)
    notes = folder.read_notes() or {}
    facts = _details(folder, "verified_study").get("facts", {})
    dose = {"dose_data": _dose_on_ct(folder, ct)} if "dose_volume" in made else {}
    return {
        "ct_image": sitk.GetArrayFromImage(ct),
        **dose,
        "roi_names": list(masks),
        "roi_masks": {f"mask{index}": sitk.GetArrayFromImage(masks[name]) for index, name in enumerate(masks)},
        "PixelSpacing": ct.GetSpacing(),
        "StudyDate": _date(facts.get("study_date")),
        "StructureSetDate": _date(facts.get("structure_set_date")),
        "version": notes.get("version"),
    }


def load_dose_on_ct(store: str | Path, cohort: str, patient_id: str, *, include_review: bool = False) -> sitk.Image:
    """Load one patient's dose on the CT's grid, float32 Gy, NaN where the dose grid does not reach (unknown, not 0).

    Trilinear, from `dose_on_ct.nii.gz` where that was made. Raises what `load_patient_images` raises, and NotInLinkage
    where the cohort links no doses (CR).
    """
    folder = _patient_folder(Store.at(str(store)).cohort(cohort), patient_id)
    for asset in ("ct_volume", "dose_volume"):
        _require(folder, asset, include_review=include_review)
    ct = read_image(folder.file("ct_volume"))
    image = sitk.GetImageFromArray(_dose_on_ct(folder, ct))
    image.CopyInformation(ct)
    return image


_LOADED = ("ct_volume", "structure_masks", "dose_volume")


def _require(folder: PatientFolder, asset: str, *, include_review: bool) -> None:
    """Raise what says why an asset may not be used; a dose with uneven planes may be there on the CT's grid only."""
    on_ct = folder.path / DOSE_ON_CT
    other = on_ct if asset == "dose_volume" and on_ct.exists() else None
    require_loadable(folder, asset, include_review=include_review, file=other)


def _patient_folder(cohort: CohortFolder, patient_id: str) -> PatientFolder:
    """Return the folder of a PatientID, by the cohort's own list where keys are not made from PatientIDs."""
    listed = cohort.file("patient_ids")
    if listed.exists():
        table = read_table(listed)
        found = table.loc[table["patient_id"] == patient_id, "partition_key"]
        if not len(found):
            raise PatientPending(None, NO_LONGER_LISTED)
        return cohort.patient(str(found.iloc[0]))
    folder = cohort.patient(partition_key(patient_id))
    if not folder.path.exists():
        raise PatientPending(None, f"no patient {patient_id!r} in {cohort.path}")
    return folder


def _details(folder: PatientFolder, asset: str) -> Mapping[str, Any]:
    manifest = folder.manifest(asset)
    return manifest.details if manifest is not None else {}


def _date(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _dose_on_ct(folder: PatientFolder, ct: sitk.Image) -> NDArray[np.float32]:
    """Return the dose on the CT's grid, `(k, j, i)` Gy, NaN outside its own, as written or sampled alike."""
    written, native = folder.path / DOSE_ON_CT, folder.file("dose_volume")
    if written.exists():
        dose = read_volume(written)
        if dose.grid == grid_of(ct):
            return dose.values.astype("float32", copy=False)
        if not native.exists():
            raise PatientPending(None, "the CT has another grid since the dose was made: materialise dose_volume first")
    return dose_on_grid(even_dose_grid(read_volume(native)), grid_of(ct))
