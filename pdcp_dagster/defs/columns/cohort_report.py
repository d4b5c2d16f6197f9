"""What each column of cohort_report.parquet means.

What lives here: words. What does not: the table (`stages.report`).
"""

from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.defs.columns.described import Columns, date, number, text, texts, whole

COHORT_REPORT: Columns = (
    text("patient_id", "PatientID as the archive has it"),
    text("partition_key", "what the patient is called in Dagster; null for one who is not in the archive"),
    text("status", "SUCCESS, REVIEW, EXCLUDE, FAILED or PENDING"),
    texts("codes", "codes of everything that was found"),
    text("reason", "why the patient has this status and what to do, in words"),
    text("study_instance_uid", "UID of the selected CT's study"),
    date("study_date", "date of the selected CT's study"),
    date("latest_study_date", "date of the patient's latest study in the archive, selected or not"),
    text("modalities", "what the archive holds of the patient, of what the cohort looks at: CT RTSTRUCT ..."),
    date("ct_date", "date on which the CT was acquired"),
    date("structure_set_date", "date of the structure set"),
    date("plan_date", "date of the plan"),
    date("dose_date", "date on which the dose was written"),
    whole("ct_to_plan_days", "days from the CT to the plan"),
    text("dates_status", "complete, or which dates are missing or an anonymiser's dummies"),
    text("ct_series_uid", "UID of the selected CT"),
    whole("ct_slices", "slices of the selected CT"),
    number("slice_spacing_mm", "distance between slices, mm"),
    number("slice_thickness_mm", "thickness of a slice, mm"),
    number("pixel_mm", "size of a pixel, mm"),
    number("extent_mm", "length of the CT along the patient, mm"),
    number("kvp", "tube voltage, kV"),
    text("kernel", "reconstruction kernel"),
    text("scanner", "maker and model of the scanner"),
    text("patient_position", "how the patient lay, such as HFS: head first, supine"),
    whole("rois", "number of ROIs"),
    whole("rtstructs", "number of structure sets"),
    whole("plans", "number of plans"),
    whole("doses", "number of doses"),
    number("max_dose_gy", "highest dose, Gy"),
    *(text(asset, f"done where {asset} is there, else -") for asset in PATIENT_FILES),
)
