"""The command group that all commands of `pdcp` belong to."""

from __future__ import annotations

import click

from pdcp_dagster import __version__
from pdcp_dagster.commands.terminal import require_streams


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Turn an Orthanc PACS into analysis-ready radiotherapy data."""
    require_streams()
