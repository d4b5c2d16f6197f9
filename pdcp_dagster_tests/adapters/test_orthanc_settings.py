"""The settings of Orthanc: one clear line for each bad value, and never a password."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError, OrthancSettings, OrthancSettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = OrthancSettings.from_environment({"ORTHANC_PASSWORD": "", "PATH": "/bin"})
    assert settings == OrthancSettings()
    assert (settings.url, settings.connections, settings.timeout_s) == ("http://127.0.0.1:8042", 8, 120.0)
    assert (settings.verify_tls, settings.check_md5) == (True, True)


def test_the_environment_gives_every_setting(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    settings = OrthancSettings.from_environment(
        {
            "ORTHANC_URL": "https://pacs.example/orthanc/",
            "ORTHANC_USERNAME": "anna",
            "ORTHANC_PASSWORD": "horse",
            "ORTHANC_CA_BUNDLE": str(bundle),
            "ORTHANC_VERIFY_TLS": "FALSE",
            "ORTHANC_CONNECTIONS": "16",
            "ORTHANC_TIMEOUT": "2.5",
            "ORTHANC_CHECK_MD5": "no",
        }
    )
    assert settings == OrthancSettings(
        url="https://pacs.example/orthanc",
        username="anna",
        password="horse",
        ca_bundle=str(bundle),
        verify_tls=False,
        connections=16,
        timeout_s=2.5,
        check_md5=False,
    )
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 # our own


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ORTHANC_URL": "127.0.0.1:8042"}, "ORTHANC_URL must look like"),
        ({"ORTHANC_URL": "ftp://host"}, "ORTHANC_URL must look like"),
        ({"ORTHANC_URL": "http://"}, "ORTHANC_URL must look like"),
        ({"ORTHANC_URL": "http://host:port"}, "ORTHANC_URL is no URL"),
        ({"ORTHANC_URL": "http://host/?a=b"}, "must not contain blanks, '?' or '#'"),
        ({"ORTHANC_URL": "http://anna:horse@host"}, "use ORTHANC_USERNAME and ORTHANC_PASSWORD"),
        ({"ORTHANC_CONNECTIONS": "many"}, "ORTHANC_CONNECTIONS must be a whole number, not 'many'"),
        ({"ORTHANC_CONNECTIONS": "0"}, "ORTHANC_CONNECTIONS must be 1 to 64, not 0"),
        ({"ORTHANC_TIMEOUT": "soon"}, "ORTHANC_TIMEOUT must be a number of seconds, not 'soon'"),
        ({"ORTHANC_TIMEOUT": "nan"}, "ORTHANC_TIMEOUT must be seconds above 0"),
        ({"ORTHANC_TIMEOUT": "0"}, "ORTHANC_TIMEOUT must be seconds above 0"),
        ({"ORTHANC_VERIFY_TLS": "perhaps"}, "ORTHANC_VERIFY_TLS must be true or false, not 'perhaps'"),
        ({"ORTHANC_CHECK_MD5": "sometimes"}, "ORTHANC_CHECK_MD5 must be true or false, not 'sometimes'"),
        ({"ORTHANC_CA_BUNDLE": "/no/such.pem"}, "ORTHANC_CA_BUNDLE: there is no file '/no/such.pem'"),
        ({"ORTHANC_USERNAME": ""}, "ORTHANC_PASSWORD is set but ORTHANC_USERNAME is not"),
        ({"ORTHANC_USERNAME": "a:b"}, "ORTHANC_USERNAME must not contain a colon"),
    ],
)
def test_a_bad_value_is_one_line_without_the_password(environ: dict[str, str], said: str) -> None:
    with pytest.raises(OrthancSettingsError) as caught:
        OrthancSettings.from_environment({"ORTHANC_USERNAME": "anna", "ORTHANC_PASSWORD": "horse", **environ})
    assert said in str(caught.value)
    assert "horse" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_form_of_the_settings_shows_the_password() -> None:
    settings = OrthancSettings(username="anna", password="horse")
    assert "horse" not in f"{settings} {settings!r} {Orthanc(settings)!r}"
    assert str(settings) == "http://127.0.0.1:8042"


def test_errors_survive_the_way_between_processes() -> None:
    def tree(kind: type[OrthancError]) -> list[type[OrthancError]]:
        return [kind, *(each for below in kind.__subclasses__() for each in tree(below))]

    kinds = tree(OrthancError)
    assert len(kinds) == 8
    for kind in kinds:
        again = pickle.loads(pickle.dumps(kind("why")))  # noqa: S301 # our own
        assert (type(again), str(again)) == (kind, "why")
