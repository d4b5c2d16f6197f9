"""README.txt of an export: how its files are named, and in what they differ from the files of PDCP."""

from __future__ import annotations

README = """\
Written by `pdcp export-legacy`: the patients of one cohort in the folders and files of PDCP.

This folder shows PatientIDs and the patients' DICOM files. Treat it as patient data.

All files are copies: what a script changes here does not change the store. A new export replaces each patient's files
whole; keep what you make of them elsewhere.

NAMES
<pid> is the PatientID where it is plain: at most 64 of the letters A-Z, a-z, digits, _ - and dots inside, and no device
name of Windows. Any other PatientID, and those that differ in nothing but case, have the name of their folder in the
store. ids/ids.csv and the files themselves have the PatientID to the letter. It is text: read it with dtype=str, or 007
becomes 7. Orthanc's IDs are in the column orthanc_ids.
A ROI's file has the ROI's name, what is unsafe in a file name as _, and where two would be equal __<ROINumber>.
The index of quarantine/<pid>_<idx>/ counts from 0: the first candidate is 0.

WHO IS HERE
ids/ids.csv lists all patients of the cohort. A patient who was never run has no other file.
imagesummaries: _ERROR for those whose tags could not be read, _IMAGINGDATANOTFOUND where the archive holds nothing.
Both have the columns and no row.
data: patients whose current status is SUCCESS or REVIEW and whose files are up to date. Nobody else. Plans are not
retrieved into it, as in PDCP.
patientimagingfilesready is true for SUCCESS alone. PDCP had true for REVIEW, too: a script that wants those must look
at `status`.
Patients with several studies (I_REV_004) or several linked CTs (II_REV_003) are EXECLUDE here as in PDCP, with
I_EXEC_007 or II_EXEC_003 beside their own code; in the store they are to review. Those whose image summary could not be
read are EXECLUDE with I_EXEC_002; in the store they have failed, and should be run again. After any other failure
status and code are null.

CORRECTED AGAINST PDCP
Dx in dosimetrydata is the dose that x % of the volume gets at least. PDCP had it upside down: its D95 was the 95th
percentile, near the maximum.
volume is in cm3, from the contours. PDCP gave the number of voxels.
DVHs are computed from contours and dose, not from masks; doses are in Gy, relative doses refer to the prescription in
Gy. V%_ columns are there where the patient has a prescription, and empty for ROIs that have none.
ROIs of one name have a row each with numbers of their own. ROIs without closed contours have no row.
A ROI of which too much lies outside the dose grid has its volume and no doses. PDCP took the dose there as 0 Gy.
CT/0.dcm, 1.dcm ... ascend along the normal of the slices, as the NIfTI file has them, localisers left out. They are the
files of the archive byte for byte. PDCP rewrote InstanceNumber to 1 ... n.
Masks keep holes, and belong to their ROI by ROINumber. PDCP filled holes and took ROIs by position.
RTDOSEnifti holds each linked dose in Gy on its own grid, refused ones too; dosimetrydata is computed from their sum by
the rule of the summation type.
StructureSetDate is that of the structure set. PDCP always had `missing`.
verified_images_summary counts what was linked. PDCP counted all that was left in its table.
organs is text that JSON and ast.literal_eval read; never give text from DICOM to eval.
An empty tag is `missing` like an absent one. Vectors are in DICOM's text form, a backslash between the numbers. Dates
are YYYYMMDD.
The folders in the notes are absolute paths into this folder, also for quarantine. Move it, and they are wrong.
"""
