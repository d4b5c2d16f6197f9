"""`pdcp import-config`: where the cohort file comes to lie, what is printed, and what is never overwritten or shown."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pdcp_dagster.adapters.cohort_file import load_cohort
from pdcp_dagster.commands.deployment import Deployment, WrongConfiguration
from pdcp_dagster.commands.import_config import import_legacy_config

PASSWORD = "never-to-be-seen"
HN = {
    "version": "hn cohort 1",
    "required_modalities_for_patient": ["CT", "RTSTRUCT", "RTDOSE"],
    "required_modalities_for_patient_plus_rtplan": ["CT", "RTSTRUCT", "RTDOSE", "RTPLAN", "PT"],
    "study_desc_should_not_contain": ["lung"],
    "possibilities": ["gtv"],
    "ipport": "http://10.1.2.3:8042",
    "username": "ada",
    "password": PASSWORD,
    "suspicious_max_dose_lower_bound": 38,
    "suspicious_max_dose_upper_bound": 120,
    "[red]odd[/]\x1b[31m": 1,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A deployment without cohorts, a configuration beside it, and what is printed."""

    root: Path
    printed: io.StringIO = field(default_factory=io.StringIO)

    @property
    def cohorts(self) -> Path:
        return self.root / "deployment" / "cohorts"

    def import_config(self, content: object = HN, *, file: str = "codesconfig_HN.json", **options: Any) -> None:
        config = self.root / file
        config.write_text(json.dumps(content))
        environ = {"PDCP_COHORTS": str(self.cohorts), "PDCP_STORE": str(self.root / "store")}
        console = Console(file=self.printed, width=40, emoji=False)
        import_legacy_config(config, Deployment.from_environment(environ), console, **options)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_cohort_file_lies_among_the_cohorts_under_the_configurations_name(desk: Desk) -> None:
    desk.import_config()
    cohort = load_cohort(desk.cohorts / "hn.yaml")
    assert (cohort.name, cohort.version, cohort.linkage) == ("hn", "hn cohort 1", "CRD")
    assert not (desk.root / "store").exists()


def test_the_file_comes_first_and_then_a_line_for_each_remark(desk: Desk) -> None:
    desk.import_config()
    first, *others = desk.printed.getvalue().splitlines()
    assert first == f"Cohort file: {desk.cohorts / 'hn.yaml'}"
    assert [line.split(":")[0] for line in others] == [
        "[red]odd[/]\N{REPLACEMENT CHARACTER}[31m",
        "required_modalities_for_patient",
        "suspicious_max_dose_lower_bound, suspicious_max_dose_upper_bound",
        "ipport",
        "username",
        "password",
    ]


def test_a_password_is_neither_printed_nor_written(desk: Desk) -> None:
    desk.import_config()
    assert PASSWORD not in desk.printed.getvalue()
    assert PASSWORD not in (desk.cohorts / "hn.yaml").read_text()
    assert "ORTHANC_PASSWORD" in desk.printed.getvalue()
    assert "ORTHANC_PASSWORD" in (desk.cohorts / "hn.yaml").read_text()


def test_a_name_and_a_linkage_of_ones_own(desk: Desk) -> None:
    desk.import_config(name="head_neck", linkage="CR")
    assert load_cohort(desk.cohorts / "head_neck.yaml").linkage == "CR"


def test_an_output_gives_the_name_and_its_folder_is_made(desk: Desk) -> None:
    output = desk.root / "elsewhere" / "deep" / "throat.yaml"
    desk.import_config(output=output)
    assert load_cohort(output).name == "throat"
    assert not desk.cohorts.exists()


def test_a_file_that_is_there_is_replaced_by_force_only(desk: Desk) -> None:
    desk.import_config()
    there = (desk.cohorts / "hn.yaml").read_text()
    with pytest.raises(WrongConfiguration, match=r"hn\.yaml is there already.*--force"):
        desk.import_config({**HN, "version": "2"})
    assert (desk.cohorts / "hn.yaml").read_text() == there
    desk.import_config({**HN, "version": "2"}, force=True)
    assert load_cohort(desk.cohorts / "hn.yaml").version == "2"


def test_a_link_that_leads_nowhere_is_no_free_place(desk: Desk) -> None:
    desk.cohorts.mkdir(parents=True)
    (desk.cohorts / "hn.yaml").symlink_to(desk.root / "gone.yaml")
    with pytest.raises(WrongConfiguration, match="there already"):
        desk.import_config()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "Head"}, "no cohort can be called 'Head'"),
        ({"name": "../evil"}, "no cohort can be called '../evil'"),
        ({"name": "nul"}, "no cohort can be called 'nul'"),
        ({"output": Path("Throat.yaml")}, "no cohort can be called 'Throat'"),
        ({"output": Path("throat.yml")}, "must be in a file throat.yaml, not 'throat.yml'"),
        ({"output": Path("throat.yaml"), "name": "hn"}, "must be in a file hn.yaml, not 'throat.yaml'"),
    ],
)
def test_a_file_that_would_not_be_found_as_that_cohorts_is_refused(
    desk: Desk, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(WrongConfiguration, match=said) as error:
        desk.import_config(**options)
    assert error.value.exit_code == 2
    assert not desk.cohorts.exists()


def test_a_folder_in_the_place_of_the_file_is_refused_even_by_force(desk: Desk) -> None:
    (desk.cohorts / "hn.yaml").mkdir(parents=True)
    with pytest.raises(WrongConfiguration, match="is no file"):
        desk.import_config(force=True)


def test_what_is_no_json_object_is_a_wrong_configuration_in_one_line_and_writes_nothing(desk: Desk) -> None:
    with pytest.raises(WrongConfiguration, match="expected a JSON object") as error:
        desk.import_config([1, 2], file="codesconfig_\nHN.json", name="hn")
    assert "\n" not in error.value.message
    assert error.value.exit_code == 2
    assert not desk.cohorts.exists()
    assert desk.printed.getvalue() == ""
