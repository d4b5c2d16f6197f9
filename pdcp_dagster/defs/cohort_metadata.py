"""How the cohort report looks in the UI: a sentence first, then the diagram, the DVHs, the reasons and the patients."""

import base64
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pandas as pd

from pdcp_dagster.adapters.dvh_band_plot import draw_bands
from pdcp_dagster.adapters.report_page import attrition_picture, attrition_told
from pdcp_dagster.domain.attrition import Attrition, attrition_of
from pdcp_dagster.domain.codes import CODES, Effect, Status
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.domain.dvh_bands import DvhBand

_SHOWN_PATIENTS = 200
_LONGEST = 300
"""Characters of a reason, in which ROIs' names may come by the hundred; the page has it whole."""
_TOLD_OF_CODES = (Effect.EXCLUDE, Effect.REVIEW, Effect.NOTE)
_STANDING = {Effect.EXCLUDE: "Excluded", Effect.REVIEW: "To review", Effect.NOTE: "Note"}


def report_metadata(told: pd.DataFrame, bands: Sequence[DvhBand], page: Path) -> dict[str, dg.MetadataValue]:
    """Return what the UI shows of a cohort report.

    told: the report with patients named as they may be told. bands: the cohort's DVHs, none where it has none.
    page: where the HTML page lies.
    """
    attrition = attrition_of(zip(told["status"], told["codes"], strict=True))
    return {
        "in words": dg.MetadataValue.text(attrition_told(attrition)),
        **_counts(attrition),
        **(
            {"who remains": _picture("Who remains", "image/svg+xml", attrition_picture(attrition).encode())}
            if len(told)
            else {}
        ),
        **({"DVHs of the cohort": _picture("DVHs", "image/png", draw_bands(bands))} if bands else {}),
        "reasons": _reasons(told),
        "patients": _patients(told),
        "page": dg.MetadataValue.path(str(page)),
        "page in a browser": dg.MetadataValue.text(page.absolute().as_uri()),
        "dagster/row_count": dg.MetadataValue.int(len(told)),
    }


def _counts(attrition: Attrition) -> dict[str, dg.MetadataValue]:
    """Return the number of patients of each status that there is, those ready first."""
    counts: Counter[Status] = Counter()
    for group in attrition.groups():
        counts[group.status] += len(group.patients)
    return {status.lower(): dg.MetadataValue.int(counts[status]) for status in Status if counts[status]}


def _picture(title: str, mime_type: str, content: bytes) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"![{title}](data:{mime_type};base64,{base64.b64encode(content).decode()})")


def _reasons(told: pd.DataFrame) -> dg.MetadataValue:
    """Return the codes with the number of patients who have them, words first; those that exclude first."""
    counts = Counter(code for codes in told["codes"] for code in set(codes))
    entries = [entry for effect in _TOLD_OF_CODES for entry in CODES.values() if entry.effect is effect]
    return _table(
        ("patients", "what was seen", "what to do", "code"),
        [
            (str(counts[entry.code]), f"{_STANDING[entry.effect]}: {entry.meaning}", entry.remedy, entry.code)
            for entry in entries
            if counts[entry.code]
        ],
    )


def _patients(told: pd.DataFrame) -> dg.MetadataValue:
    columns = ("patient_id", "status", "reason")
    rows = told.head(_SHOWN_PATIENTS)[list(columns)].to_dict("records")
    return _table(
        columns, [(str(row["patient_id"]), str(row["status"]), one_line(str(row["reason"]), _LONGEST)) for row in rows]
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MetadataValue:
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in columns]))
