"""What each column of the tables of patients, of linked objects and of candidates means.

What lives here: words. What does not: the tables (`stages.archive_list`, `domain.verification`, `domain.evidence`).
"""

from pdcp_dagster.defs.columns.described import Columns, date, number, text, texts, whole

PATIENT_IDS: Columns = (
    text("patient_id", "PatientID as the archive has it, leading zeros kept"),
    text("orthanc_id", "the archive's own ID of the patient"),
    text("partition_key", "what the patient is called in Dagster"),
    whole("studies", "number of studies that the archive holds of the patient"),
)
VERIFIED_STUDY: Columns = (
    text("role", "what the object is: CT, RTSTRUCT, RTPLAN or RTDOSE"),
    text("study_instance_uid", "UID of the study that it lies in"),
    text("series_uid", "UID of the series that it lies in"),
    text("sop_instance_uid", "UID of the object; null for a CT, which is a series"),
    text("orthanc_id", "the archive's own ID of the object, of a CT that of its series"),
    text("linked_to", "UIDs of what it was linked to, separated by backslashes"),
    text("linked_by", "what the link rests on, such as the UID that the object names"),
    text("verdict", "selected or refused"),
    text("reason", "why it was refused, in words; null where it was selected"),
)
CANDIDATE_STUDIES: Columns = (
    whole("candidate", "number of the candidate, from 1, by which people decide"),
    text("study_instance_uid", "UID of the CT's study"),
    date("study_date", "date of the CT's study"),
    text("study_description", "what the department calls the study"),
    text("series_description", "what the department calls the CT"),
    text("ct_series_uid", "UID of the CT's series"),
    whole("ct_slices", "slices of the CT at distinct positions"),
    texts("rtstruct_uids", "UIDs of the structure sets"),
    texts("structure_set_labels", "labels of the structure sets"),
    texts("roi_names", "names of all ROIs"),
    texts("rtplan_uids", "UIDs of the plans"),
    texts("plan_labels", "labels of the plans"),
    texts("plan_dates", "dates of the plans"),
    texts("plan_intents", "CURATIVE, PALLIATIVE, ..., of plans that say it"),
    texts("approval_statuses", "APPROVED, UNAPPROVED or REJECTED, of plans that say it"),
    whole("fractions_planned", "fractions of all plans together"),
    number("prescription_gy", "highest dose prescribed to a target of the plan, Gy; unknown for several plans"),
    texts("rtdose_uids", "UIDs of the doses"),
    texts("dose_summation_types", "what each dose is the sum of: PLAN, BEAM, ..."),
    texts("linked_by", "what the links rest on"),
    text("verdict", "selected, refused, or open: a person must decide"),
    text("reason", "what chose or refused it, in words"),
    number("dose_maximum_gy", "highest dose, Gy; known only where the choice is open"),
    text("picture", "name of its picture, where the choice is open"),
    text("picture_problem", "why the picture is missing or lacks something, in words"),
)
