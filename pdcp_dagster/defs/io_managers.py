"""IO managers: a thin Dagster face on the store's adapters.

The fused step writes its files itself; these load them for a user's own assets, and store what those return. A user's
asset with the patients' partitions lies beside the patient's files, one without beside the cohort's.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import SimpleITK as sitk
from pydantic import Field

from pdcp_dagster.adapters.nifti import read_image, write_image
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import COHORT_FILES, PATIENT_FILES, CohortFolder, PatientFolder, Store
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import safe_name
from pdcp_dagster.stages.current import (
    NotInLinkage,
    PatientNotLoadableError,
    PatientPending,
    Standing,
    require_listed,
    require_loadable,
    standing_of,
)
from pdcp_dagster.stages.loading import StructureMasks


class StoreIOManager(dg.ConfigurableIOManager):
    """Where an asset lies, and who may load it; subclasses know one file format each.

    root: the store's folder. Keys of partitions and assets are untrusted text and never become a path unescaped.
    Loading an excluded, failed or pending patient raises what says why (`stages.current`). Where an unpartitioned asset
    takes a partitioned one, it gets a dict by partition key of those patients whose status lets them count. What the
    cohort's linkage does not have (a dose with CR) is refused, never an empty dict.
    """

    root: str
    include_review: list[str] = Field(default=[])
    """Cohorts whose patients under review count, too."""

    @property
    @abstractmethod
    def suffix(self) -> str:
        """The ending of the files, with its dot."""

    @abstractmethod
    def write(self, path: Path, value: Any) -> None:
        """Write one value, whole or not at all."""

    @abstractmethod
    def read(self, path: Path) -> Any:
        """Read one value."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store what an asset returned; for a range of partitions, a dict by partition key.

        Where it returned None, or no value for a partition of the range (an excluded patient's), nothing is kept, and
        what an earlier run stored is removed.
        """
        if not context.has_asset_partitions:
            self._store(context, self._path(context.asset_key, None), obj)
            return
        if self._place(context.asset_key)[1] in PATIENT_FILES:
            raise dg.DagsterInvariantViolationError(f"{context.asset_key} is a name that the fused step's assets have")
        keys = list(context.asset_partition_keys)
        values = {keys[0]: obj} if context.has_partition_key else obj
        if not isinstance(values, Mapping) or not set(values) <= set(keys):
            raise dg.DagsterInvariantViolationError("a run over a range must return a dict by the range's partitions")
        for key in keys:
            self._store(context, self._path(context.asset_key, key), values.get(key))

    def load_input(self, context: dg.InputContext) -> Any:
        """Load what an asset takes: one value, or a dict by partition key."""
        if not context.has_asset_partitions:
            return self.read(self._path(context.asset_key, None))
        keys = list(context.asset_partition_keys)
        if len(keys) == 1 and context.has_partition_key:
            return self._load_patient(context.asset_key, keys[0], alone=True)
        loaded: dict[str, Any] = {}
        refused: list[PatientNotLoadableError] = []
        for key in keys:
            try:
                loaded[key] = self._load_patient(context.asset_key, key, alone=False)
            except PatientNotLoadableError as refusal:
                refused.append(refusal)
                context.log.info("left out: %s: %s", key, refusal.reason)
        of_linkage = next((each for each in refused if isinstance(each, NotInLinkage)), None)
        if of_linkage is not None and not loaded:
            raise of_linkage
        return loaded

    def _load_patient(self, asset_key: dg.AssetKey, partition: str, *, alone: bool) -> Any:
        """Load one patient's value; one under review where it is asked for alone, or where the cohort says so."""
        cohort, name = self._place(asset_key)
        with_review = alone or cohort.path.name in self.include_review
        path = self._path(asset_key, partition)
        require_listed(cohort, partition)
        if name in PATIENT_FILES:
            require_loadable(cohort.patient(partition), name, include_review=with_review)
        elif not path.exists():
            raise PatientPending(None, f"{name} of this patient is not in the store: materialise {name} first")
        elif not alone:
            standing = standing_of(cohort.patient(partition))
            counting = {Status.SUCCESS, Status.REVIEW} if with_review else {Status.SUCCESS}
            if standing.status not in counting and not _is_unknown(standing):
                raise PatientNotLoadableError(standing.code, standing.reason)
        return self.read(path)

    def _store(self, context: dg.OutputContext, path: Path, value: Any) -> None:
        if value is None:
            path.unlink(missing_ok=True)
            return
        self.write(path, value)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def _path(self, asset_key: dg.AssetKey, partition: str | None) -> Path:
        """Return where a value lies; a user's asset must not take the name of a file that the fused step makes."""
        cohort, name = self._place(asset_key)
        file = f"{name}{self.suffix}"
        if partition is None:
            return cohort.file(name) if name in COHORT_FILES else cohort.path / file
        if name in PATIENT_FILES:
            return cohort.patient(partition).file(name)
        if file in _TAKEN:
            raise dg.DagsterInvariantViolationError(f"{file} is a file of the patient's own: name the asset otherwise")
        return cohort.patient(partition).path / file

    def _place(self, asset_key: dg.AssetKey) -> tuple[CohortFolder, str]:
        """Return the folder of the key's first part and the rest as a safe name; a key of one part is in `_assets`."""
        parts = [safe_name(part) for part in asset_key.path]
        cohort, *name = parts if len(parts) > 1 else [_NO_COHORT, *parts]
        return Store(Path(self.root)).cohort(cohort), ".".join(name)


def _is_unknown(standing: Standing) -> bool:
    """Whether the chain never ran for a partition, which then may be a user's own and no patient at all."""
    return standing.status is Status.PENDING and not standing.findings


_NO_COHORT = "_assets"
_TAKEN = frozenset(file for files in PATIENT_FILES.values() for file in files)


class ParquetIOManager(StoreIOManager):
    """Tables: pandas DataFrames as Parquet."""

    @property
    def suffix(self) -> str:
        """The ending of the files."""
        return ".parquet"

    def write(self, path: Path, value: pd.DataFrame) -> None:
        """Write a table."""
        write_table(value, path)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table."""
        return read_table(path)


class NiftiIOManager(StoreIOManager):
    """Images: SimpleITK images as NIfTI."""

    @property
    def suffix(self) -> str:
        """The ending of the files."""
        return ".nii.gz"

    def write(self, path: Path, value: sitk.Image) -> None:
        """Write an image."""
        write_image(value, path)

    def read(self, path: Path) -> sitk.Image:
        """Read an image."""
        return read_image(path)


class _ReadOnlyIOManager(StoreIOManager):
    """What only the fused step writes."""

    @property
    def suffix(self) -> str:
        """No ending: a user's asset cannot be stored this way."""
        return ""

    def write(self, path: Path, value: Any) -> None:
        """Refuse; tables and images have managers of their own."""
        raise dg.DagsterInvariantViolationError(
            f"{path.name} ({type(value).__name__}) cannot be stored by {type(self).__name__}: use 'parquet' or 'nifti'"
        )


class MasksIOManager(_ReadOnlyIOManager):
    """Masks: a lazy mapping from ROI name to SimpleITK image."""

    def read(self, path: Path) -> Mapping[str, sitk.Image]:
        """Return the mapping over the patient's structures.parquet; a mask is read when it is asked for."""
        return StructureMasks(path)


class FolderIOManager(_ReadOnlyIOManager):
    """Retrieved DICOM: the folder that holds it."""

    def read(self, path: Path) -> Path:
        """Return the folder."""
        return path


class NotesIOManager(_ReadOnlyIOManager):
    """Notes: the dictionary in notes.json."""

    def read(self, path: Path) -> dict[str, Any]:
        """Return the notes; a file that is not there is no notes yet."""
        return PatientFolder(path.parent).read_notes() or {}


def io_managers(root: str, include_review: Iterable[str] = ()) -> dict[str, StoreIOManager]:
    """Return the store's IO managers by the key that the specs use; `include_review` names cohorts."""
    names = sorted(include_review)
    return {
        "parquet": ParquetIOManager(root=root, include_review=names),
        "nifti": NiftiIOManager(root=root, include_review=names),
        "masks": MasksIOManager(root=root, include_review=names),
        "folder": FolderIOManager(root=root, include_review=names),
        "notes": NotesIOManager(root=root, include_review=names),
    }
