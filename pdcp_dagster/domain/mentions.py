"""Whether a text names a patient, however it is written down.

What lives here: the spellings of a name and where one begins and ends. What does not: which texts there are (stages,
commands).
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from functools import cached_property

SHORTEST_IN_TEXT = 4
"""A shorter name is no evidence in running text; it is looked for in quotes, and where it is all there is."""
# "P1" is named in "P1, P2" and in "patients/P1/notes.json", not in "P1-2", "P10" or "3.P1".
_BEFORE, _AFTER = r"(?<![\w%-])(?<!\d\.)", r"(?![\w%-])(?!\.\d)"


@dataclass(frozen=True)
class Mentions:
    """The names of one patient: PatientID, partition key, Orthanc's ID."""

    names: tuple[str, ...]

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """How the names may stand in a file: as they are, and as JSON (also JSON in JSON) and HTML write them."""
        return tuple(dict.fromkeys(each for name in self.names if name for each in _spellings(name)))

    @staticmethod
    def is_telling(name: str) -> bool:
        """Whether a name is long enough to be no accident."""
        return len(name) >= SHORTEST_IN_TEXT

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(
                rf"{_BEFORE}{re.escape(each)}{_AFTER}"
                if self.is_telling(each)
                # In JSON within JSON the closing quote has a backslash.
                else rf"(?<=\"){re.escape(each)}(?=\\*\")"
                for each in self.spellings
            )
            or r"(?!)"
        )

    def named_in(self, text: str) -> bool:
        """Return whether a text names the patient."""
        return text in self.spellings or self._pattern.search(text) is not None


def _spellings(name: str) -> tuple[str, ...]:
    escaped = json.dumps(name)[1:-1]
    return name, escaped, json.dumps(escaped)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1], html.escape(name)
