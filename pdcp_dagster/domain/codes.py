"""Findings: codes as they were met in one patient, and the status that follows from them.

What lives here: findings, the rule from findings to status, and how both are told. What does not: which codes there are
(`code_registry`), who raises one (`verification`, `dose`, the stages), or the notes file (`notes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.code_registry import CODES, NOTHING_TO_DO, STEPS, UNDECIDED, Code, Effect, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CODES",
    "STEPS",
    "UNDECIDED",
    "Code",
    "Effect",
    "Finding",
    "Status",
    "deciding",
    "in_words",
    "reason_of",
    "status_of",
]

_DETAIL_SAYS_IT_ALL = frozenset({"I_EXEC_005"})
"""Codes whose detail repeats the meaning: "no RTDOSE in the archive"."""

_OPENING = {
    Effect.EXCLUDE: "Excluded",
    Effect.REVIEW: "To review",
    Effect.PROCEED: "Passed",
    Effect.NOTE: "Note",
}


_TOLD_OF_THE_CHOICE = frozenset(f"I_SUCC_{number:03d}" for number in range(2, 11))
_TOLD_OF_THE_PASSED = ("XII_SUCC_001", "XIV_SUCC_001", "XXIV_SUCC_001", "XXV_SUCC_001", "XXVI_SUCC_001")


@dataclass(frozen=True, slots=True)
class Finding:
    """One code as it was met in one patient.

    code: a key of `CODES`.
    detail: what was seen in this patient, in words that follow the code's meaning ("150 slices").

    Raises ValueError where the code is not registered.
    """

    code: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not a registered code")

    @property
    def effect(self) -> Effect:
        """What this finding does to the status."""
        return CODES[self.code].effect

    @property
    def stops(self) -> bool:
        """Whether nothing after the stage that found this can be prepared: excluded, or a choice left to a person."""
        return self.effect is Effect.EXCLUDE or self.code in UNDECIDED

    def note(self) -> str:
        """Return PDCP's string `<step>: <CODE>:<ACTION>`, with `:<detail>` where there is one.

        Scripts split notes on colons, so colons in the detail become semicolons; line breaks become blanks.
        """
        entry = CODES[self.code]
        text = f"{entry.step}: {entry.code}:{entry.action}"
        detail = " ".join(self.detail.replace(":", ";").split())
        return f"{text}:{detail}" if detail else text


def status_of(findings: Iterable[Finding]) -> Status:
    """Return EXCLUDE where any finding excludes, else REVIEW where any asks for a person, else SUCCESS."""
    effects = {finding.effect for finding in findings}
    if Effect.EXCLUDE in effects:
        return Status.EXCLUDE
    return Status.REVIEW if Effect.REVIEW in effects else Status.SUCCESS


def deciding(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding that decided the status: first that excludes, else first to review, else last passed.

    None where there is none of these (no findings, or notes only).
    """
    every = tuple(findings)
    for effect in (Effect.EXCLUDE, Effect.REVIEW):
        for finding in every:
            if finding.effect is effect:
                return finding
    passed = [finding for finding in every if finding.effect is Effect.PROCEED]
    return passed[-1] if passed else None


def reason_of(findings: Iterable[Finding]) -> str:
    """Return the patient's status in words: what decided it, or for one who passed, what was made of whom."""
    every = tuple(findings)
    decisive = deciding(every)
    if decisive is None:
        return ""
    if decisive.effect is not Effect.PROCEED:
        return in_words(decisive)
    made = [finding.detail for finding in every if finding.code in _TOLD_OF_THE_PASSED and finding.detail]
    chosen = [CODES[finding.code].meaning for finding in every if finding.code in _TOLD_OF_THE_CHOICE]
    return (
        f"Passed{': ' if made else ''}{', '.join(made)}.{''.join(f' {each[0].upper()}{each[1:]}.' for each in chosen)}"
    )


def in_words(finding: Finding) -> str:
    """Return the finding for a person, words first and code last: meaning, detail, remedy.

    "Excluded: no RTDOSE in the archive. Ask for a re-export. (I_EXEC_005)"
    """
    entry = CODES[finding.code]
    detail = " ".join(finding.detail.split())
    parts = (detail,) if detail and finding.code in _DETAIL_SAYS_IT_ALL else (entry.meaning, detail)
    seen = ": ".join(part for part in parts if part).rstrip(".")
    remedy = "" if entry.remedy == NOTHING_TO_DO else f" {entry.remedy}"
    return f"{_OPENING[entry.effect]}: {seen}.{remedy} ({finding.code})"
