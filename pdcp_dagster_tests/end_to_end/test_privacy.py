"""What must not be told is told nowhere: the password at all, and PatientIDs where the cohort hides them.

One `pdcp run` over patients who pass, wait for a person, are excluded and fail for many reasons; then every byte that
it left or printed is looked through, compressed or not.
"""

from __future__ import annotations

import base64
import gzip
import html
import http.client
import json
import re
import sqlite3
import subprocess
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import psutil
import pyarrow.parquet as pq
import pydicom
import pytest
import yaml
from rich.console import Console

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings, OrthancSettingsError
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster.commands.dagster_instance import RunBroken
from pdcp_dagster.commands.deployment import Deployment
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.run import run_cohort
from pdcp_dagster.defs import collecting
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import damage_stored_file, stored_file, upload_folder
from pdcp_dagster.phantom.dicom_base import Chain
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp

pytestmark = pytest.mark.xdist_group("privacy")

USER = "ada"
PASSWORD = 'pä"ss\\ wörd%41{x}<&>'
WRONG = 'wröng"\\ %42{y}<&>'
COHORT = "hidden"
MARK = "Zqxjkvw"
"""Part of every PatientID and PatientName; its letters are written the same in every encoding of text."""
PASSES, REVIEWED, EXCLUDED = f"{MARK}-passes", f"{MARK} phantom", f"{MARK.lower()}-excluded"
DAMAGED, DENIED, UNREADABLE = f"{MARK.upper()}_damaged", f"{MARK}/denied", f"{MARK}.unreadable"
RULED, HOSTILE, ABSENT = f"{MARK}-ruled", f"../../{MARK}ü<b>", f"{MARK}-absent"
CHANGES: Mapping[str, Mapping[str, object]] = {
    PASSES: {},
    REVIEWED: {},
    EXCLUDED: {"modalities": ("CT", "RTSTRUCT", "RTPLAN")},
    DAMAGED: {},
    DENIED: {},
    UNREADABLE: {},
    RULED: {},
    HOSTILE: {},
}
ODD = "no such value"
STATUSES = {
    PASSES: "SUCCESS",
    REVIEWED: "REVIEW",
    EXCLUDED: "EXCLUDE",
    DAMAGED: "FAILED",
    DENIED: "FAILED",
    UNREADABLE: "FAILED",
    RULED: "FAILED",
    HOSTILE: "SUCCESS",
    ABSENT: "EXCLUDE",
}
MAY_NAME_PATIENTS = re.compile(
    rf"{COHORT}/(patient_ids|cohort_report|cohort_dvh)\.parquet"
    rf"|{COHORT}/(patients/[0-9a-f-]+|quarantine/[0-9a-f-]+/\d+)/"
    r"(image_summary\.parquet|dvh\.parquet|notes\.json|dicom/.+|manifests/verified_study\.json)"
)
"""The files of the store that hold PatientIDs by contract; README tells of them."""
RULE = """
def undecided(summary):
    patient = summary["patient_id"].iloc[0]
    if patient.endswith("ruled"):
        raise LookupError(f"no record of patient {patient}: ask")
"""


class Relay(ThreadingHTTPServer):
    """Between `pdcp` and Orthanc: passes everything on, but denies (401) the paths in `denied`."""

    def __init__(self, server: PrivateOrthanc) -> None:
        super().__init__(("127.0.0.1", 0), _Relayed)
        self.orthanc = server.url.removeprefix("http://")
        self.denied: set[str] = set()
        self.denials = 0


