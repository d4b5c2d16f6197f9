"""What still names a patient in a cohort's folder of the store.

What lives here: the search through names and texts. What does not: what a mention is (`domain.mentions`), removing
(`forgetting`). Other patients' folders are not read: they were made from those patients' own files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store.forgetting_marks import MARKS
from pdcp_dagster.adapters.table_rows import RowsError, texts_of
from pdcp_dagster.domain.keys import folder_of
from pdcp_dagster.domain.mentions import Mentions
from pdcp_dagster.stages.forgetting import OWN_NAMES, cohort_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.adapters.store.forgetting_marks import PatientNames

_TABLE = b"PAR1"


def left_of(folder: CohortFolder, names: PatientNames) -> list[str]:
    """Return the paths below the cohort's folder that name the patient, or whose text does, sorted.

    A file that cannot be read is among them, with the reason: nobody can say that it does not.
    """
    mentions = mentions_of(names)
    own = (folder.patient(names.partition_key).path, folder.quarantine(names.partition_key))
    found = {path.relative_to(folder.path).as_posix() for path in own if path.exists()}
    for path in cohort_files(folder):
        relative = path.relative_to(folder.path)
        if relative.parts[0] == MARKS:
            continue  # it goes when all else has gone
        if any(part not in OWN_NAMES and mentions.named_in(part) for part in (*relative.parts, path.stem)):
            found.add(relative.as_posix())
            continue
        try:
            if any(map(mentions.named_in, _texts(path))):
                found.add(relative.as_posix())
        except FileNotFoundError:
            continue
        except (OSError, RowsError) as error:
            found.add(f"{relative.as_posix()}: {' '.join(str(error).split())}")
    return sorted(found)


def mentions_of(names: PatientNames) -> Mentions:
    """Return by what texts name a patient."""
    key = names.partition_key
    return Mentions(tuple(dict.fromkeys((names.patient_id, key, folder_of(key), names.orthanc_id))))


def _texts(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        is_table = path.suffix == ".parquet" or file.read(len(_TABLE)) == _TABLE
    if is_table:
        yield from texts_of(path)
    else:
        yield path.read_bytes().decode(errors="replace")
