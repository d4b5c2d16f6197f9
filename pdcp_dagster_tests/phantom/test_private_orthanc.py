"""The private Orthanc: its own port and storage, found or missed in plain words, and gone with its parent."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom import orthanc_server
from pdcp_dagster.phantom.anatomy import tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import OrthancDied, OrthancMissing, PrivateOrthanc, find_orthanc
from pdcp_dagster.phantom.patient import write_phantom

PARENT = """
import sys, time
from pathlib import Path
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
server = PrivateOrthanc(Path(sys.argv[1])).start()
print(server.pid, flush=True)
time.sleep(600)
"""


def family(keeper_pid: int) -> list[psutil.Process]:
    """The keeper and its Orthanc."""
    keeper = psutil.Process(keeper_pid)
    return [keeper, *keeper.children()]


def soon(what: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_two_servers_at_once_are_strangers_and_one_asks_for_a_password(tmp_path: Path) -> None:
    with (
        PrivateOrthanc(tmp_path / "a") as first,
        PrivateOrthanc(tmp_path / "b", username="ada", password="secret") as second,
    ):
        assert first.url != second.url
        assert first.get("/patients") == second.get("/patients") == []
        assert {first.url.rsplit(":", 1)[1], second.url.rsplit(":", 1)[1]}.isdisjoint({"8042", "4242"})
        second.password = "wrong"
        with pytest.raises(urllib.error.HTTPError) as refusal:
            second.get("/system")
        assert refusal.value.code == 401
        refusal.value.close()
        assert first.storage.is_dir()
        processes = family(first.pid or 0)
        second.kill()
    assert all(gone(process) for process in processes)
    assert (first.pid, second.pid) == (None, None)


def test_it_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "s")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        processes = family(int(parent.stdout.readline()))
        assert [process.name() for process in processes][1:] == ["Orthanc"]
        parent.send_signal(signal.SIGKILL)
        # The parent is not reaped yet: a zombie counts as dead.
        assert soon(lambda: all(gone(process) for process in processes))


def test_it_dies_with_its_keeper_and_survives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = PrivateOrthanc(tmp_path / "s")
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    time.sleep(0.3)
    assert server.get("/patients") == []
    keeper, orthanc = family(server.pid or 0)
    keeper.kill()
    assert soon(lambda: gone(orthanc))
    server.stop()


def test_a_port_that_somebody_took_meanwhile_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        free = orthanc_server._free_port()
        ports = [free, taken]
        monkeypatch.setattr(orthanc_server, "_free_port", ports.pop)
        with PrivateOrthanc(tmp_path / "s") as server:
            assert server.url == f"http://127.0.0.1:{free}"
            server.kill()


def test_a_second_server_on_the_same_storage_dies_and_shows_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orthanc_server, "_TRIES", 1)
    with PrivateOrthanc(tmp_path / "s") as server:
        with pytest.raises(OrthancDied, match="database is locked"):
            PrivateOrthanc(tmp_path / "s").start()
        assert server.get("/patients") == []
        server.kill()


def test_without_a_program_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORTHANC_EXECUTABLE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(orthanc_server, "_DEBIANS", str(tmp_path / "Orthanc"))
    with pytest.raises(OrthancMissing) as missing:
        PrivateOrthanc(tmp_path / "s").start()
    for hint in ("apt-get install orthanc", "ORTHANC_EXECUTABLE=", "ORTHANC_URL="):
        assert hint in str(missing.value)


def test_the_program_that_is_named_is_the_one_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "MyOrthanc"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("ORTHANC_EXECUTABLE", str(program))
    assert find_orthanc() == str(program)
    monkeypatch.setenv("ORTHANC_EXECUTABLE", str(tmp_path / "absent"))
    with pytest.raises(OrthancMissing, match="absent is not a program"):
        find_orthanc()


def test_the_same_storage_keeps_its_patients_from_one_start_to_the_next_even_after_a_kill(tmp_path: Path) -> None:
    spec = tiny_spec("kept", 7, modalities=("RTPLAN",))
    write_phantom(spec, tmp_path / "files")
    with PrivateOrthanc(tmp_path / "s") as server, Orthanc(OrthancSettings(url=server.url)) as client:
        assert upload_folder(client, tmp_path / "files") == {"Success": 1}
        server.kill()
    with PrivateOrthanc(tmp_path / "s") as server, Orthanc(OrthancSettings(url=server.url)) as client:
        assert [patient.patient_id for patient in client.patients()] == ["kept"]
        assert upload_folder(client, tmp_path / "files") == {"AlreadyStored": 1}
        server.kill()
    assert {"s", "s.index", "s.json", "s.log"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "s.json").stat().st_mode & 0o077 == 0
