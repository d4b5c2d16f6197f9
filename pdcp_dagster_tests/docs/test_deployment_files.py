"""The files of `deploy`: Dagster takes the settings, systemd the units; every program and option in them is there."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.config import dagster_instance_config
from dagster._daemon.cli import run_command
from dagster_webserver.cli import dagster_webserver

from pdcp_dagster.commands.deployment import DAGSTER_YAML
from pdcp_dagster_tests.docs.pages import PROJECT, commands, text_of

DEPLOY = PROJECT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
SETTINGS = sorted(DEPLOY.glob("dagster-*.yaml"))
WHERE = "/srv/pdcp"
PROGRAMS = {"dagster-webserver": dagster_webserver, "dagster-daemon": run_command}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # names of systemd's settings keep their case
    parser.read(path, encoding="utf-8")
    return parser


def environment() -> dict[str, str]:
    """Return what the shell makes of the example of the env file."""
    file = DEPLOY / "pdcp.env.example"
    names = re.findall(r"^(\w+)=", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    answer = subprocess.run(
        ["sh", "-c", f'set -a; . "$0"; for name in {" ".join(names)}; do printenv "$name"; done', file],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(names, answer.stdout.splitlines(), strict=True))


def with_settings(file: Path, home: Path, patch: pytest.MonkeyPatch) -> Path:
    """Lay a file into a Dagster home as its dagster.yaml, with the example's variables set."""
    for name, value in environment().items():
        patch.setenv(name, value)
    patch.setenv("DAGSTER_HOME", str(home))
    shutil.copy(file, home / "dagster.yaml")
    return home


def test_both_kinds_of_records_and_both_services_are_there() -> None:
    assert [path.stem for path in SETTINGS] == ["dagster-postgres", "dagster-sqlite"]
    assert [path.stem for path in UNITS] == ["pdcp-daemon", "pdcp-webserver"]


@pytest.mark.parametrize("file", SETTINGS, ids=lambda path: path.stem)
def test_dagsters_schema_takes_the_settings(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = dagster_instance_config(str(with_settings(file, tmp_path, monkeypatch)))
    assert settings["telemetry"] == {"enabled": False}
    assert settings["nux"] == {"enabled": False}
    assert settings["run_retries"] == {"enabled": True, "retry_on_asset_or_op_failure": False}
    assert settings["run_monitoring"]["enabled"] is True
    assert settings["concurrency"]["runs"]["max_concurrent_runs"] == 2


def test_a_misspelt_setting_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = with_settings(DEPLOY / "dagster-sqlite.yaml", tmp_path, monkeypatch)
    changed = (home / "dagster.yaml").read_text().replace("run_monitoring", "run_monitorings")
    (home / "dagster.yaml").write_text(changed)
    with pytest.raises(dg.DagsterInvalidConfigError):
        dagster_instance_config(str(home))


def test_dagster_opens_its_records_with_the_settings_for_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = with_settings(DEPLOY / "dagster-sqlite.yaml", tmp_path, monkeypatch)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
        assert type(instance.run_storage).__name__ == "SqliteRunStorage"
        assert instance.run_retries_enabled
        assert not instance.nux_enabled
    assert list(home.rglob("runs.db"))


def test_the_settings_for_postgres_name_the_driver_and_hold_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = with_settings(DEPLOY / "dagster-postgres.yaml", tmp_path, monkeypatch)
    settings, _ = dagster_instance_config(str(home))
    assert settings["storage"]["postgres"]["postgres_db"] == {
        "scheme": "postgresql+psycopg2",
        "hostname": {"env": "PDCP_POSTGRES_HOST"},
        "db_name": {"env": "PDCP_POSTGRES_DB"},
        "username": {"env": "PDCP_POSTGRES_USERNAME"},
        "password": {"env": "PDCP_POSTGRES_PASSWORD"},
        "port": 5432,
    }
    assert {"PDCP_POSTGRES_HOST", "PDCP_POSTGRES_DB", "PDCP_POSTGRES_USERNAME"} <= set(environment())


def test_the_package_for_postgres_is_the_one_of_this_dagster() -> None:
    (wanted,) = [command for command in commands() if "dagster-postgres==" in command]
    # Dagster's own libraries are released with it, at minor version + 16 below 1.0.
    _, minor, patch = version("dagster").split(".")
    assert wanted.endswith(f"dagster-postgres==0.{int(minor) + 16}.{patch}")


def test_what_the_commands_write_themselves_and_what_is_shipped_are_of_one_mind(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    own, _ = dagster_instance_config(str(tmp_path))
    shipped, _ = dagster_instance_config(str(DEPLOY), "dagster-sqlite.yaml")
    for key in ("telemetry", "nux", "run_monitoring", "run_retries", "concurrency"):
        assert own[key] == shipped[key]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_program_of_a_unit_is_installed_and_knows_its_options(path: Path) -> None:
    service = unit(path)["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.startswith(f"{WHERE}/.venv/bin/")
    assert shutil.which(Path(sys.executable).with_name(Path(program).name)) is not None
    # Asked in this process: each program takes seconds to say its --help.
    known = {option for each in PROGRAMS[Path(program).name].params for option in each.opts}
    options = {word for word in arguments if word.startswith("-")}
    assert "--workspace" in options
    assert options <= known
    assert f"{WHERE}/workspace.yaml" in arguments
    assert (PROJECT / "workspace.yaml").exists()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_service_has_its_own_user_its_passwords_in_a_file_and_writes_below_one_folder(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "pdcp"
    assert service["EnvironmentFile"] == "/etc/pdcp/pdcp.env"
    assert "Environment" not in service
    assert service["UMask"] == "0077"
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", "/var/lib/pdcp")
    assert (service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == ("yes", "")
    assert service["Restart"] == "on-failure"
    for variable in ("PDCP_STORE", "DAGSTER_HOME"):
        assert environment()[variable].startswith("/var/lib/pdcp/")


def test_dagsters_records_are_made_by_one_service_before_the_other_starts() -> None:
    daemon, web = unit(DEPLOY / "pdcp-daemon.service"), unit(DEPLOY / "pdcp-webserver.service")
    assert daemon["Service"]["ExecStartPre"] == f"{WHERE}/.venv/bin/dagster instance info"
    assert "pdcp-daemon.service" in web["Unit"]["After"].split()
    assert "pdcp-daemon.service" in web["Unit"]["Wants"].split()


def test_the_web_server_listens_to_nobody_outside() -> None:
    arguments = shlex.split(unit(DEPLOY / "pdcp-webserver.service")["Service"]["ExecStart"])
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"


def test_the_file_with_the_passwords_is_installed_for_one_user_alone() -> None:
    (line,) = [command for command in commands() if command.endswith("/etc/pdcp/pdcp.env")]
    assert line.startswith("install -o pdcp -g pdcp -m 0600 ")
    assert all(f"{path.name}" in text_of("docs/deployment.md") for path in DEPLOY.iterdir())


def verified(folder: Path, change: str = WHERE, to: str = "") -> subprocess.CompletedProcess[str]:
    """Have systemd look at the units as they would be on a machine whose checkout and user are ours."""
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace(WHERE, str(folder / "srv"))
        text = re.sub("^(User|Group)=pdcp$", r"\1=root", text, flags=re.MULTILINE)
        (folder / path.name).write_text(text.replace(change, to) if to else text)
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(folder / path.name for path in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here; the laws above hold all the same")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)
    answer = verified(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert verified(tmp_path, "ProtectSystem=strict", "ProtectSystems=strict").stderr != ""
