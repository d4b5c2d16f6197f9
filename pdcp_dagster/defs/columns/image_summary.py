"""What each column of image_summary.parquet means.

What lives here: words, in the groups of `domain.summary`. What does not: how a column follows from the tags (there).
Names are DICOM keywords in snake_case, PS3.6 says which tag each is.
"""

from pdcp_dagster.defs.columns.described import Columns, date, number, numbers, text, texts, whole, wholes

_PATIENT: Columns = (
    text("patient_id", "PatientID as the archive has it, leading zeros kept"),
    text("patient_name", "name of the patient, where it was not removed"),
    text("patient_sex", "M, F or O (other)"),
    date("patient_birth_date", "date of birth, where it was not removed"),
    text("issuer_of_patient_id", "who gave the PatientID"),
    number("patient_size", "height of the patient, m"),
    number("patient_weight", "weight of the patient, kg"),
    text("patient_position", "how the patient lay, such as HFS: head first, supine"),
)
_STUDY: Columns = (
    text("study_instance_uid", "UID of the study"),
    text("study_id", "number or name of the study, given by the department"),
    text("study_description", "what the department calls the study"),
    date("study_date", "date of the study"),
    text("study_time", "time of the study, HHMMSS"),
    text("accession_number", "number of the order in the hospital's system"),
    text("referring_physician_name", "who referred the patient, where it was not removed"),
    text("referenced_study_sequence", "studies that this one names, as JSON"),
)
_SERIES: Columns = (
    text("series_instance_uid", "UID of the series"),
    text("series_description", "what the department calls the series"),
    whole("series_number", "number of the series in its study"),
    date("series_date", "date of the series"),
    text("series_time", "time of the series, HHMMSS"),
    text("modality", "CT, RTSTRUCT, RTPLAN, RTDOSE, PT, ..."),
    text("protocol_name", "protocol that the scanner was set to"),
    text("body_part_examined", "part of the body, as the scanner was told"),
    text("frame_of_reference_uid", "UID of the coordinate system that the object lies in"),
    text("position_reference_indicator", "landmark from which table positions count"),
)
_INSTANCE: Columns = (
    text("sop_instance_uid", "UID of the instance"),
    text("sop_class_uid", "UID of the kind of object"),
    whole("instance_number", "number of the instance in its series"),
    date("instance_creation_date", "date on which the object was written"),
    text("instance_creation_time", "time at which the object was written, HHMMSS"),
    text("instance_creator_uid", "UID of the system that wrote the object"),
    text("specific_character_set", "how the texts of the object are encoded"),
    text("manufacturer", "maker of the scanner or the planning system"),
    text("manufacturer_model_name", "model of the scanner or the planning system"),
    text("software_versions", "version of its software"),
    text("station_name", "name of the machine in the department"),
    text("burned_in_annotation", "YES where the pixels may show who the patient is"),
    text(
        "longitudinal_temporal_information_modified",
        "what de-identification did to dates: UNMODIFIED, MODIFIED or REMOVED",
    ),
)
_IMAGE: Columns = (
    text("image_type", "such as ORIGINAL PRIMARY AXIAL; LOCALIZER is a scout view"),
    date("acquisition_date", "date on which the image was acquired"),
    text("acquisition_time", "time at which the image was acquired, HHMMSS"),
    whole("acquisition_number", "number of the acquisition in its study"),
    numbers("image_position_patient", "centre of the first pixel: x, y, z in mm, patient coordinates (LPS)"),
    numbers("image_orientation_patient", "direction cosines of a row, then of a column (six numbers without a unit)"),
    numbers("pixel_spacing", "distance between rows, then between columns, mm"),
    number("slice_thickness", "thickness of the slice, mm; not the distance between slices"),
    number("slice_location", "position of the slice along the table, mm"),
    number("spacing_between_slices", "distance between slices as the scanner says it, mm"),
    number("gantry_detector_tilt", "tilt of the gantry, degrees"),
    number("reconstruction_diameter", "diameter of the reconstructed field, mm"),
    whole("rows", "rows of pixels"),
    whole("columns", "columns of pixels"),
    whole("number_of_frames", "images in the object, where it holds several"),
    wholes("frame_numbers", "numbers of the frames that are slices of a multi-frame CT"),
    numbers("frame_positions_mm", "centre of the first pixel of each of those frames: x, y, z, x, y, z, ... in mm"),
    number("rescale_slope", "HU per stored value"),
    number("rescale_intercept", "HU of the stored value 0"),
    number("kvp", "tube voltage, kV"),
    text("convolution_kernel", "reconstruction kernel"),
    text("contrast_bolus_agent", "contrast agent, where one was given"),
)
_PIXELS: Columns = (
    whole("bits_allocated", "bits of memory for each stored value"),
    whole("bits_stored", "bits of each stored value that count"),
    whole("high_bit", "position of the highest bit that counts"),
    whole("pixel_representation", "0: stored values are unsigned, 1: they are signed"),
    whole("samples_per_pixel", "values for each pixel: 1, or 3 in colour"),
    text("photometric_interpretation", "how values become grey: MONOCHROME1 or MONOCHROME2"),
    whole("largest_image_pixel_value", "largest stored value, as the object says"),
    whole("smallest_image_pixel_value", "smallest stored value, as the object says"),
    text("pixel_data", "whether the object has pixels; never the pixels"),
)
_STRUCTURES: Columns = (
    text("structure_set_label", "label of the structure set"),
    text("structure_set_name", "name of the structure set"),
    date("structure_set_date", "date of the structure set"),
    text("structure_set_time", "time of the structure set, HHMMSS"),
    wholes("roi_numbers", "numbers of the ROIs of a structure set"),
    texts("roi_names", "names of the ROIs, in the same order"),
    numbers("roi_volumes_cm3", "volumes of the ROIs as the system wrote them, cm3, in the same order"),
    text("organs", "names and volumes of the ROIs as JSON, as PDCP kept them"),
    text("approval_status", "APPROVED, UNAPPROVED or REJECTED, of a plan or a structure set"),
    date("review_date", "date of the approval"),
    text("reviewer_name", "who approved, where it was not removed"),
)
_PLAN: Columns = (
    text("rt_plan_label", "label of the plan"),
    text("rt_plan_name", "name of the plan"),
    text("rt_plan_description", "description of the plan"),
    date("rt_plan_date", "date of the plan"),
    text("rt_plan_time", "time of the plan, HHMMSS"),
    text("rt_plan_geometry", "PATIENT, or TREATMENT_DEVICE for a plan without a patient"),
    text("plan_intent", "CURATIVE, PALLIATIVE, VERIFICATION, ..."),
    text("fraction_group_sequence", "fractions and beams of the plan, as JSON"),
    text("patient_setup_sequence", "how the patient is set up, as JSON"),
    wholes("fractions_planned", "fractions planned in each fraction group"),
    numbers("target_prescriptions_gy", "doses prescribed to targets, Gy"),
)
_DOSE: Columns = (
    text("dose_summation_type", "what a dose is the sum of: PLAN, BEAM, FRACTION, MULTI_PLAN, ..."),
    text("dose_type", "PHYSICAL, EFFECTIVE or ERROR"),
    text("dose_units", "GY or RELATIVE"),
    number("dose_grid_scaling", "Gy for each unit of the stored values, where dose_units is GY"),
    numbers("grid_frame_offset_vector", "positions of the planes of the dose grid along their normal, mm"),
    text("frame_increment_pointer", "which tag says where the planes lie"),
    text("tissue_heterogeneity_correction", "whether the dose was corrected for tissue"),
)
_LINKS: Columns = (
    text("referenced_rt_plan_sequence", "plans that a dose names, as JSON"),
    text("referenced_structure_set_sequence", "structure sets that a plan names, as JSON"),
    texts("frame_of_reference_uids", "UIDs of the coordinate systems that the object names, else that it lies in"),
    text("referenced_ct_series_uid", "UID of the first series that a structure set was drawn on"),
    whole("len_of_associated_ct_slices", "number of images that the structure set names in it"),
    texts("referenced_series_uids", "UIDs of all series that a structure set was drawn on"),
    wholes("referenced_image_counts", "number of images that it names in each of them"),
    texts("referenced_image_classes", "kind of the images that it names in each of them"),
    texts("referenced_image_uids", "UIDs of the images that it was drawn on"),
    texts("referenced_structure_set_uids", "UIDs of the structure sets that a plan or a dose names"),
    texts("referenced_plan_uids", "UIDs of the plans that a dose names"),
    wholes("referenced_fraction_groups", "numbers of the fraction groups that a dose is of"),
)
_PET: Columns = (
    text("units", "unit of the values of a PET image, such as BQML"),
    text("decay_correction", "to which time decay was corrected: START, ADMIN or NONE"),
    text("radiopharmaceutical", "what was given"),
    text("radiopharmaceutical_start_time", "when it was given, HHMMSS"),
    text("radiopharmaceutical_start_date_time", "when it was given, with the date"),
    number("radionuclide_total_dose_bq", "activity given, Bq"),
    number("radionuclide_half_life_s", "half-life of the nuclide, s"),
)
_ARCHIVE: Columns = (
    text("instance_identifier", "the archive's own ID of the instance; not a UID"),
    text("series_identifier", "the archive's own ID of the series"),
    text("study_identifier", "the archive's own ID of the study"),
    text("orthanc_id", "the archive's own ID of the patient"),
    whole("file_size", "size of the file, bytes"),
    text("file_uuid", "the archive's name of the file: another after it was overwritten"),
)
IMAGE_SUMMARY: Columns = (
    *(*_PATIENT, *_STUDY, *_SERIES, *_INSTANCE, *_IMAGE, *_PIXELS),
    *(*_STRUCTURES, *_PLAN, *_DOSE, *_LINKS, *_PET, *_ARCHIVE),
)
"""In the order in which a person looks for them, not in that of the file."""
