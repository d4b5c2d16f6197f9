"""What is told of a patient's studies once links and choice are known: PDCP's codes of the initial verification.

What lives here: how many studies there are, which was chosen and by what, what lies beside it, doubtful dates. What
does not: the choice itself (`study_selection`, `chain_choice`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dates import is_real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.candidates import Candidate, Node
    from pdcp_dagster.domain.chain_choice import ChainChoice
    from pdcp_dagster.domain.linkage import Chain
    from pdcp_dagster.domain.studies import InitialVerification


@dataclass(frozen=True, slots=True)
class StudiesSeen:
    """What is known of the studies.

    chains: the candidates. linked: what is in any complete chain, of a refused CT, too. roles: those of the linkage.
    """

    initial: InitialVerification
    choice: ChainChoice
    chains: Sequence[Chain]
    linked: frozenset[Node]
    roles: Sequence[str]
    candidates: Mapping[Node, Candidate]


def findings_on_studies(seen: StudiesSeen) -> list[Finding]:
    """Return the codes that say how many studies there are and what came of it; none where nothing remains."""
    if not seen.initial.remaining:
        return []
    choice, studies = seen.choice, seen.initial.studies
    several = len(studies) > 1
    found = [Finding("I_REV_001", f"{len(studies)} studies")] if several else [Finding("I_SUCC_001")]
    linked = {each.anchor.study_uid for each in seen.chains}
    if several and len(linked) == 1:
        found.append(Finding("I_SUCC_002", f"study {next(iter(linked))}"))
    found += choice.findings
    if choice.outcome is not None and choice.outcome.code == "I_REV_004":
        found.append(choice.outcome)
    if choice.chain is not None:
        found += [*_other_studies(seen, choice.chain), *_spread(choice.chain)]
    return [*found, *_of_dates(seen)]


def _other_studies(seen: StudiesSeen, chain: Chain) -> list[Finding]:
    own = {node.study_uid for node in (*seen.linked, *chain.nodes)}
    complete = [
        uid
        for uid in seen.initial.studies
        if uid not in own and {each.node.role for each in seen.initial.of_study(uid)} >= {*seen.roles}
    ]
    return [Finding("I_NOTE_009", f"study {uid}") for uid in complete]


def _spread(chain: Chain) -> list[Finding]:
    others = sorted({node.study_uid for node in chain.nodes} - {chain.anchor.study_uid})
    return [Finding("I_NOTE_010", f"{', '.join(others)} with {chain.anchor.study_uid}")] if others else []


def _of_dates(seen: StudiesSeen) -> list[Finding]:
    concerned = [seen.choice.chain] if seen.choice.chain is not None else list(seen.choice.open)
    found = []
    dates = {chain.anchor.study_uid: seen.candidates[chain.anchor].study_date for chain in concerned}
    studies = seen.initial.studies
    if not dates and len(studies) == 1:
        dates = {studies[0]: seen.initial.remaining[0].study_date}
    only = next(iter(dates.values()), None)
    if len(dates) == 1 and not is_real(only):
        found.append(Finding("I_NOTE_004", f"{only} is a dummy" if only else ""))
    undated = sorted(uid for uid in dates if uid in seen.initial.undated)
    if undated:
        found.append(Finding("I_REV_006", f"study_date_after, of study {', '.join(undated)}"))
    return found