class _Relayed(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def do_GET(self) -> None:
        if self.path in self.server.denied:
            self.server.denials += 1
            self._answer(401, {}, b"")
            return
        connection = http.client.HTTPConnection(self.server.orthanc)
        connection.request("GET", self.path, headers={"Authorization": self.headers.get("Authorization", "")})
        answer = connection.getresponse()
        self._answer(answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, answer.read())
        connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A locked Orthanc with the patients, and the relay in front of it."""

    root: Path
    server: PrivateOrthanc
    relay: Relay

    def settings(self, **changes: str | Path) -> dict[str, str | Path]:
        """Environment variables that point `pdcp` here."""
        return {
            "PDCP_COHORTS": self.root / "cohorts",
            "PDCP_STORE": self.root / "store",
            "DAGSTER_HOME": self.root / "dagster",
            "PYTHONPATH": self.root / "rules",
            "ORTHANC_URL": f"http://127.0.0.1:{self.relay.server_port}",
            "ORTHANC_USERNAME": USER,
            "ORTHANC_PASSWORD": PASSWORD,
            **changes,
        }

    @property
    def store(self) -> CohortFolder:
        return Store(self.root / "store").cohort(COHORT)

    @property
    def keys(self) -> dict[str, str]:
        """Partition keys by PatientID."""
        table = read_table(self.store.file("patient_ids"))
        return dict(zip(table["patient_id"].astype(str), table["partition_key"].astype(str), strict=True))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    root = tmp_path_factory.mktemp("privacy")
    with PrivateOrthanc(root / "orthanc" / "storage", username=USER, password=PASSWORD) as server:
        relay = Relay(server)
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        archive = Archive(root, server, relay)
        _write_cohort(root)
        _admit_all(archive)
        yield archive
        relay.shutdown()
        relay.server_close()
        server.kill()


def _write_cohort(root: Path) -> None:
    (root / "cohorts").mkdir()
    (root / "rules").mkdir()
    (root / "rules" / "rule_of_privacy.py").write_text(RULE)
    listed = "".join(f'"{patient}"\n' for patient in ("patient_id", *CHANGES, ABSENT))
    (root / "cohorts" / f"{COHORT}.csv").write_text(listed, encoding="utf-8")
    content = {
        "name": COHORT,
        "partition_key": "orthanc_id",
        "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"},
        "eligibility": {"rules": ["rule_of_privacy:undecided"]},
        "patients": f"{COHORT}.csv",
    }
    (root / "cohorts" / f"{COHORT}.yaml").write_text(yaml.safe_dump(content))


def _admit_all(archive: Archive) -> None:
    chain = {}
    for number, (patient_id, changes) in enumerate(CHANGES.items()):
        fields: dict[str, Any] = {
            "slices": 12,
            "rois": tiny_rois(patient_id)[:4],
            "patient_name": f"{MARK}^{number}",
            **changes,
        }
        spec = tiny_spec(patient_id, 17, **fields)
        chain[patient_id] = Chain(spec, 1, 1)
        write_phantom(spec, archive.root / "phantoms" / str(number))
    for file in (archive.root / "phantoms" / "0").rglob("*.dcm"):
        _make_odd(file)
    settings = OrthancSettings(url=archive.server.url, username=USER, password=PASSWORD)
    with Orthanc(settings) as orthanc:
        upload_folder(orthanc, archive.root / "phantoms")
        ids = {patient.patient_id: patient.orthanc_id for patient in orthanc.patients()}
    damage_stored_file(archive.server, chain[DAMAGED].ct_uid(6))
    stored_file(archive.server, chain[UNREADABLE].uid("RTSTRUCT", "planned")).unlink()
    for series in archive.server.get(f"/patients/{ids[DENIED]}/series"):
        if series["MainDicomTags"]["Modality"] == "CT":
            archive.relay.denied |= {f"/instances/{instance}/file" for instance in series["Instances"]}


def _make_odd(file: Path) -> None:
    """Put in values that parsers like to complain of by name, none of which matters."""
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(file)
        data.PatientName = f"{MARK}^" + 200 * "x"
        data.OtherPatientIDs = 10 * [f"{MARK}-" + 80 * "y"]
        data.DeviceUID = f"1.2.{MARK}"
        data.PatientBirthDate = f"{MARK}"
        data.SpecificCharacterSet = f"ISO_IR {MARK}"
        data.StudyTime = data.StructureSetDate = data.ApprovalStatus = ODD
        data.SeriesNumber = "7.5"
        data.SoftwareVersions = 200 * ODD
        data.save_as(file)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, its exit code, and the command lines of all processes that it had."""

    code: int
    output: str
    errors: str
    command_lines: frozenset[str]

    @property
    def told(self) -> str:
        return self.output + self.errors + "\n".join(self.command_lines)


@pytest.fixture(scope="module")
def answer(archive: Archive, pdcp: Pdcp) -> Answer:
    """`pdcp run` over all patients."""
    lines: set[str] = set()
    with pdcp.start("run", "--cohort", COHORT, "--jobs", "2", **archive.settings()) as process:
        while True:
            lines |= set(_command_lines(process.pid))
            try:
                output, errors = process.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                continue
    return Answer(process.returncode, output, errors, frozenset(lines))


def _command_lines(pid: int) -> Iterator[str]:
    try:
        processes = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            yield " ".join(process.cmdline())
        except psutil.Error:
            continue


def test_every_patient_came_to_what_it_should(archive: Archive, answer: Answer) -> None:
    assert answer.code == 1, answer.errors
    report = read_table(archive.store.file("cohort_report"))
    assert dict(zip(report["patient_id"], report["status"], strict=True)) == STATUSES
    assert archive.relay.denials > 0
    assert any("forkserver" in line for line in answer.command_lines)


def test_the_password_is_nowhere_in_what_a_run_leaves_and_prints(archive: Archive, answer: Answer) -> None:
    assert seen_in(archive, forms_of(PASSWORD)) == []
    assert [form for form in forms_of(PASSWORD) if form in answer.told.encode()] == []


def test_a_password_that_is_refused_is_not_repeated(archive: Archive, pdcp: Pdcp) -> None:
    wrong = pdcp("run", "--cohort", COHORT, **archive.settings(ORTHANC_PASSWORD=WRONG))
    assert wrong.returncode == 2
    assert "refuses user name or password" in wrong.stderr
    assert [form for form in forms_of(WRONG) if form in (wrong.stdout + wrong.stderr).encode()] == []


def test_the_search_finds_a_password_in_every_form(archive: Archive, tmp_path: Path) -> None:
    """Else the laws above would say nothing."""
    for number, form in enumerate(forms_of(PASSWORD)):
        (tmp_path / f"{number}.json.gz").write_bytes(gzip.compress(b"{" + form + b"}"))
    found = seen_in(Archive(tmp_path, archive.server, archive.relay), forms_of(PASSWORD))
    assert len(found) == len(forms_of(PASSWORD))


def test_an_error_that_nobody_foresaw_tells_no_password(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    for name, value in archive.settings(PDCP_STORE=tmp_path / "store", DAGSTER_HOME=tmp_path / "dagster").items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.syspath_prepend(str(archive.root / "rules"))
    monkeypatch.setattr(collecting, "run_patients", broken)
    deployment = Deployment(archive.root / "cohorts", Store(tmp_path / "store"), tmp_path / "dagster")
    with pytest.raises(RunBroken, match="nobody foresaw this"):
        run_cohort(deployment, deployment.cohort(COHORT), (), 1, ProgressBar(Console(quiet=True)))
    here = Archive(tmp_path, archive.server, archive.relay)
    assert seen_in(here, [b"nobody foresaw this"]) != []
    assert seen_in(here, forms_of(PASSWORD)) == []


def test_settings_do_not_show_the_password_when_they_are_printed() -> None:
    settings = OrthancSettings(username=USER, password=PASSWORD)
    with Orthanc(settings) as orthanc:
        for shown in (repr(settings), str(settings), repr(orthanc), repr(vars(orthanc))):
            assert [form for form in forms_of(PASSWORD) if form in shown.encode()] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:{}@host",
        "http://ada:{}%40host:8042",
        "http://host/?password={}",
        "http://host#{}",
        "ada:{}",
        "http:/{}",
        "http://ada: {}",
    ],
)
def test_an_address_that_is_refused_is_not_repeated(url: str) -> None:
    address = url.format("Sesame")
    with pytest.raises(OrthancSettingsError) as refusal:
        OrthancSettings(url=address)
    assert "Sesame" not in "".join(traceback.format_exception(refusal.value))


