"""IO managers: a thin Dagster face on the store's adapters.

The fused step writes its files itself; these load them for a user's own assets, and store what those return. A user's
asset with the patients' partitions lies beside the patient's files, one without beside the cohort's.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import SimpleITK as sitk

from pdcp_dagster.adapters.nifti import read_image, write_image
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import COHORT_FILES, PATIENT_FILES, CohortFolder, PatientFolder, Store
from pdcp_dagster.domain.keys import safe_name
from pdcp_dagster.stages.current import PatientNotLoadableError, require_loadable
from pdcp_dagster.stages.loading import StructureMasks


class StoreIOManager(dg.ConfigurableIOManager):
    """Where an asset lies, and who may load it; subclasses know one file format each.

    root: the store's folder. Keys of partitions and assets are untrusted text and never become a path unescaped.
    Loading an excluded, failed or pending patient raises what says why (`stages.current`). Where an unpartitioned asset
    takes a partitioned one, it gets a dict by partition key of those patients whose status lets them count.
    """

    root: str

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
        """Store what an asset returned; for several partitions at once it must be a dict by partition key."""
        if obj is None:
            return
        if not context.has_asset_partitions:
            self._store(context, self._path(context.asset_key, None), obj)
            return
        keys = list(context.asset_partition_keys)
        values = {keys[0]: obj} if len(keys) == 1 else dict(obj)
        if set(values) != set(keys):
            raise dg.DagsterInvariantViolationError("a run over several partitions must return a dict by partition key")
        for key in keys:
            self._store(context, self._path(context.asset_key, key), values[key])

    def load_input(self, context: dg.InputContext) -> Any:
        """Load what an asset takes: one value, or a dict by partition key."""
        if not context.has_asset_partitions:
            return self.read(self._path(context.asset_key, None))
        keys = list(context.asset_partition_keys)
        if len(keys) == 1 and context.has_partition_key:
            return self._load_patient(context.asset_key, keys[0], include_review=True)
        loaded = {}
        for key in keys:
            try:
                loaded[key] = self._load_patient(context.asset_key, key, include_review=False)
            except PatientNotLoadableError as refusal:
                context.log.info("left out: %s: %s", key, refusal.reason)
        return loaded

    def _load_patient(self, asset_key: dg.AssetKey, partition: str, *, include_review: bool) -> Any:
        name = asset_key.path[-1]
        if name in PATIENT_FILES:
            require_loadable(self._cohort(asset_key).patient(partition), name, include_review=include_review)
        return self.read(self._path(asset_key, partition))

    def _store(self, context: dg.OutputContext, path: Path, value: Any) -> None:
        self.write(path, value)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def _path(self, asset_key: dg.AssetKey, partition: str | None) -> Path:
        name, cohort = asset_key.path[-1], self._cohort(asset_key)
        if partition is None:
            return cohort.file(name) if name in COHORT_FILES else cohort.path / f"{safe_name(name)}{self.suffix}"
        patient = cohort.patient(partition)
        return patient.file(name) if name in PATIENT_FILES else patient.path / f"{safe_name(name)}{self.suffix}"

    def _cohort(self, asset_key: dg.AssetKey) -> CohortFolder:
        """Return the folder of the key's prefix; an asset without one lies in `assets`."""
        prefix = asset_key.path[:-1] or ["assets"]
        return Store(Path(self.root)).cohort("/".join(safe_name(part) for part in prefix))


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


def io_managers(root: str) -> dict[str, StoreIOManager]:
    """Return the store's IO managers by the key that the specs use."""
    return {
        "parquet": ParquetIOManager(root=root),
        "nifti": NiftiIOManager(root=root),
        "masks": MasksIOManager(root=root),
        "folder": FolderIOManager(root=root),
        "notes": NotesIOManager(root=root),
    }
