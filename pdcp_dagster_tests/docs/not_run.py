"""Commands of the pages that no test of the pages gives, each with the reason; a command that is not here is run."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVES = "serves until it is interrupted; end_to_end/test_ui.py and test_ui_processes.py look at the same server"
_ROOT = "needs root, and changes the machine; the files that it installs are tested in docs/test_deployment_files.py"
_POSTGRES = "needs a PostgreSQL server; the settings are held against Dagster's schema in docs/test_deployment_files.py"
_GATE = "is what runs this test"

NOT_RUN: Mapping[str, str] = MappingProxyType(
    {
        "make demo": "installs, then does `pdcp demo run`, which end_to_end/test_demo.py gives",
        "make ui": _SERVES,
        "make install ORTHANC_URL=http://archive.example:8042": "needs a network; the gate gives it on a clean clone",
        "make test": _GATE,
        "make check": _GATE,
        "make bench": "takes minutes; bench/ has tests of its own",
        'make bench BENCH_ARGS="--only analytic"': "takes minutes; bench/ has tests of its own",
        "make bench-peers": "needs a network",
        'make soak SOAK_ARGS="--minutes 3 --patients 50"': "takes minutes; faults/ has tests of its own",
        ".venv/bin/python -m pytest -q pdcp_dagster_tests/domain": _GATE,
        ".venv/bin/pdcp demo mend": "needs the demo; end_to_end/test_mend.py gives it",
        ".venv/bin/dagster dev -w workspace.yaml": _SERVES,
        ".venv/bin/dagster dev -m my_assets": _SERVES,
        "useradd --system --home-dir /var/lib/pdcp --shell /usr/sbin/nologin pdcp": _ROOT,
        "install -d -o pdcp -g pdcp -m 0700 /var/lib/pdcp /var/lib/pdcp/store /var/lib/pdcp/dagster": _ROOT,
        "install -d -m 0755 /etc/pdcp": _ROOT,
        "install -o pdcp -g pdcp -m 0600 deploy/pdcp.env.example /etc/pdcp/pdcp.env": _ROOT,
        "install -o pdcp -g pdcp -m 0600 deploy/dagster-sqlite.yaml /var/lib/pdcp/dagster/dagster.yaml": _ROOT,
        "install -m 0644 deploy/pdcp-webserver.service deploy/pdcp-daemon.service /etc/systemd/system/": _ROOT,
        "systemctl daemon-reload": _ROOT,
        "systemctl enable --now pdcp-daemon.service pdcp-webserver.service": _ROOT,
        "journalctl -u pdcp-daemon.service --since today": _ROOT,
        "sudo -u pdcp bash -c 'set -a; . /etc/pdcp/pdcp.env; cd /srv/pdcp; exec bash'": _ROOT,
        ".venv/bin/python -m pip install dagster-postgres==0.29.27": "needs a network",
        "sudo -u postgres createuser --pwprompt dagster": _POSTGRES,
        "sudo -u postgres createdb --owner dagster dagster": _POSTGRES,
        "install -o pdcp -g pdcp -m 0600 deploy/dagster-postgres.yaml /var/lib/pdcp/dagster/dagster.yaml": _ROOT,
    }
)