def test_a_failed_patient_is_told_by_its_key_with_the_reason(archive: Archive, answer: Answer) -> None:
    for patient_id in (DAMAGED, DENIED, UNREADABLE, RULED):
        assert f"failed {archive.keys[patient_id]}: Failed at " in answer.errors
    assert f"no record of patient {archive.keys[RULED]}: ask" in answer.errors
    assert "not in the archive 1 of the cohort's list" in answer.errors


def test_users_see_nothing_that_parsers_say_of_odd_values(answer: Answer) -> None:
    told = [line for line in answer.errors.splitlines() if not line.startswith(("failed ", "not in the archive "))]
    assert told == []


@pytest.mark.usefixtures("answer")
def test_the_status_shows_keys_and_takes_either_name(archive: Archive, pdcp: Pdcp) -> None:
    keys = archive.keys
    names = ("--patient", keys[REVIEWED], "--patient", EXCLUDED, "--patient", ABSENT)
    status = pdcp("status", "--cohort", COHORT, *names, **archive.settings())
    assert keys[REVIEWED] in status.stdout
    assert keys[EXCLUDED] in status.stdout
    assert "2 EXCLUDE  1 REVIEW" in status.stdout
    assert MARK.lower() not in (status.stdout + status.stderr).lower()


@pytest.mark.usefixtures("answer")
def test_reviews_show_keys_and_take_either_name(archive: Archive, pdcp: Pdcp) -> None:
    key = archive.keys[REVIEWED]
    listed = pdcp("review", "list", "--cohort", COHORT, **archive.settings())
    wish = ("--reviewer", "Ada", "--reason", "no phantom", "--accept", "I_REV_005")
    decided = pdcp("review", "decide", "--cohort", COHORT, "--patient", key, *wish, **archive.settings())
    withdrawn = pdcp("review", "withdraw", "--cohort", COHORT, "--patient", REVIEWED, **archive.settings())
    for answered in (listed, decided):
        assert answered.returncode == 0, answered.stderr
        assert key in answered.stdout
        assert MARK.lower() not in (answered.stdout + answered.stderr).lower()
    assert withdrawn.returncode == 0, withdrawn.stderr


