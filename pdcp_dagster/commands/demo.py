"""`pdcp demo`: phantom patients, a private Orthanc, the whole pipeline, and what to look at next.

<root>/phantoms   DICOM files with their exact answers      <root>/orthanc   the private archive's storage
<root>/store      what the pipeline writes                  <root>/dagster   the Dagster instance
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError, OrthancSettings
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.commands.dagster_ui import require_free_port, serve_ui
from pdcp_dagster.commands.deployment import Deployment, WrongConfiguration, require_folder, require_orthanc
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.tables import patient_table, printable
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.phantom.archive import damage_stored_file, mend_storage, upload_folder
from pdcp_dagster.phantom.cohort import COHORT_FILE, read_cohort, write_cohort
from pdcp_dagster.phantom.orthanc_server import OrthancDied, OrthancMissing, PrivateOrthanc
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.report import cohort_report_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from pdcp_dagster.phantom.cohort import CohortEntry

COHORT = "demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """The folders of a demo."""

    root: Path

    @property
    def phantoms(self) -> Path:
        """The phantom patients' files."""
        return self.root / "phantoms"

    @property
    def storage(self) -> Path:
        """The private archive's storage."""
        return self.root / "orthanc"

    @property
    def deployment(self) -> Deployment:
        """The demo's own deployment; its cohort file is the project's, or the one in PDCP_COHORTS."""
        cohorts = Path(os.environ.get("PDCP_COHORTS", "cohorts")).absolute()
        if not (cohorts / f"{COHORT}.yaml").is_file():
            raise WrongConfiguration(f"{cohorts / COHORT}.yaml is not there: run the demo from the project's folder")
        return Deployment(cohorts=cohorts, store=Store(self.root / "store"), dagster_home=self.root / "dagster")

    @property
    def uploaded(self) -> bool:
        """Whether the archive has the phantom cohort as it is now: a later version may have more patients."""
        mark = self.root / ".uploaded"
        return mark.exists() and mark.read_text() == self._edition()

    def mark_uploaded(self) -> None:
        """Remember that the archive has the phantom cohort as it is now."""
        (self.root / ".uploaded").write_text(self._edition())

    def _edition(self) -> str:
        return hashlib.sha256((self.phantoms / COHORT_FILE).read_bytes()).hexdigest()

    def marked(self, event: str) -> bool:
        """Whether this happened before: `damaged`, `mended`."""
        return (self.root / f".{event}").exists()

    def mark(self, event: str) -> None:
        """Remember that this happened."""
        (self.root / f".{event}").touch()


def run_demo(root: Path, console: Console) -> bool:
    """Run the demo and return whether every patient ended as the phantom cohort says."""
    demo = Demo(root)
    demo.deployment  # noqa: B018 - says what is wrong before anything is written
    require_folder(root)
    console.print("Phantom patients, with exact answers for every volume and dose ...")
    write_cohort(demo.phantoms)
    patients = read_cohort(demo.phantoms)
    if _all_as_expected(demo, patients):
        console.print("Everything is there already; nothing was changed.")
    else:
        with _archive(demo, patients, console):
            require_orthanc()
            from pdcp_dagster.commands.run import run_cohort  # noqa: PLC0415 - Dagster costs seconds to import

            run_cohort(demo.deployment, demo.deployment.cohort(COHORT), (), os.cpu_count() or 1, ProgressBar(console))
    _show(demo, console)
    wrong = [patient.patient_id for patient in patients if not _as_expected(demo, patient)]
    if wrong:
        console.print(f"[red]Not as the phantom cohort says:[/] {printable(', '.join(map(repr, wrong)))}")
    return not wrong


def serve_demo(root: Path, port: int, console: Console) -> int:
    """Run the Dagster UI on the demo, with its Orthanc, until interrupted; return the UI's exit code."""
    demo = Demo(root)
    if not demo.uploaded:
        raise WrongConfiguration("there is no demo yet, or an older one: `make demo` first")
    require_free_port(port)
    console.print("Orthanc and Dagster are starting ...")
    with _archive(demo, read_cohort(demo.phantoms), console):
        return serve_ui(demo.deployment, port, console)


