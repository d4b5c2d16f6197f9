"""How exact and how fast: verdicts, analytic cases, masks, one patient, other programs on the same files, `pdcp run`.

    python -m pdcp_dagster_tests.bench [--only analytic masks ...] [--patients 8] [--summaries 10000] [--repeats 3]

Prints figures of one run on one machine, to be compared with one another and never asserted, and beside the project's
targets whether they were met or missed. Other programs take part where `make bench-peers` has brought them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pdcp_dagster_tests.bench import analytic, mask_oracle, nifti_peer, one_patient, peers, printed, printed_scale
from pdcp_dagster_tests.bench.analytic_cases import SLICES_MM
from pdcp_dagster_tests.bench.end_to_end import run_patients
from pdcp_dagster_tests.bench.many_files import measure_listing, measure_tables
from pdcp_dagster_tests.bench.orchestration import TARGETS, measure_orchestration, real_outcome
from pdcp_dagster_tests.bench.peers_analytic import PeerEngine, written
from pdcp_dagster_tests.bench.retrieval import measure_retrieval
from pdcp_dagster_tests.bench.scale import measure_from_tags
from pdcp_dagster_tests.bench.second_run import measure_second_run
from pdcp_dagster_tests.bench.verification import ROWS, measure_verification


def main() -> None:
    """Measure and print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="the parts to run; all of them")
    parser.add_argument("--patients", type=int, default=8, help="of the part end-to-end; 0 leaves it out")
    parser.add_argument("--summaries", type=int, default=10_000, help="of the part verification")
    parser.add_argument("--slices", type=float, nargs="+", default=list(SLICES_MM), help="mm, of the part analytic")
    parser.add_argument("--repeats", type=int, default=3, help="of the part one-patient; the smallest figure counts")
    parser.add_argument("--tagged", type=int, default=2000, help="patients of the part from-tags")
    parser.add_argument("--orchestrated", type=int, default=1000, help="patients of the part orchestration")
    parser.add_argument("--reported", type=int, default=10_000, help="patients with files, of the part tables")
    parser.add_argument("--listed", type=int, default=50_000, help="patients without, of the part tables")
    parser.add_argument("--current", type=int, default=500, help="patients of the part second-run")
    arguments = parser.parse_args()
    for name, part in PARTS.items():
        if name in arguments.only:
            part(arguments)
    if not peers.installed():
        printed.say(peers.ABSENT)


def _verification(arguments: argparse.Namespace) -> None:
    printed.verification(ROWS, arguments.summaries, measure_verification(arguments.summaries))


def _analytic(arguments: argparse.Namespace) -> None:
    cases = list(analytic.cases(slices_mm=arguments.slices))
    linear, cubic = (analytic.rows(analytic.program(one), cases) for one in ("linear", "cubic"))
    printed.accuracy("cubic", cubic)
    printed.accuracy_target("cubic", cubic)
    printed.accuracy("linear", linear)
    printed.accuracy("linear", linear, doses=printed.LINEAR_DOSES)
    printed.accuracy_target("linear where the dose is linear", linear, doses=printed.LINEAR_DOSES)
    if not peers.installed():
        return
    with written(cases) as files:
        for peer in peers.PEERS:
            engine = PeerEngine(peer, files)
            printed.accuracy(peer, analytic.rows(engine, cases))
            printed.say(f"{peer}: a Dx of its own is more than 1 Gy from its own curve in {engine.far_doses()} cases")


def _masks(_: argparse.Namespace) -> None:
    printed.masks(mask_oracle.rows())


def _one_patient(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="pdcp-patient-") as name:
        folder = Path(name)
        files = sorted(one_patient.prepare(folder).glob("*.dcm"))
        printed.one(one_patient.best_of(folder, arguments.repeats))
        if peers.installed():
            case = peers.case_of("patient", files, folder / "sorted")
            programs = (peers.OURS, *peers.PEERS)
            printed.side_by_side({program: peers.fastest(program, case, arguments.repeats) for program in programs})


def _nifti(_: argparse.Namespace) -> None:
    program = peers.dcm2niix()
    if program:
        printed.nifti(nifti_peer.nifti_rows(program))


def _retrieval(_: argparse.Namespace) -> None:
    printed.retrieved(measure_retrieval())


def _end_to_end(arguments: argparse.Namespace) -> None:
    if arguments.patients:
        printed.say(f"{arguments.patients} patients of 512 x 512 x 150, 30 ROIs, noise of 15 HU ...")
        printed.end_to_end(run_patients(arguments.patients), arguments.patients)


def _from_tags(arguments: argparse.Namespace) -> None:
    printed_scale.from_tags(measure_from_tags(arguments.tagged))


def _orchestration(arguments: argparse.Namespace) -> None:
    outcome = real_outcome()
    for checks in TARGETS:
        printed_scale.of_orchestration(measure_orchestration(arguments.orchestrated, checks, outcome))


def _tables(arguments: argparse.Namespace) -> None:
    printed_scale.of_jobs(arguments.reported, measure_tables(arguments.reported))
    printed_scale.of_jobs(arguments.listed, {"list and report": measure_listing(arguments.listed)})


def _second_run(arguments: argparse.Namespace) -> None:
    printed_scale.of_second_run(measure_second_run(arguments.current))


PARTS = {
    "verification": _verification,
    "analytic": _analytic,
    "masks": _masks,
    "one-patient": _one_patient,
    "nifti": _nifti,
    "retrieval": _retrieval,
    "end-to-end": _end_to_end,
    "from-tags": _from_tags,
    "orchestration": _orchestration,
    "tables": _tables,
    "second-run": _second_run,
}

if __name__ == "__main__":
    main()
