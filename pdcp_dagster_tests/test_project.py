"""The project itself: its floors hold, its dependencies are exact, its files name no machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", "--config", "setup.cfg"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "planted", "broken"),
    [
        ("domain/volume.py", "import dagster", "The domain has no I/O, no network, no framework BROKEN"),
        ("domain/volume.py", "import pydicom", "The domain has no I/O, no network, no framework BROKEN"),
        ("domain/volume.py", "import pdcp_dagster.adapters.store", "Five floors, imports only downward BROKEN"),
        ("adapters/store/marks.py", "import pdcp_dagster.adapters.parquet", "Adapters do not know one another BROKEN"),
        (
            "stages/chain.py",
            "import dagster",
            "Stages, phantoms and adapters know no Dagster and no command line BROKEN",
        ),
        ("phantom/truth.py", "import pdcp_dagster.stages.chain", "Five floors, imports only downward BROKEN"),
    ],
)
def test_an_import_that_goes_up_fails_the_check(tmp_path: Path, module: str, planted: str, broken: str) -> None:
    shutil.copytree(ROOT / "pdcp_dagster", tmp_path / "pdcp_dagster", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    source = tmp_path / "pdcp_dagster" / module
    source.write_text(source.read_text() + f"\n{planted}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert broken in result.stdout


def test_every_dependency_is_pinned_by_name_and_version_and_no_address() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", constraints, flags=re.MULTILINE))
    assert "://" not in constraints
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-") for requirement in wanted}
    assert names <= {name.lower().replace("_", "-") for name in pins}
    assert pins["dagster"] == pins["dagster-webserver"] == "1.13.27"


def test_importing_the_package_is_cheap_and_the_loader_is_there() -> None:
    program = (
        "import sys, pdcp_dagster; assert not {'numpy', 'dagster', 'SimpleITK'} & set(sys.modules);"
        "assert callable(pdcp_dagster.load_patient_images)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
