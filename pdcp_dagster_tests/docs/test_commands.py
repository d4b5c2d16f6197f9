"""Every command of every page is given for real, in the pages' order, by a reader with a checkout and an archive."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.phantom.anatomy import LUNG_HU
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.docs.not_run import NOT_RUN
from pdcp_dagster_tests.docs.pages import commands, fences
from pdcp_dagster_tests.docs.workplace import BEFORE, COHORT, COMPLETE, LEAVES, TWO_STUDIES, Workplace, set_up

pytestmark = pytest.mark.xdist_group("docs_commands")

GIVEN = [command for command in commands() if command not in NOT_RUN]


@pytest.fixture(scope="module")
def workplace(orthanc: PrivateOrthanc, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return set_up(tmp_path_factory.mktemp("checkout"), orthanc)


@pytest.fixture(scope="module")
def given(workplace: Workplace) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return what a command answered; those before it on the pages were given before."""
    answers: dict[str, subprocess.CompletedProcess[str]] = {}

    def give(command: str) -> subprocess.CompletedProcess[str]:
        for each in GIVEN[: GIVEN.index(command) + 1]:
            if each not in answers:
                if each in BEFORE:
                    BEFORE[each](workplace)
                answers[each] = workplace.give(each)
        return answers[command]

    return give


@pytest.mark.parametrize("command", GIVEN)
def test_a_command_of_the_pages_does_its_work(
    command: str, given: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    answer = given(command)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_what_the_pages_commands_made_is_there(
    workplace: Workplace, given: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    given(GIVEN[-1])
    folder = Store(workplace.root / "pdcp_store").cohort(COHORT)
    assert (workplace.root / "cohorts" / "breast_2022.yaml").exists()
    assert (workplace.root / "legacy" / "patientnotes" / f"{COMPLETE}.json").exists()
    assert (folder.path / "quarantine" / TWO_STUDIES / "2").is_dir()
    assert list(folder.path.glob("commissioning/*/*.html"))
    assert not list(folder.path.glob(f"patients/{LEAVES}*")), "forgotten"
    (lung,) = read_table(folder.patient(COMPLETE).path / "lung_density.parquet").to_dict("records")
    assert lung["roi_name"] == "Lung_L"
    assert lung["mean_hu"] == pytest.approx(LUNG_HU, abs=30)  # the target reaches a little into it
    together = read_table(folder.path / "cohort_lung_density.parquet")
    expected = pd.DataFrame({"partition_key": [COMPLETE], "roi_name": ["Lung_L"], "mean_hu": [lung["mean_hu"]]})
    pd.testing.assert_frame_equal(together, expected, check_dtype=False)


def test_the_python_of_the_pages_runs_on_what_was_made(
    workplace: Workplace, given: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    given(GIVEN[-1])
    files = []
    for number, fence in enumerate(fences("python")):
        files.append(f"example_{number}.py")
        (workplace.root / files[-1]).write_text(f"# of {fence.page}\n{fence.text}")
    assert files
    program = "import runpy, sys; [runpy.run_path(file) for file in sys.argv[1:]]"
    answer = workplace.give(f".venv/bin/python -W error -c '{program}' {' '.join(files)}")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_no_command_is_excused_that_no_page_tells_of() -> None:
    assert not set(NOT_RUN) - set(commands())
    assert not set(BEFORE) - set(GIVEN)
