"""The soak: `pdcp run` again and again through random faults, and in the end every file as if there had been none.

    python -m pdcp_dagster_tests.faults.soak --minutes 10 --patients 200 --seed 1

What lives here: the order of events and the verdict. What does not: faults (`dice`, `wrongs`), blows against processes
(`blows`), what is looked at in the end (`aftermath`).

Exit code 0: every patient right. 1: something is not, each thing on a line of its own; the folder is kept.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.faults.aftermath import differences, half_done, open_runs, still_there
from pdcp_dagster_tests.faults.blows import Blows
from pdcp_dagster_tests.faults.dice import Dice
from pdcp_dagster_tests.faults.proxy import FaultProxy, Script
from pdcp_dagster_tests.faults.soak_archive import COHORT, environment, fill, write_cohort

_RATE = 0.02
_ROUND_S = 300.0
"""Longer than any `pdcp run` of the soak may take: one that is not over by then hangs."""
_QUIET_RUNS = 3
_MARK = "PDCP_SOAK_RUN"
_FORESEEN = {0, 1, 2, 130, 143, -9}
"""Exit codes: fine, some failed, unreachable from the start, SIGINT, SIGTERM, SIGKILL."""


@dataclass(slots=True)
class Soak:
    """One soak: where it happens, what happened, and what was wrong with it."""

    root: Path
    seed: int
    server: PrivateOrthanc
    proxy: FaultProxy
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def run(self, store: str, url: str, *arguments: str, blows: Blows | None = None) -> int:
        """Run `pdcp run` to its end, whatever that is, and return its exit code."""
        mark = uuid.uuid4().hex
        command = [str(Path(sys.executable).with_name("pdcp")), "run", "--cohort", COHORT, "--jobs", "2", *arguments]
        process = subprocess.Popen(
            command,
            env={**environment(self.root, store, url), _MARK: mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if blows is not None:
            blows.aim_at(process.pid)
        try:
            _, errors = process.communicate(timeout=_ROUND_S)
        except subprocess.TimeoutExpired:
            self.wrong.append(f"a run did not end in {_ROUND_S:.0f} s")
            process.kill()
            _, errors = process.communicate()
        finally:
            if blows is not None:
                blows.aim_at(None)
        self._look_at_end(process.returncode, errors, mark)
        return process.returncode

    def _look_at_end(self, code: int, errors: str, mark: str) -> None:
        self.ends[str(code)] += 1
        if code not in _FORESEEN:
            self.wrong.append(f"exit code {code}: {errors[-500:]}")
        if "Traceback" in errors:
            self.wrong.append(f"a traceback: {errors[-1500:]}")
        self.wrong += [f"left behind: {command}" for command in still_there(_MARK, mark)]

    def rage(self, minutes: float) -> None:
        """Repeat runs through faults and blows until the time is over; every other one makes everything again."""
        self.proxy.plan = Dice(_RATE, self.seed)
        latest = time.monotonic() + 60 * minutes
        rounds = 0
        with Blows(self.server, self.seed) as blows:
            while time.monotonic() < latest:
                self.run("B", self.proxy.url, *(("--force",) if rounds % 2 else ()), blows=blows)
                rounds += 1
        print(f"{rounds} runs through faults ended with", _told(self.ends))  # noqa: T201
        print("faults:", _told(self.proxy.done))  # noqa: T201
        print("blows:", _told(blows.struck))  # noqa: T201
        self.proxy.plan = Script()

    def calm(self) -> None:
        """Run without faults until nothing fails."""
        codes: list[int] = []
        while not codes or (codes[-1] != 0 and len(codes) < _QUIET_RUNS):
            codes.append(self.run("B", self.proxy.url))
        if codes[-1] != 0:
            self.wrong.append(f"runs without faults ended with {codes}")

    def compare(self) -> None:
        """Look whether all is as after the run without faults."""
        found, right = self.root / "B", self.root / "A"
        self.wrong += differences(found / COHORT, right / COHORT)
        self.wrong += [f"half done: {name}" for name in half_done(found)]
        self.wrong += [f"open in Dagster: {run}" for run in open_runs(found / ".dagster")]


def soak(minutes: float, patients: int, seed: int) -> list[str]:
    """Return what was wrong in the end; nothing where every patient is right."""
    root = Path(tempfile.mkdtemp(prefix="pdcp_soak_"))
    with PrivateOrthanc(root / "storage") as server, FaultProxy(lambda: server.url) as proxy:
        began = time.monotonic()
        fill(server, root, patients, seed)
        write_cohort(root)
        print(f"{patients} patients in a private Orthanc after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        it = Soak(root, seed, server, proxy)
        if it.run("A", server.url) != 0:
            it.wrong.append("the run without faults failed")
        print(f"undisturbed run after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        it.ends.clear()
        it.rage(minutes)
        it.calm()
        it.compare()
        server.kill()
    if it.wrong:
        print(f"what there is to look at lies in {root}")  # noqa: T201
    else:
        shutil.rmtree(root)
    return it.wrong


def _told(counts: Counter[str]) -> str:
    return "  ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "none"


def _lines(wrong: list[str]) -> Iterator[str]:
    yield from wrong[:50]
    if len(wrong) > 50:
        yield f"... and {len(wrong) - 50} more"


def main() -> int:
    """Read the command line, soak, and say what came of it."""
    parser = argparse.ArgumentParser(description="Runs through random faults come to the same as one without.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    wrong = soak(chosen.minutes, chosen.patients, chosen.seed)
    print(*_lines(wrong), sep="\n")  # noqa: T201
    print("FAIL" if wrong else f"PASS: {chosen.patients} patients, every file as in a run without faults")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
