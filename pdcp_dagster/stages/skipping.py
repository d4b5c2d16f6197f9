"""When a stage need not be done again, and what is said of it then.

What lives here: comparing a commit mark with what would go in now, and keeping with the mark what the stage found, so
that it can be told again. What does not: what goes in (`inputs`), running stages (`chain`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.stages.inputs import SELECTED
from pdcp_dagster.stages.outcome import Check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pdcp_dagster.adapters.store import Manifest, Origin, PatientFolder
    from pdcp_dagster.stages.outcome import Kept, Shown

SKIPPED: Mapping[str, Shown] = {"skipped": "current"}


def current_mark(folder: PatientFolder, asset: str, origin: Origin) -> Manifest | None:
    """Return the commit mark of an asset that need not be made again, or None.

    What was downloaded depends on what was selected alone: its mark is renewed where the tables before it differ.
    """
    mark = folder.mark(asset)
    if mark is None:
        return None
    if is_current(folder, mark, origin):
        return mark
    if _damaged(mark):
        return None
    if SELECTED in origin.made_with and dict(mark.made_with) == dict(origin.made_with) and folder.is_whole(mark):
        return folder.renew(mark, origin)
    return None


def is_current(folder: PatientFolder, mark: Manifest, origin: Origin) -> bool:
    """Return whether making it again would come to the same, as far as can be known without doing so."""
    return not _damaged(mark) and folder.made_of_the_same(mark, origin)


def what_is_told(kept: Kept, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Return what is kept with the commit mark, plain values only: findings, checks, figures; no pictures or tables."""
    return {
        "findings": [[finding.code, finding.detail] for finding in findings],
        "checks": [[check.name, check.passed, check.said] for check in kept.checks],
        "shown": {name: value for name, value in kept.shown.items() if isinstance(value, str | int | float)},
    }


def findings_told(mark: Manifest) -> tuple[Finding, ...]:
    """Return what the stage found when it made this."""
    return tuple(Finding(code, detail) for code, detail in mark.told["findings"])


def told_again(mark: Manifest) -> tuple[Mapping[str, Shown], tuple[Check, ...]]:
    """Return the figures and checks of a stage as they were told when it made this."""
    return mark.told["shown"], tuple(Check(*check) for check in mark.told["checks"])


def _damaged(mark: Manifest) -> bool:
    """Whether a mark lacks what must be told again, as those of earlier versions do, or tells of unknown codes."""
    try:
        findings_told(mark)
        told_again(mark)
    except (KeyError, TypeError, ValueError):
        return True
    return False