def mend_demo(root: Path, console: Console) -> None:
    """Put the damaged file right, as an archive's keeper would; the UI may run meanwhile."""
    demo = Demo(root)
    if not demo.marked("damaged"):
        raise WrongConfiguration("nothing is damaged: `make demo` first")
    mend_storage(demo.storage)
    demo.mark("mended")
    for patient in read_cohort(demo.phantoms):
        if patient.damage is not None:
            console.print(f"The stored file of patient {patient.patient_id} is whole again. Run that patient again:")
            console.print("  in the UI: Jobs > collect_demo > Materialize all > Failed > Launch; or: make demo")


def _private_orthanc(demo: Demo) -> PrivateOrthanc:
    """Return the demo's own server, running; the message of one that cannot be had says what to do."""
    try:
        return PrivateOrthanc(demo.storage).start()
    except (OrthancMissing, OrthancDied) as error:
        raise WrongConfiguration(str(error)) from error


class _archive:  # noqa: N801 - reads as a function where it is used
    """The demo's archive, filled: a private Orthanc, or the one that ORTHANC_URL names."""

    def __init__(self, demo: Demo, patients: Sequence[CohortEntry], console: Console) -> None:
        self._demo, self._patients, self._console = demo, patients, console
        self._server: PrivateOrthanc | None = None

    def __enter__(self) -> None:
        if "ORTHANC_URL" not in os.environ:
            self._server = _private_orthanc(self._demo)
            os.environ["ORTHANC_URL"] = self._server.url
        try:
            self._fill()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            del os.environ["ORTHANC_URL"]
            self._server.stop()

    def _fill(self) -> None:
        demo = self._demo
        if not demo.uploaded:
            self._console.print("Uploading them to Orthanc ...")
            try:
                with Orthanc(OrthancSettings.from_environment(os.environ)) as orthanc:
                    upload_folder(orthanc, demo.phantoms)
            except OrthancError as error:
                raise WrongConfiguration(str(error)) from error
            demo.mark_uploaded()
        if self._server is not None and not demo.marked("damaged"):
            for patient in self._patients:
                if patient.damage is not None:
                    damage_stored_file(self._server, patient.damage)
            demo.mark("damaged")


def _all_as_expected(demo: Demo, patients: Sequence[CohortEntry]) -> bool:
    report = demo.deployment.store.cohort(COHORT).file("cohort_report")
    return report.exists() and all(_as_expected(demo, patient) for patient in patients)


def _as_expected(demo: Demo, patient: CohortEntry) -> bool:
    standing = standing_of(demo.deployment.store.cohort(COHORT).patient(partition_key(patient.patient_id)))
    sound = patient.damage is not None and (demo.marked("mended") or not demo.marked("damaged"))
    expected = Status.SUCCESS if sound else Status(patient.status)
    return standing.status is expected and (patient.code is None or standing.code == patient.code)


def _show(demo: Demo, console: Console) -> None:
    folder = demo.deployment.store.cohort(COHORT)
    table = cohort_report_table(folder)
    console.print(patient_table("The demo cohort", table.to_dict("records")))
    counts = table["status"].value_counts()
    console.print("  ".join(f"{counts.get(str(status), 0)} {status}" for status in Status if counts.get(str(status))))
    for line in _next_steps(demo):
        console.print(line, soft_wrap=True, highlight=False)


def _next_steps(demo: Demo) -> Iterator[str]:
    cohort = demo.deployment.store.cohort(COHORT)
    store = cohort.path
    yield ""
    yield "[bold]Look at[/]"
    yield f"  the cohort report      {printable(store / 'cohort_report.html')}"
    yield f"  a patient's pictures   {printable(cohort.patient('P1').path / 'central_slices')}"
    yield f"  all DVH metrics        {printable(store / 'cohort_dvh.parquet')}"
    yield "[bold]Next[/]"
    yield "  make ui                the same in Dagster: lineage, partitions, pictures"
    if demo.marked("damaged") and not demo.marked("mended"):
        yield "  .venv/bin/pdcp demo mend   repair the damaged file of P14; then `make demo` runs again"
