"""What all objects of a synthetic patient have in common: UIDs, dates, patient, study, series, equipment, file format.

What lives here: the modules Patient, General Study, General/RT Series, General Equipment and SOP Common (PS3.3 C.7 and
C.12). What does not: what makes an object a CT, a structure set, a plan or a dose (`dicom_ct` and so on).

Nothing depends on the clock, the machine or chance: the same specification gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    RTDoseStorage,
    RTPlanStorage,
    RTStructureSetStorage,
)

if TYPE_CHECKING:
    from pdcp_dagster.phantom.spec import PhantomSpec
    from pdcp_dagster.phantom.study_spec import StudySpec

_NAMESPACE = uuid.UUID("6f3c0b0e-52a8-4f0b-9c53-0f6a5d1f7e21")
_SOFTWARE = "1"
_FIRST_STUDY = dt.date(2019, 1, 7)
_STUDY_DAYS = 1000
_WEEKS_BETWEEN_STUDIES = 5
SOP_CLASSES = {
    "CT": CTImageStorage,
    "RTSTRUCT": RTStructureSetStorage,
    "RTPLAN": RTPlanStorage,
    "RTDOSE": RTDoseStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
_RT_OBJECTS = ("RTSTRUCT", "RTPLAN", "RTDOSE")
_SERIES_NUMBERS = {"CT": 1, "RTSTRUCT": 2, "RTPLAN": 3, "RTDOSE": 4, "PT": 5}
_SERIES_NAMES = {
    "CT": "Thorax native",
    "RTSTRUCT": "Structures",
    "RTPLAN": "Plan",
    "RTDOSE": "Plan dose",
    "PT": "Thorax PET",
}
SETTLED_DAYS = {"CT": 0, "RTSTRUCT": 2, "RTPLAN": 6, "RTDOSE": 6, "PT": 0}
"""Days after the study's date on which an object of that kind was made."""
TIME = "101500"


@dataclass(frozen=True, slots=True)
class Chain:
    """One CT with what hangs on it: a chain of a study of a patient, both numbered from 1."""

    spec: PhantomSpec
    study: int
    number: int

    @property
    def label(self) -> str:
        """Short name, unique in the patient."""
        return f"{self.study}-{self.number}"

    def uid(self, *what: object) -> UID:
        """Return the UID of something in this chain, always the same one (PS3.5 B.2: 2.25 and a UUID)."""
        return _uid(self.spec, self.study, self.number, *what)

    @property
    def study_spec(self) -> StudySpec:
        """What the study holds."""
        return self.spec.each_study[self.study - 1]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Which kinds of object reach the archive."""
        own = self.study_spec.modalities
        return self.spec.modalities if own is None else own

    @property
    def study_uid(self) -> UID:
        """StudyInstanceUID of the CT."""
        return _uid(self.spec, self.study, "study")

    @property
    def frame_of_reference_uid(self) -> UID:
        """FrameOfReferenceUID of the CT on which the structures were drawn."""
        return self.uid("frame of reference")

    def ct_uid(self, slice_index: int) -> UID:
        """SOPInstanceUID of a slice of that CT."""
        return self.uid("CT", slice_index)

    def date(self, modality: str) -> dt.date:
        """When an object of this kind was made."""
        spread = int.from_bytes(uuid.uuid5(_NAMESPACE, f"{self.spec.seed}\x1f{self.spec.patient_id}").bytes[:4], "big")
        start = _FIRST_STUDY + dt.timedelta(days=spread % _STUDY_DAYS, weeks=_WEEKS_BETWEEN_STUDIES * (self.study - 1))
        return (self.study_spec.date or start) + dt.timedelta(days=SETTLED_DAYS[modality])


def _uid(spec: PhantomSpec, *what: object) -> UID:
    name = "\x1f".join(str(part) for part in (spec.seed, spec.patient_id, *what))
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, name).int}")


def new_object(chain: Chain, modality: str, sop_instance_uid: UID, series: str = "") -> Dataset:
    """Return a dataset with everything but what makes it an object of its kind.

    series tells apart several series of one modality in a chain.
    """
    spec = chain.spec
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = SOP_CLASSES[modality]
    ds.SOPInstanceUID = sop_instance_uid
    ds.PatientName = spec.patient_name
    ds.PatientID = spec.patient_id
    ds.PatientBirthDate = spec.birth_date
    ds.PatientSex = "F"
    _place_in_study(ds, chain, modality)
    ds.Modality = modality
    ds.SeriesInstanceUID = chain.uid(modality, "series", series)
    ds.SeriesNumber = 10 * chain.number + _SERIES_NUMBERS[modality]
    ds.SeriesDate = da(chain.date(modality))
    ds.SeriesTime = TIME
    ds.SeriesDescription = spec.series_description or _SERIES_NAMES[modality]
    ds.Manufacturer = "pdcp_dagster"
    ds.ManufacturerModelName = "Synthetic"
    ds.SoftwareVersions = _SOFTWARE
    if modality in _RT_OBJECTS:
        ds.OperatorsName = ""
    for keyword in chain.study_spec.absent_tags:
        if keyword in ds:
            delattr(ds, keyword)
    return ds


def _place_in_study(ds: Dataset, chain: Chain, modality: str) -> None:
    """General Study module (PS3.3 C.7.2.1)."""
    study = chain.study_spec
    apart = study.rt_in_another_study and modality in _RT_OBJECTS
    ds.StudyInstanceUID = _uid(chain.spec, chain.study, "study", "planning") if apart else chain.study_uid
    ds.StudyDate = da(chain.date("RTPLAN" if apart else "CT"))
    ds.StudyTime = TIME
    ds.StudyID = f"{chain.study}-RT" if apart else str(chain.study)
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = chain.spec.study_description if study.description is None else study.description


def judge(ds: Dataset, status: str | None, date: dt.date) -> None:
    """Add the Approval module (PS3.3 C.8.8.16), with a reviewer of what was approved or rejected.

    Without a status there is no such module.
    """
    if status is None:
        return
    ds.ApprovalStatus = status
    if status in ("APPROVED", "REJECTED"):
        ds.ReviewDate = da(date)
        ds.ReviewTime = TIME
        ds.ReviewerName = "Reviewer^Rhea"


def reference(sop_class_uid: UID, sop_instance_uid: UID) -> Dataset:
    """Return an item that refers to one instance (SOP Instance Reference Macro, PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def da(date: dt.date) -> str:
    """Return a date as VR DA."""
    return f"{date:%Y%m%d}"


def ds_number(value: float) -> str:
    """Return a number as VR DS, at most 16 characters (PS3.5 6.2)."""
    text = repr(round(float(value), 10)).removesuffix(".0")
    return text if len(text) <= 16 else f"{value:.10g}"  # noqa: PLR2004 - the standard's limit


def file_bytes(ds: Dataset) -> bytes:
    """Return the object as a DICOM file (PS3.10), Explicit VR Little Endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(f"2.25.{_NAMESPACE.int}")
    meta.ImplementationVersionName = "PDCP_DAGSTER"
    ds.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
