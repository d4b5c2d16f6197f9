"""`pdcp import-config`: from a configuration of the original PDCP to a cohort file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pdcp_dagster.adapters.legacy_config_file import LegacyConfigError, read_legacy_config, write_imported_cohort
from pdcp_dagster.commands.deployment import WrongConfiguration, require_folder
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.domain.legacy_config import cohort_name, import_config

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from pdcp_dagster.commands.deployment import Deployment

_LONGEST_LINE = 1000


def import_legacy_config(
    config: Path,
    deployment: Deployment,
    console: Console,
    *,
    name: str | None = None,
    output: Path | None = None,
    linkage: str | None = None,
    force: bool = False,
) -> None:
    """Write the cohort file and print where it is and what could not be carried over.

    name: default: from the output's name, else from the configuration's. output: default: in the deployment's folder of
    cohorts. linkage: instead of the one that the required modalities give. force: replace a file that is there.
    """
    chosen = name or (output.stem if output else cohort_name(config.stem))
    path = (output or deployment.cohorts / f"{chosen}.yaml").absolute()
    _require_name(chosen)
    _require_place(path, chosen, force=force)
    try:
        legacy = read_legacy_config(config)
        imported = import_config(legacy.content, chosen, linkage=linkage, doubled=legacy.doubled)
        require_folder(path.parent)
        write_imported_cohort(path, imported, config.name)
    except LegacyConfigError as error:
        raise WrongConfiguration(one_line(str(error), _LONGEST_LINE)) from error
    console.print(f"Cohort file: {printable(path)}", soft_wrap=True)
    for remark in imported.remarks:
        console.print(printable(remark), soft_wrap=True)


def _require_name(name: str) -> None:
    try:
        Cohort(name=name)
    except ValidationError:
        said = (
            "expected a letter, then letters, digits and underscores, all lower case, at most 64, and no device's name"
        )
        raise WrongConfiguration(f"no cohort can be called {name!r}: {said}; set --name") from None


def _require_place(path: Path, name: str, *, force: bool) -> None:
    """End with one line where the file would not be found as that cohort's, or would replace another."""
    if path.name != f"{name}.yaml":
        raise WrongConfiguration(f"the cohort {name} must be in a file {name}.yaml, not {path.name!r}")
    try:
        there = path.exists() or path.is_symlink()
    except OSError as error:
        raise WrongConfiguration(f"{path} cannot be used: {error.strerror}") from error
    if there and not path.is_file():
        raise WrongConfiguration(f"{path} is there already, and is no file")
    if there and not force:
        raise WrongConfiguration(
            f"{path} is there already: choose another --name or --output, or replace it by --force"
        )
