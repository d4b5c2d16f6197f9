"""A cohort: who belongs to it and how its patients are prepared, checked when it is read.

What lives here: every key of a cohort file with its default, and what is refused. What does not: YAML and files
(`adapters.cohort_file`), or what a key does (the module that uses it).

A value that the format knows and this version cannot honour is refused, never accepted and ignored.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pdcp_dagster.domain.eligibility import Eligibility, Section, Word, Words
from pdcp_dagster.domain.keys import is_device_name, safe_name
from pdcp_dagster.domain.linkage import RECIPES
from pdcp_dagster.domain.named_metric import parse_metric
from pdcp_dagster.domain.prescription import FROM_PLAN
from pdcp_dagster.domain.quality_settings import Checks
from pdcp_dagster.domain.study_selection_rules import SelectionRule, SelectionRules

_HASH_DIGITS = 16

Modality = Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]
Gray = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AlphaBeta = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
ExponentA = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class StudyDescription(Section):
    """Studies whose description contains one of the words are set aside; an absent description is fine.

    match: `word` (case aside, whole words), or `substring` (PDCP's way: "head" is in "ahead").
    """

    exclude: Words = ()
    match: Literal["word", "substring"] = "word"


class Phantom(Section):
    """Series whose description contains one of the words are no patient.

    scope: `series` sets aside the series and what hangs on it, `study` (PDCP's way) the whole study.
    """

    words: Words = ("phantom", "QA", "ArcCHECK", "Delta4", "Octavius", "Catphan")
    scope: Literal["series", "study"] = "series"


class CtInstances(Section):
    """How many slices a planning CT may have; distinct positions count, localisers do not.

    action: what happens to a CT below the minimum or above the maximum: `exclude` drops it, `review` keeps it.
    """

    minimum: Annotated[int, Field(ge=1)] = 50
    review_above: int = 380
    maximum: int = 500
    action: Literal["exclude", "review"] = "exclude"

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if not self.minimum <= self.review_above <= self.maximum:
            raise ValueError(
                f"review_above {self.review_above} must lie between minimum {self.minimum} and maximum {self.maximum}"
            )
        return self


class DoseMaximum(Section):
    """Bounds of a plausible dose maximum, Gy; null is no bound."""

    minimum: Gray | None = None
    maximum: Gray | None = None
    action: Literal["exclude", "review"] = "review"

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class Dvh(Section):
    """How dose-volume histograms are computed.

    outside_grid: fraction of a ROI that may lie outside the dose grid before its statistics are withheld.
    metrics: further columns ("D0.1cc[Gy]", "V17Gy[%]"; `named_metric`), kept as they are written.
    geud_a: values of a for the generalised equivalent uniform dose, one column each.
    alpha_beta_gy: alpha/beta by ROI name, `default` for all others, for doses in 2 Gy fractions (EQD2); none: no EQD2.
    """

    dose_interpolation: Literal["linear", "cubic"] = "linear"
    end_caps: Literal["half_slice", "none"] = "half_slice"
    outside_grid: Annotated[float, Field(ge=0, le=1)] = 0.02
    metrics: Words = ()
    geud_a: Annotated[tuple[ExponentA, ...], Field(strict=False)] = ()
    alpha_beta_gy: dict[str, AlphaBeta] = Field(default_factory=dict)

    @field_validator("metrics")
    @classmethod
    def _understood(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_metric(text)
        return value

    @field_validator("geud_a")
    @classmethod
    def _each_once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a value of a is given twice")
        return value

    @field_validator("alpha_beta_gy")
    @classmethod
    def _told_apart(cls, value: dict[str, float]) -> dict[str, float]:
        if len({name.casefold() for name in value}) < len(value):
            raise ValueError("two ROI names differ in case only")
        return value


def _prescription(value: object) -> object:
    """Say in one sentence what a union of types would say in four."""
    if isinstance(value, str) and (value == FROM_PLAN or value.casefold().endswith(".csv")):
        return value
    doses = value.values() if isinstance(value, dict) else (value,)
    names_fit = not isinstance(value, dict) or all(isinstance(name, str) and name for name in value)
    if value is None or (names_fit and all(map(_is_dose, doses))):
        return value
    raise ValueError("expected from_plan, a number of Gy above 0, ROI names with their Gy, a .csv file, or null")


def _is_dose(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


Prescription = Annotated[str | float | dict[str, float] | None, BeforeValidator(_prescription)]


class Cohort(Section):
    """One cohort; only `name` must be given.

    name: prefix of the asset keys and folder of the store.
    version: free text, kept in the notes.
    linkage: which roles must be linked (`linkage.RECIPES`).
    fallback_links: `accept` where links by structure set or frame of reference need no person.
    study_selection: ordered rules for a patient with several eligible studies (`study_selection`).
    roi_keywords: a structure set counts if one ROI name contains one, case aside; none means that every one counts.
    roi_keywords_exclude: ROI names that contain one of these do not count.
    patients: `all`, or the path of a CSV with a column of PatientIDs.
    ct_geometry: `resample` interpolates uneven or sheared slices to an even stack; `refuse` excludes them.
    dose_sum: `plans` sums the doses of several plans on one CT and structure set; `single_plan` leaves the choice open.
    dose_type: the DoseType that counts; EFFECTIVE doses are weighted for their biological effect, and never added to
        others.
    dose_on_ct_grid: whether `dose_on_ct.nii.gz` is written, too.
    prescription_gy: `from_plan`, Gy, Gy by ROI name, the path of a CSV by patient and ROI, or none.
    label_map: whether all masks are written as one label map, too.
    dvh_columns: `legacy` adds the original's column names to the DVH table.
    structure_names: the path of a map from ROI names to AAPM TG-263; none means that no standard names are given.
    checks: how grave each quality check is, and the limits that are the checks' own.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
    version: str = ""
    linkage: Literal["CRDP", "CRD", "CR"] = "CRDP"
    fallback_links: Literal["review", "accept"] = "review"
    summarised_modalities: Annotated[tuple[Modality, ...], Field(strict=False)] = (
        "CT",
        "RTSTRUCT",
        "RTPLAN",
        "RTDOSE",
        "PT",
    )
    roi_keywords: Words = ("ctv", "gtv", "itv", "ptv", "heart", "lung", "tumour")
    roi_keywords_exclude: Words = ()
    study_description: StudyDescription = StudyDescription()
    phantom: Phantom = Phantom()
    ct_instances: CtInstances = CtInstances()
    dose_max_gy: DoseMaximum = DoseMaximum()
    eligibility: Eligibility = Eligibility()
    study_selection: SelectionRules = (SelectionRule(name="review"),)
    ct_geometry: Literal["refuse", "resample"] = "refuse"
    dose_sum: Literal["single_plan", "plans"] = "single_plan"
    dose_type: Literal["PHYSICAL", "EFFECTIVE"] = "PHYSICAL"
    dose_on_ct_grid: bool = False
    prescription_gy: Prescription = FROM_PLAN
    label_map: bool = False
    dvh: Dvh = Dvh()
    dvh_columns: Literal["standard", "legacy"] = "standard"
    structure_names: Word | None = None
    checks: Checks = Checks()
    include_review: bool = False
    partition_key: Literal["patient_id", "orthanc_id"] = "patient_id"
    patients: Word = "all"

    @property
    def required_modalities(self) -> tuple[str, ...]:
        """The modalities without which a study cannot be linked."""
        return RECIPES[self.linkage].roles

    @property
    def hides_patient_ids(self) -> bool:
        """Whether PatientIDs stay out of keys, logs, metadata, pages and terminals."""
        return self.partition_key == "orthanc_id"

    def config_hash(self, *sections: str) -> str:
        """Return a short stable hash of these keys (of all, where none is named) for comparing results.

        A key of a section is named with a point: `checks.target_d95_pct`. Raises ValueError for a key that does not
        exist.
        """
        included: dict[str, Any] = {}
        for name, _, part in (section.partition(".") for section in sections):
            if not self._has(name, part):
                raise ValueError(f"a cohort has no {name}{f'.{part}' if part else ''}")
            parts = included.get(name, {})
            included[name] = {**parts, part: True} if part and parts is not True else True
        content = self.model_dump(mode="json", include=included or None)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_DIGITS]

    def _has(self, name: str, part: str) -> bool:
        field = type(self).model_fields.get(name)
        if field is None or not part:
            return field is not None
        section = field.annotation
        return isinstance(section, type) and issubclass(section, Section) and part in section.model_fields

    @field_validator("name")
    @classmethod
    def _a_folder_anywhere(cls, value: str) -> str:
        if is_device_name(value) or safe_name(value) != value:
            raise ValueError(f"{value} cannot be a folder on every disk; choose another name")
        return value

    @model_validator(mode="before")
    @classmethod
    def _without_plans(cls, given: object) -> object:
        """Prescriptions come from the plan where the file does not say, if the linkage has one."""
        if isinstance(given, dict) and "prescription_gy" not in given:
            recipe = RECIPES.get(str(given.get("linkage", "CRDP")))
            if recipe is not None and "RTPLAN" not in recipe.roles:
                return {**given, "prescription_gy": None}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unseen = [modality for modality in self.required_modalities if modality not in self.summarised_modalities]
        if unseen:
            raise ValueError(f"linkage {self.linkage} needs {', '.join(unseen)} in summarised_modalities")
        unseen = [each for each in self.eligibility.study_must_contain if each not in self.summarised_modalities]
        if unseen:
            raise ValueError(f"study_must_contain needs {', '.join(unseen)} in summarised_modalities")
        if self.dose_sum == "plans" and "RTPLAN" not in self.required_modalities:
            raise ValueError(f"dose_sum: plans: linkage {self.linkage} has no plans to sum over")
        if self.dose_type == "EFFECTIVE" and self.dvh.alpha_beta_gy:
            raise ValueError("dvh.alpha_beta_gy weighs physical doses, and dose_type EFFECTIVE is weighted already")
        if self.prescription_gy == FROM_PLAN and "RTPLAN" not in self.required_modalities:
            raise ValueError(f"prescription_gy: linkage {self.linkage} has no plan to take it from")
        both = {word.casefold() for word in self.roi_keywords} & {word.casefold() for word in self.roi_keywords_exclude}
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is both in roi_keywords and in roi_keywords_exclude")
        return self
