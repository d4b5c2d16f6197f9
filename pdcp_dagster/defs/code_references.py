"""Where the code that makes an asset lies on this machine.

What lives here: which functions a reader wants to see: the stage, and the rules that it asks. What does not: a path;
paths are those of the installed package, looked up when Dagster asks and stored nowhere.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from pdcp_dagster.domain.central_slices import central_slices
from pdcp_dagster.domain.dose import combine_doses
from pdcp_dagster.domain.dvh import compute_dvh
from pdcp_dagster.domain.evidence import candidate_rows
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.notes import notes_document
from pdcp_dagster.domain.plan_rows import rows_of_doses
from pdcp_dagster.domain.stack import stack
from pdcp_dagster.domain.structure_names import standard_names
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import verify
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.chain import STAGES
from pdcp_dagster.stages.notes_stage import write_notes
from pdcp_dagster.stages.report import cohort_dvh_table, cohort_report_table
from pdcp_dagster.stages.structure_name_table import structure_name_table

_Function = Callable[..., Any]
_MAKERS: Mapping[str, _Function] = {
    "patient_ids": list_patients,
    **{stage.asset: stage.run for stage in STAGES},
    "patient_notes": write_notes,
    "cohort_report": cohort_report_table,
    "cohort_dvh": cohort_dvh_table,
    "cohort_structure_names": structure_name_table,
}
_RULES: Mapping[str, _Function] = {
    "image_summary": summarise,
    "verified_study": verify,
    "candidate_studies": candidate_rows,
    "ct_volume": stack,
    "structure_masks": fill_mask,
    "dose_volume": combine_doses,
    "plan_table": rows_of_doses,
    "dvh_table": compute_dvh,
    "central_slices": central_slices,
    "patient_notes": notes_document,
    "cohort_structure_names": standard_names,
}


@lru_cache(maxsize=64)
def code_references_of(asset: str) -> dg.CodeReferencesMetadataValue | None:
    """Return what makes an asset and by which rules; None where no source lies on this machine."""
    named = (("stage", _MAKERS.get(asset)), ("rules", _RULES.get(asset)))
    with warnings.catch_warnings():
        # Code references are new in Dagster, and it says so of each.
        warnings.simplefilter("ignore")
        found = [each for label, function in named if function is not None for each in _reference(label, function)]
        return dg.CodeReferencesMetadataValue(code_references=found) if found else None


def _reference(label: str, function: _Function) -> Iterator[dg.LocalFileCodeReference]:
    """Yield where a function begins, unless its source did not come along."""
    code = inspect.unwrap(function).__code__
    path = Path(code.co_filename).absolute()
    if path.is_file():
        told = f"{label} {code.co_name}"
        yield dg.LocalFileCodeReference(file_path=str(path), line_number=code.co_firstlineno, label=told)
