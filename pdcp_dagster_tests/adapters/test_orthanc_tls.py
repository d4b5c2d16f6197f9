"""TLS: who is trusted, what is said where nobody is, and that the environment has no say."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from pdcp_dagster.adapters.orthanc import (
    Orthanc,
    OrthancError,
    OrthancSettings,
    OrthancSettingsError,
    OrthancUnreachable,
)
from pdcp_dagster_tests.adapters.orthanc_fakes import Answer, BrokenServer, as_json

PASSWORD = "right horse/ü%"


def openssl(folder: Path, *arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed (Debian: apt-get install openssl)")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority of our own, `ca.pem`, and what it signed: `good`, `expired`, `elsewhere`; and `selfsigned`."""
    folder = tmp_path_factory.mktemp("certificates")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "here.cnf").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n")
    (folder / "elsewhere.cnf").write_text("subjectAltName=DNS:pacs.example\nbasicConstraints=critical,CA:FALSE\n")
    openssl(folder, "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=our own CA")
    for name, extensions, days in (("good", "here", "2"), ("expired", "here", "-1"), ("elsewhere", "elsewhere", "2")):
        openssl(folder, "req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{extensions}.cnf")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-days", days, "-out", f"{name}.pem")
    alone = ("-keyout", "selfsigned.key", "-out", "selfsigned.pem", "-subj", "/CN=me", "-addext")
    openssl(folder, "req", "-x509", *new_key, *alone, "subjectAltName=IP:127.0.0.1")
    return folder


@contextmanager
def serving(certificates: Path, name: str) -> Iterator[BrokenServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    server = BrokenServer(context)
    server.tell("/system", as_json({"Version": "1.12.9"}))
    try:
        yield server
    finally:
        server.close()


def refusal(settings: OrthancSettings) -> str:
    with Orthanc(settings) as client, pytest.raises(OrthancError) as caught:
        client.system()
    assert type(caught.value) is OrthancUnreachable
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_server_that_our_own_authority_vouches_for_is_trusted(certificates: Path) -> None:
    with serving(certificates, "good") as server:
        trusting = OrthancSettings(url=server.url, ca_bundle=str(certificates / "ca.pem"), timeout_s=5)
        with Orthanc(trusting) as client:
            assert client.system() == {"Version": "1.12.9"}
            assert client.system() == {"Version": "1.12.9"}
        assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [("selfsigned", "self-signed certificate"), ("expired", "expired"), ("elsewhere", "127.0.0.1")],
)
def test_a_certificate_that_proves_nothing_is_refused_in_one_line_and_asked_once(
    certificates: Path, name: str, said: str
) -> None:
    with serving(certificates, name) as server:
        line = refusal(OrthancSettings(url=server.url, ca_bundle=str(certificates / "ca.pem"), timeout_s=5))
        assert server.requests == []
    assert said in line
    assert "certificate is refused" in line


def test_an_authority_that_is_not_named_is_not_trusted(certificates: Path) -> None:
    with serving(certificates, "good") as server:
        assert "certificate is refused" in refusal(OrthancSettings(url=server.url, timeout_s=5))


def test_only_who_says_so_goes_without_verification(certificates: Path) -> None:
    with serving(certificates, "selfsigned") as server, warnings.catch_warnings():
        settings = OrthancSettings(url=server.url, verify_tls=False, timeout_s=5)
        with Orthanc(settings) as client:
            assert client.system() == {"Version": "1.12.9"}


def test_neither_bundles_nor_proxies_nor_passwords_of_the_environment_count(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login anna password horse\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificates / "ca.pem"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(certificates, "good") as server:
        assert "certificate is refused" in refusal(OrthancSettings(url=server.url, timeout_s=5))
        with Orthanc(OrthancSettings(url=server.url, ca_bundle=str(certificates / "ca.pem"), timeout_s=5)) as client:
            client.system()
        ((_, headers),) = server.requests
        assert "Authorization" not in headers


def test_plain_http_to_a_server_of_tls_is_told_in_one_line(certificates: Path) -> None:
    with serving(certificates, "good") as server:
        line = refusal(OrthancSettings(url=server.url.replace("https:", "http:"), timeout_s=5))
    assert "https://" in line


def test_tls_to_a_server_of_plain_http_is_told_in_one_line() -> None:
    server = BrokenServer()
    line = refusal(OrthancSettings(url=server.url.replace("http:", "https:"), timeout_s=5))
    server.close()
    assert "TLS" in line
    assert "http://" in line


def test_a_bundle_without_certificates_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    with pytest.raises(OrthancSettingsError, match="ORTHANC_CA_BUNDLE") as caught:
        Orthanc(OrthancSettings(url="https://127.0.0.1", ca_bundle=str(tmp_path / "empty.pem")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=401),
        Answer(status=403),
        Answer(status=404),
        Answer(status=500),
        Answer(status=503),
        Answer(status=302, headers={"Location": "/login"}),
        Answer(b"<html>"),
        Answer(b"[", length=9),
        Answer(b"[]", stall_s=0.5),
        Answer(b"[]", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_no_form_of_the_password_is_in_any_error(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAITS_S", "QUICK_WAITS_S"):
        monkeypatch.setattr(f"pdcp_dagster.adapters.orthanc.patience.{name}", ())
    server = BrokenServer()
    server.tell("/system", answer)
    token = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    with Orthanc(OrthancSettings(url=server.url, username="anna", password=PASSWORD, timeout_s=0.2)) as client:
        with pytest.raises(OrthancError) as caught:
            client.system()
        told = "".join(traceback.format_exception(caught.value)) + repr(client) + repr(client._connection)
    server.close()
    assert server.requests[0][1]["Authorization"] == f"Basic {token}"
    for form in (PASSWORD, quote(PASSWORD), token, repr(PASSWORD)[1:-1], "horse"):
        assert form not in told
