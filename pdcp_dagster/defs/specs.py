"""What each per-patient asset is called, made of and made from: the lineage that the UI shows."""

from dataclasses import dataclass, replace

import dagster as dg

from pdcp_dagster.domain.notes import stages_of

OWNER = "team:radiotherapy-data"
LIST_VERSION = "listed"
"""Data version of every patient list: a list with one more patient puts nobody else's summary out of date."""


@dataclass(frozen=True, slots=True)
class AssetCard:
    """An asset as a person reads it."""

    name: str
    group: str
    kinds: tuple[str, ...]
    io_manager_key: str
    made_from: tuple[str, ...]
    description: str


CARDS: tuple[AssetCard, ...] = (  # of all linkages together
    AssetCard(
        "image_summary",
        "archive",
        ("orthanc", "dicom", "parquet"),
        "parquet",
        ("patient_ids",),
        "A row per DICOM instance of the patient, from tags alone: nothing is downloaded. Identifiers are strings, "
        "dates are dates, what is absent is null.",
    ),
    AssetCard(
        "verified_study",
        "linkage",
        ("dicom", "parquet"),
        "parquet",
        ("image_summary",),
        "Which of the objects that the cohort asks for (CT, RTSTRUCT, RTPLAN, RTDOSE) belong together, decided from "
        "tags before anything is downloaded: a row per object considered, with its verdict and the reason.",
    ),
    AssetCard(
        "candidate_studies",
        "linkage",
        ("dicom", "parquet", "png"),
        "parquet",
        ("verified_study",),
        "Each CT with all that belongs to it that could be prepared, with what a person needs to decide: dates, "
        "descriptions, ROIs, plan, approval, prescription and highest dose, and a picture where the choice is open.",
    ),
    AssetCard(
        "retrieved_dicom",
        "retrieved_volumes",
        ("orthanc", "dicom"),
        "folder",
        ("verified_study",),
        "The selected DICOM files as they lie in the archive, each checked by length and MD5.",
    ),
    AssetCard(
        "ct_volume",
        "retrieved_volumes",
        ("nifti",),
        "nifti",
        ("retrieved_dicom",),
        "The planning CT in HU as NIfTI, its slices stacked by position. An irregular stack is refused, never "
        "repaired in silence.",
    ),
    AssetCard(
        "structure_masks",
        "retrieved_volumes",
        ("nifti", "parquet"),
        "masks",
        ("retrieved_dicom", "ct_volume"),
        "One mask per ROI on the CT grid (pixel centre inside, even-odd rule), and a table of all ROIs with their "
        "volume from the contours, centroid and what is odd about them.",
    ),
    AssetCard(
        "dose_volume",
        "retrieved_volumes",
        ("nifti",),
        "nifti",
        ("retrieved_dicom",),
        "The planned dose in Gy on its own grid, summed by the rule of its DoseSummationType, and each dose by itself.",
    ),
    AssetCard(
        "plan_table",
        "dosimetry",
        ("dicom", "parquet"),
        "parquet",
        ("verified_study", "retrieved_dicom"),
        "Label, intent, approval, prescription, fractions and beams of the plan, what each dose of it is, and the "
        "patient's other plans with the reason against them. Planned, not delivered, dose.",
    ),
    AssetCard(
        "dvh_table",
        "dosimetry",
        ("parquet",),
        "parquet",
        ("retrieved_dicom", "ct_volume", "dose_volume", "plan_table"),
        "Dose-volume metrics per ROI by exact area coverage of its contours (ICRU 83 names: D95 is the dose that "
        "95 % of the volume gets at least), and the curves.",
    ),
    AssetCard(
        "central_slices",
        "pictures",
        ("png", "parquet"),
        "parquet",
        ("ct_volume", "structure_masks", "dose_volume"),
        "Each ROI on the slices with most of it, along three axes, with its outline and the dose, where the cohort "
        "asks for doses: pictures, positions and arrays.",
    ),
    AssetCard(
        "patient_notes",
        "report",
        ("json",),
        "notes",
        # The ends of the chain; what they rest on comes with them, and drawn it would bury the lineage under lines.
        ("dvh_table", "central_slices"),
        "Every code of every stage and the status that follows from them, in the original PDCP's keys.",
    ),
)


def cards_of(linkage: str) -> tuple[AssetCard, ...]:
    """Return the assets of a linkage, none made from what that linkage lacks."""
    made = {"patient_ids", *stages_of(linkage), "patient_notes"}
    return tuple(
        replace(card, made_from=tuple(name for name in card.made_from if name in made))
        for card in CARDS
        if card.name in made
    )


def patient_specs(cohort: str, code_version: str, linkage: str) -> list[dg.AssetSpec]:
    """Return the specs of a cohort's per-patient assets, keys prefixed with the cohort's name."""
    return [
        dg.AssetSpec(
            key=[cohort, card.name],
            deps=[dg.AssetKey([cohort, name]) for name in card.made_from],
            group_name=card.group,
            description=card.description,
            kinds=set(card.kinds),
            owners=[OWNER],
            tags={"cohort": cohort},
            skippable=True,
            code_version=code_version,
        ).with_io_manager_key(card.io_manager_key)
        for card in cards_of(linkage)
    ]
