"""What makes a study eligible beyond its modalities: the cohort's rules, PDCP's "interceptors".

What lives here: the keys of `eligibility` in a cohort file, and what a cohort's own rule may answer. What does not:
applying them (`study_rules`, `approvals`), reading tables or importing rules (adapters, stages).
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 # pydantic reads annotations at run time
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Word = Annotated[str, Field(min_length=1, pattern=r"\S")]
Words = Annotated[tuple[Word, ...], Field(strict=False)]
RulePath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


class Section(BaseModel):
    """A part of a cohort file: what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _upper(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    return tuple(each.strip().upper() if isinstance(each, str) else each for each in value)


_STATUSES = frozenset({"APPROVED", "UNAPPROVED", "REJECTED"})
"""The values of ApprovalStatus (PS3.3 C.8.8.16)."""


class Approval(Section):
    """Plans and doses of these statuses are refused.

    exclude: statuses, case aside; of the RTPLAN's ApprovalStatus, or of the table. An absent status is kept, with a
    note.
    table: a CSV with the columns SeriesInstanceUID or SOPInstanceUID (of RTPLANs or RTDOSEs) and Status, which then
    counts instead of the tag.
    unlisted: what becomes of a plan of which neither it nor a dose is in the table.
    """

    exclude: Annotated[tuple[Word, ...], Field(strict=False), BeforeValidator(_upper)] = ("REJECTED",)
    table: Word | None = None
    unlisted: Literal["keep", "review", "exclude"] = "keep"

    @model_validator(mode="after")
    def _of_a_table(self) -> Self:
        if self.table is None and self.unlisted != "keep":
            raise ValueError("unlisted needs a table")
        unknown = set(self.exclude) - _STATUSES
        if self.table is None and unknown:
            raise ValueError(
                f"ApprovalStatus is never {', '.join(sorted(unknown))}, but {', '.join(sorted(_STATUSES))}"
            )
        return self


class Eligibility(Section):
    """Rules of which studies belong to the cohort; they judge the studies that hold a CT.

    study_date_after: a study must be younger; a missing or dummy date cannot be decided, and is for a person.
    study_must_contain: modalities that a study must hold.
    rules: the cohort's own, `package.module:function`, pure functions on the image summary (`Exclude`, `Review`).
    """

    study_date_after: dt.date | None = None
    study_must_contain: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")], ...], Field(strict=False)] = ()
    approval: Approval | None = None
    rules: Annotated[tuple[RulePath, ...], Field(strict=False)] = ()


@dataclass(frozen=True, slots=True)
class Exclude:
    """A cohort's own rule sets aside one study, or the patient where it names none."""

    reason: str
    study_instance_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A cohort's own rule asks for a person."""

    reason: str
