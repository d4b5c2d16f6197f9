"""Whether what was selected is all that could have been meant.

What lives here: the judgement on a linkage. What does not: links, choices and their codes (`linkage`, `chain_choice`,
`selection_checks`), on which it rests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import CODES, Finding
from pdcp_dagster.domain.plan_groups import SUMMED
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.study_selection import CODE_OF_RULE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.domain.verification import Verification

_BY_A_PERSON, _ONLY_CANDIDATE, _ACCEPTED = "I_SUCC_010", "I_NOTE_011", "I_NOTE_013"
_ALONE = "The selected objects are the only ones that belong together, each linked by the UID it names."
_CHOSEN = "A person chose the objects that belong together."
_DOUBTS = (
    *("I_REV_004", "II_REV_003", "II_REV_004", "II_REV_006", "II_REV_008"),
    *("II_REV_009", "II_REV_010", "II_REV_012", "II_REV_013", "II_REV_014", "II_NOTE_002"),
)
"""Codes of what was left open, then of links and references that may mean something else."""


def judge_linkage(verification: Verification) -> Judgement | None:
    """Judge what the tags came to; None where nothing complete was there to be chosen, or a person excluded it.

    A choice of the cohort's rules among several candidates does not pass, that of a person does. Nor does a link by
    anything but a UID pass, also where the cohort accepts it; what a person accepted passes.
    """
    choice, findings = verification.choice, verification.findings
    if choice.chain is None and not choice.open:
        return None
    doubts = [in_short(found) for code in _DOUBTS for found in findings if found.code == code]
    codes = {finding.code for finding in findings}
    others = [why for _, why in choice.passed_over if why != SUMMED]
    if others and not codes & {_BY_A_PERSON, _ONLY_CANDIDATE}:
        by_rule = [in_short(found) for found in findings if found.code in {*CODE_OF_RULE.values()}]
        doubts.append("; ".join(by_rule) or f"{len(others)} complete candidates were passed over: {others[0]}")
    if doubts:
        return Judgement(passed=False, said=_sentence(doubts))
    said = [_CHOSEN] if _BY_A_PERSON in codes else []
    accepted = {found.detail.split(maxsplit=1)[0] for found in findings if found.code == _ACCEPTED}
    settled = [code for code in _DOUBTS if code in accepted]
    said += [f"A person looked at {', '.join(settled)} and accepted it."] if settled else []
    return Judgement(passed=True, said=" ".join(said) or _ALONE)


def in_short(finding: Finding) -> str:
    """Return meaning, detail and code of a finding, without what to do about it."""
    seen = ": ".join(part for part in (CODES[finding.code].meaning, " ".join(finding.detail.split())) if part)
    return f"{seen} ({finding.code})"


def _sentence(parts: Iterable[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
