"""The counts of the attrition diagram: everybody once, in the order of the steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.attrition import Group, attrition_of
from pdcp_dagster.domain.codes import CODES, STEPS, Effect, Status

COHORT = [
    ("SUCCESS", ["I_SUCC_001", "XXVI_SUCC_001"]),
    ("EXCLUDE", ["I_NOTE_001", "I_EXEC_005"]),
    ("EXCLUDE", ["I_SUCC_001", "II_REV_002", "II_EXEC_002"]),
    ("REVIEW", ["I_SUCC_001", "II_REV_009", "XXIV_REV_001"]),
    ("EXCLUDE", ["I_EXEC_001"]),
    ("FAILED", ["I_SUCC_001", "II_REV_009"]),
    ("EXCLUDE", ["I_EXEC_005"]),
    ("PENDING", []),
    ("REVIEW", ["I_REV_004"]),
    ("EXCLUDE", ["II_REV_001", "XXIV_EXEC_003"]),
]
Patients = st.lists(
    st.tuples(
        st.sampled_from([*Status, "", "None", "UNHEARD_OF"]),
        st.lists(st.sampled_from([*CODES, "NO_SUCH_CODE", "<b>"]), max_size=6),
    ),
    max_size=40,
)


def told(groups: tuple[Group, ...]) -> dict[str | None, tuple[int, ...]]:
    return {group.code: group.patients for group in groups}


def test_each_step_tells_whom_it_excludes_by_code_and_how_many_are_left() -> None:
    steps = attrition_of(COHORT).steps
    assert [(step.step, told(step.excluded), step.left) for step in steps] == [
        ("I", {"I_EXEC_001": (4,), "I_EXEC_005": (1, 6)}, 7),
        ("II", {"II_EXEC_002": (2,)}, 6),
        ("XXIV", {"XXIV_EXEC_003": (9,)}, 5),
    ]


def test_whoever_is_to_review_stands_with_the_first_code_that_asks_for_a_person() -> None:
    assert told(attrition_of(COHORT).review) == {"I_REV_004": (8,), "II_REV_009": (3,)}


def test_the_failed_the_pending_and_the_ready_are_not_told_apart_by_codes() -> None:
    found = attrition_of(COHORT)
    assert (found.failed.patients, found.pending.patients, found.success.patients) == ((5,), (7,), (0,))
    assert {group.code for group in (found.failed, found.pending, found.success)} == {None}


def test_a_status_that_is_none_is_pending() -> None:
    assert attrition_of([("", []), ("None", ["I_EXEC_005"])]).pending.patients == (0, 1)


def test_an_exclusion_that_no_registered_code_explains_comes_last_and_is_counted() -> None:
    found = attrition_of([("EXCLUDE", ["NO_SUCH_CODE"]), ("EXCLUDE", ["I_EXEC_004"]), ("REVIEW", ["I_SUCC_001"])])
    assert [(step.step, told(step.excluded), step.left) for step in found.steps] == [
        ("I", {"I_EXEC_004": (1,)}, 2),
        ("", {None: (0,)}, 1),
    ]
    assert told(found.review) == {None: (2,)}


def test_a_cohort_without_patients_has_no_steps() -> None:
    found = attrition_of([])
    assert (found.total, found.steps, found.review) == (0, (), ())


@given(Patients)
def test_everybody_is_in_exactly_one_group(patients: list[tuple[str, list[str]]]) -> None:
    found = attrition_of(patients)
    members = [patient for group in found.groups() for patient in group.patients]
    assert sorted(members) == list(range(len(patients)))
    assert found.total == len(patients)
    names = [(group.status, group.code) for group in found.groups()]
    assert len(set(names)) == len(names)


@given(Patients)
def test_what_is_left_after_a_step_is_what_was_left_before_less_whom_it_excludes(
    patients: list[tuple[str, list[str]]],
) -> None:
    found = attrition_of(patients)
    left = len(patients)
    for step in found.steps:
        left -= sum(len(group.patients) for group in step.excluded)
        assert step.left == left
    ends = (*found.review, found.failed, found.pending, found.success)
    assert left == sum(len(group.patients) for group in ends)


@given(Patients)
def test_steps_come_in_their_order_and_codes_in_that_of_the_registry(patients: list[tuple[str, list[str]]]) -> None:
    found = attrition_of(patients)
    order = [*STEPS, ""]
    places = [order.index(step.step) for step in found.steps]
    assert places == sorted(set(places))
    for groups in (*(step.excluded for step in found.steps), found.review):
        codes = [list(CODES).index(group.code) if group.code else len(CODES) for group in groups]
        assert codes == sorted(codes)


def test_every_code_that_excludes_belongs_to_a_step_that_has_a_name() -> None:
    assert {entry.step for entry in CODES.values() if entry.effect is Effect.EXCLUDE} <= set(STEPS)