@pytest.mark.usefixtures("answer")
def test_a_quarantine_shows_keys_and_no_odd_values(archive: Archive, pdcp: Pdcp) -> None:
    prepared = pdcp("quarantine", "--cohort", COHORT, "--patient", archive.keys[PASSES], **archive.settings())
    assert prepared.returncode == 0, prepared.stderr
    assert archive.keys[PASSES] in prepared.stdout
    assert prepared.stderr == ""
    assert MARK.lower() not in prepared.stdout.lower()


def test_hidden_patient_ids_are_in_no_key_log_event_page_or_name(archive: Archive, answer: Answer) -> None:
    found = seen_in(archive, [MARK.encode()])
    assert [name for name in found if not MAY_NAME_PATIENTS.fullmatch(name.removeprefix("store/"))] == []
    assert not [path for path in _files(archive.root, "store", "dagster") if MARK.lower() in str(path).lower()]
    assert MARK.lower() not in answer.told.lower()


def forms_of(secret: str) -> list[bytes]:
    """Return the forms in which a password may be written down, as a whole."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    texts |= {repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3]}
    texts |= {json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret.encode())[2:-1]}
    whole = {f"{USER}:{secret}".encode(coding) for coding in ("utf-8", "latin-1")}
    encoded = {base64.b64encode(each) for each in whole | {secret.encode(), secret.encode("latin-1")}}
    return sorted({text.encode(coding) for text in texts for coding in ("utf-8", "latin-1")} | encoded)


def seen_in(archive: Archive, texts: list[bytes]) -> list[str]:
    """Return the files of store and Dagster instance that hold one of the texts, case aside."""
    wanted = [text.lower() for text in texts]
    return [
        path.relative_to(archive.root).as_posix()
        for path in _files(archive.root, "store", "dagster", ".")
        if any(text in content for content in map(bytes.lower, _contents(path)) for text in wanted)
    ]


def _files(root: Path, *folders: str) -> list[Path]:
    below = [root / name for name in folders if (root / name).is_dir()]
    if (root / "store").exists():
        below = [folder for folder in below if folder != root]
    return sorted({path for folder in below for path in folder.rglob("*") if path.is_file()})


def _contents(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes as they are, and what they say once decoded."""
    yield path.read_bytes()
    if path.suffix == ".gz":
        yield gzip.decompress(path.read_bytes())
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        yield repr((table.schema.metadata, table.to_pylist())).encode()
    elif path.suffix == ".db":
        yield from _rows(path)


def _rows(path: Path) -> Iterator[bytes]:
    """Yield the rows of a database; a long text is scattered over its file."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of the database itself
                yield from (str(cell).encode() for cell in row if isinstance(cell, str))
                yield from (cell for cell in row if isinstance(cell, bytes))
    database.close()
