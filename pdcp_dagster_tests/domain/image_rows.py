"""Image summaries as tables to read: one patient's objects, as Orthanc would tell of them, and what a verdict says.

What lives here: building rows and reading verdicts, for tests of verification. What does not: laws.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Effect, Status, status_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import Verification, verify

COHORT: dict[str, Any] = {"name": "test", "ct_instances": {"minimum": 3, "review_above": 6, "maximum": 8}}
PIXELS = {"Rows": "11", "Columns": "11", "PixelSpacing": "10\\10"}
"""A CT from 0 to 100 mm across, its borders 5 mm beyond."""


class Archive:
    """One patient's objects, as Orthanc would tell of them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def _add(self, modality: str, uid: str, study: str, series: str, **tags: Any) -> Archive:
        described = {"StudyDescription": tags.pop("study_description", None), "StudyDate": tags.get("StudyDate")}
        self.rows.append(
            {
                "PatientID": "0012",
                "Modality": modality,
                "SOPInstanceUID": uid,
                "StudyInstanceUID": study,
                "SeriesInstanceUID": series,
                "StudyDate": "20200131",
                "instance_identifier": f"i-{series}-{uid}",
                "series_identifier": f"s-{study}-{series}",
                "study_identifier": f"t-{study}",
                "file_size": 100,
                "study_tags": described,
                "series_tags": {"SeriesDescription": tags.pop("series_description", None)},
                **tags,
            }
        )
        return self

    def ct(self, series: str = "ct", *, study: str = "1", slices: int = 4, **tags: Any) -> Archive:
        for n in range(slices):
            position = {"ImagePositionPatient": f"0\\0\\{3 * n}", "ImageOrientationPatient": "1\\0\\0\\0\\1\\0"}
            more = {"FrameOfReferenceUID": f"frame-{series}", **PIXELS, **tags}
            self._add("CT", f"{series}.{n}", study, series, **position, **more)
        return self

    def rtstruct(
        self,
        uid: str = "ss",
        on: Iterable[str] = ("ct",),
        *,
        study: str = "1",
        rois: Iterable[str] = ("PTV",),
        images: dict[str, Iterable[str]] | None = None,
        frame: str | None = None,
        **tags: Any,
    ) -> Archive:
        named_images = {
            each: [{"ReferencedSOPInstanceUID": image} for image in of_series]
            for each, of_series in (images or {}).items()
        }
        series = [{"SeriesInstanceUID": each, "ContourImageSequence": named_images.get(each, [])} for each in on]
        frames: list[dict[str, Any]] = [
            {"RTReferencedStudySequence": [{"RTReferencedSeriesSequence": [each]}]} for each in series
        ]
        if frame is not None:
            frames = [{**each, "FrameOfReferenceUID": frame} for each in frames or [{}]]
        named = [{"ROINumber": str(n), "ROIName": name} for n, name in enumerate(rois)]
        references = {"ReferencedFrameOfReferenceSequence": frames, "StructureSetROISequence": named}
        return self._add("RTSTRUCT", uid, study, f"series-{uid}", **references, **tags)

    def plan(
        self,
        uid: str = "plan",
        uses: Iterable[str] = ("ss",),
        *,
        study: str = "1",
        prescribed_gy: float | None = None,
        **tags: Any,
    ) -> Archive:
        references = [{"ReferencedSOPInstanceUID": each} for each in uses]
        if prescribed_gy is not None:
            target = {"DoseReferenceType": "TARGET", "TargetPrescriptionDose": str(prescribed_gy)}
            tags["DoseReferenceSequence"] = [target]
        return self._add("RTPLAN", uid, study, f"series-{uid}", ReferencedStructureSetSequence=references, **tags)

    def dose(self, uid: str = "dose", of: Iterable[str] = ("plan",), *, study: str = "1", **tags: Any) -> Archive:
        references = [{"ReferencedSOPInstanceUID": each} for each in of]
        return self._add("RTDOSE", uid, study, f"series-{uid}", ReferencedRTPlanSequence=references, **tags)

    def stray_dose(
        self,
        uid: str = "dose",
        *,
        frame: str | None = "frame-ct",
        structure_sets: Iterable[str] = (),
        at_mm: tuple[float, float, float] = (20.0, 20.0, 0.0),
        study: str = "1",
        **tags: Any,
    ) -> Archive:
        """Add a dose that names no plan: 5 x 5 x 3 voxels of 10 x 10 x 3 mm, inside the CT at its default place."""
        grid = {
            "ImagePositionPatient": "\\".join(str(each) for each in at_mm),
            "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
            "PixelSpacing": "10\\10",
            "Rows": "5",
            "Columns": "5",
            "NumberOfFrames": "3",
            "GridFrameOffsetVector": "0\\3\\6",
            "FrameOfReferenceUID": frame,
        }
        named = [{"ReferencedSOPInstanceUID": each} for each in structure_sets]
        if named:
            grid["ReferencedStructureSetSequence"] = named  # type: ignore[assignment]
        return self._add("RTDOSE", uid, study, f"series-{uid}", **{**grid, **tags})

    def pt(self, series: str = "pt", *, study: str = "1", **tags: Any) -> Archive:
        return self._add("PT", f"{series}.0", study, series, **tags)

    def complete(self, mark: str = "", **tags: Any) -> Archive:
        """Add a full chain whose UIDs end in `mark`."""
        self.ct(f"ct{mark}", **tags).rtstruct(f"ss{mark}", [f"ct{mark}"], **tags)
        return self.plan(f"plan{mark}", [f"ss{mark}"], **tags).dose(f"dose{mark}", [f"plan{mark}"], **tags)

    def verified(self, around: Circumstances | None = None, **cohort: Any) -> Verification:
        settings = Cohort.model_validate({**COHORT, **cohort})
        return verify(summarise(self.rows), settings, around or Circumstances())


def codes(verification: Verification, *, notes: bool = False) -> list[str]:
    return [finding.code for finding in verification.findings if notes or finding.effect is not Effect.NOTE]


def status(verification: Verification) -> Status:
    return status_of(verification.findings)


def detail(verification: Verification, code: str) -> str:
    """Return what the finding of a code says; the code must be there once."""
    (found,) = [finding.detail for finding in verification.findings if finding.code == code]
    return found


def links(verification: Verification) -> dict[str, str]:
    """Return by what each selected object is linked."""
    chosen = verification.verified[verification.verified["verdict"] == "selected"]
    named = chosen[chosen["sop_instance_uid"].notna()]
    return dict(zip(named["sop_instance_uid"], named["linked_by"], strict=True))


def reasons(verification: Verification) -> dict[str, str]:
    """Return why each object was refused; a CT by its series."""
    refused = verification.verified[verification.verified["verdict"] == "refused"]
    uids = refused["sop_instance_uid"].fillna(refused["series_uid"])
    return dict(zip(uids, refused["reason"], strict=True))
