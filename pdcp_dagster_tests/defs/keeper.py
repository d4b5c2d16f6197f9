"""The daemon's part, played step by step: look with a sensor, keep its cursor, run what it asks for.

What lives here: one look and what follows from it, in this process, recorded in the site's real instance. What does
not: laws. Dagster's own daemon does the same under `end_to_end/test_daemon.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.defs.resources import OrthancResource, StoreResource

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

_REST_S = 60.0


@dataclass
class Keeper:
    """Who looks after a site, day by day."""

    site: Site
    cursors: dict[str, str | None] = field(default_factory=dict)
    said: str = ""
    """What the last look at the change feed said."""
    last_runs: list[dg.ExecuteInProcessResult] = field(default_factory=list)

    def rest(self) -> None:
        """Wait until Orthanc calls every patient stable: before that nobody is looked at."""
        latest = time.monotonic() + _REST_S
        with Orthanc(OrthancSettings.from_environment(os.environ)) as archive:
            while not all(each.is_stable for each in archive.patients()):
                assert time.monotonic() < latest, "Orthanc did not come to rest"
                time.sleep(0.1)

    def watch(self) -> list[dg.RunRequest]:
        """Look with the sensor on the change feed, as a minute's tick does, and run what it asks for."""
        requests, said = self.look(f"watch_{self.site.cohort}")
        self.run(requests)
        self.said = said
        return requests

    def look(self, name: str) -> tuple[list[dg.RunRequest], str]:
        """Look with a sensor and save its cursor; return the runs that it asks for, not run, and what it says."""
        definitions = self.site.definitions()
        sensor = definitions.get_repository_def().get_sensor_def(name)
        resources = {
            "orthanc": OrthancResource(),
            "store": StoreResource(root=self.site.environ["PDCP_STORE"]),
        }
        needed = {each: resources[each] for each in sensor.required_resource_keys}
        with dg.build_sensor_context(
            instance=self.site.instance, cursor=self.cursors.get(name), resources=needed
        ) as context:
            answer = sensor(context)
            if isinstance(answer, dg.SkipReason):
                answer = dg.SensorResult(skip_reason=answer, cursor=context.cursor)
        assert isinstance(answer, dg.SensorResult)
        for request in answer.dynamic_partitions_requests or []:
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            self.site.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        self.cursors[name] = answer.cursor
        requests = list(answer.run_requests or [])
        said = answer.skip_reason.skip_message if answer.skip_reason else requests[0].tags.get("pdcp/why")
        return requests, str(said)

    def run(self, requests: Iterable[dg.RunRequest]) -> None:
        """Run what was asked for, and the reports that follow."""
        self.last_runs = [
            self.site.run(str(each.job_name), _plain(each.run_config), tags={**each.tags}) for each in requests
        ]
        self.report()

    def night(self, job: str = "reconcile") -> dg.ExecuteInProcessResult:
        """Run what the nightly schedule does, and the report that follows."""
        self.last_runs = [self.site.run(f"{job}_{self.site.cohort}")]
        self.report()
        return self.last_runs[0]

    def report(self) -> None:
        """Have the report sensor look, and make the report that it asks for."""
        for each in self.look(f"report_{self.site.cohort}_after_collect")[0]:
            assert self.site.run(str(each.job_name or f"report_{self.site.cohort}")).success

    def worked_on(self) -> dict[str, set[str]]:
        """Return which assets the last runs made anew, by partition; not what was left as it is, nor empty places."""
        made: dict[str, set[str]] = {}
        for run in self.last_runs:
            for (asset, partition), event in self.site.events(run).items():
                skipped = event.metadata.get("skipped")
                if "path" in event.metadata and (skipped is None or skipped.value != "current"):
                    made.setdefault(partition, set()).add(asset)
        return made

    def touched(self) -> set[str]:
        """Return the partitions of which the last runs told anything."""
        events = (each for run in self.last_runs for each in self.site.events(run))
        return {partition for asset, partition in events if asset != "patient_ids"}


def _plain(config: object) -> Mapping[str, object]:
    assert isinstance(config, Mapping)
    return config
