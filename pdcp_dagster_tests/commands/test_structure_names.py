"""`pdcp structure-names`: a table for a person, and lines that are YAML whatever the names hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.commands.deployment import Deployment
from pdcp_dagster.commands.structure_names import map_lines, show_structure_names
from pdcp_dagster.domain.structure_names import StructureNameMap, name_key
from pdcp_dagster.stages.structure_name_table import STRUCTURE_NAME_COLUMNS

NAMES = ["Heart", "lt lung", "Lnug [bold]left[/]", "\x1b[31mRectum", "couch"]


def a_deployment(root: Path) -> Deployment:
    """One patient with a few names, and a map that knows one of them."""
    (root / "cohorts").mkdir()
    (root / "cohorts" / "breast.yaml").write_text("name: breast\nstructure_names: names.yaml\n")
    (root / "cohorts" / "names.yaml").write_text("version: names 1\nexact: {heart: Heart, couch: Cuoch}\n")
    environ = {"PDCP_COHORTS": str(root / "cohorts"), "PDCP_STORE": str(root / "store")}
    deployment = Deployment.from_environment(environ)
    folder = deployment.store.cohort("breast")
    structures = folder.patient("P1").file("structure_masks")
    structures.parent.mkdir(parents=True)
    write_table(pd.DataFrame({"patient_id": ["P1"], "partition_key": ["P1"]}), folder.file("patient_ids"))
    write_table(pd.DataFrame({"roi_name": NAMES}), structures)
    return deployment


def printed(deployment: Deployment, *, as_yaml: bool) -> str:
    console = Console(width=200, record=True, quiet=False, force_terminal=False)
    with console.capture() as capture:
        show_structure_names(deployment, "breast", console, as_yaml=as_yaml)
    return capture.get()


def test_the_table_tells_every_name_with_its_state_its_proposal_and_what_is_doubtful(tmp_path: Path) -> None:
    told = printed(a_deployment(tmp_path), as_yaml=False)
    assert "Lnug [bold]left[/]" in told
    assert "\x1b" not in told
    assert "propose Lung_L: the same letters" in told
    assert "0 conflict  3 unmapped  2 mapped  0 ignored  by names 1" in told
    assert "look at Cuoch is not in our list of TG-263 names" in told


def test_the_lines_can_be_pasted_into_the_map(tmp_path: Path) -> None:
    lines = printed(a_deployment(tmp_path), as_yaml=True)
    assert yaml.safe_load(lines) == {"exact": {"lt lung": "Lung_L"}}
    assert '  "lt lung": Lung_L  # 1 patient; the same letters' in lines.splitlines()
    assert "P1" not in lines


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=64), min_size=1, max_size=4, unique_by=name_key))
def test_whatever_names_hold_each_is_one_key_on_one_line(names: list[str]) -> None:
    """A name with a proposal is a key, one without a comment that is still one line."""
    rows = [
        {"roi_name": name, "patients": 2, "state": "unmapped", "proposal": "Heart" if at % 2 else None,
         "proposed_because": "a reason" if at % 2 else None}
        for at, name in enumerate(names)
    ]  # fmt: skip
    lines = map_lines(pd.DataFrame(rows, columns=list(STRUCTURE_NAME_COLUMNS)))
    assert len(lines.splitlines()) == 1 + len(names)
    assert lines.replace("\n", "").isprintable()
    found = yaml.safe_load(lines)["exact"] or {}
    assert found == dict.fromkeys(names[1::2], "Heart")
    if found:
        StructureNameMap.model_validate({"version": "1", "exact": found})
