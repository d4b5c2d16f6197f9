"""What several commands take, and how they end.

What lives here: options and exit codes. What does not: commands.
"""

from __future__ import annotations

import click

NAME = "A PatientID, or a partition key where the cohort hides PatientIDs"
FAILED, INTERRUPTED = 1, 130
COHORT = click.option("--cohort", required=True, help="Name of a cohort file in $PDCP_COHORTS, without .yaml.")
PATIENT = click.option("--patient", required=True, help=f"{NAME}.")
