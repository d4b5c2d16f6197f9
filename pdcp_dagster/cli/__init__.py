"""The `pdcp` command line: what can be asked for, and what each exit code means.

0: no patient failed (excluded is no failure). 1: some patients failed, their reasons last. 2: wrong configuration, or
Orthanc cannot be reached. 130, 143, 129: stopped by SIGINT (Ctrl-C), SIGTERM, SIGHUP.

What lives here: options, arguments and exit codes, a module per kind of command. What does not: what they do
(`commands`), which is imported when it is asked for, since Dagster costs seconds.
"""

from pdcp_dagster.cli import legacy, patients, phantoms, review, upkeep
from pdcp_dagster.cli.root import main

__all__ = ["legacy", "main", "patients", "phantoms", "review", "upkeep"]
