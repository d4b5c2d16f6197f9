"""The store in the folders and files of PDCP, for scripts that still expect them.

    <folder>/ids/ids.csv                     imagesummaries/<pid>_{SUCCESS,IMAGINGDATANOTFOUND,ERROR}.csv
    <folder>/patientnotes/<pid>.json         data/<pid>/{CT,CTnifti,RTSTRUCT,masks,RTDOSE,RTDOSEnifti,dosimetrydata}/
    <folder>/quarantine/<pid>_<idx>/         README.txt

What lives here: from the files of a cohort to that folder. What does not: PDCP's columns, codes and dosimetry
(`domain.legacy_*`), or the command line. Neither Orthanc nor Dagster is asked.
"""

from __future__ import annotations

from pdcp_dagster.stages.legacy_export.cohort import Exported, export_cohort
from pdcp_dagster.stages.legacy_export.target import TargetError

__all__ = ["Exported", "TargetError", "export_cohort"]
