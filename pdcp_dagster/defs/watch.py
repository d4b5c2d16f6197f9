"""The sensor on Orthanc's change feed: new and changed patients are run by themselves, K of them in a run.

What lives here: one look of it, its cursor, the runs that it asks for. What does not: reading the feed (`stages.feed`),
who really changed (`stages.archive_changes`), what the feed never tells (`upkeep`).

The store is only read. Partitions are added, and the cursor is saved, together with the run requests.
"""

import json
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dagster as dg

from pdcp_dagster.defs.jobs import collect_job_name, patient_job_names, reconcile_job_name
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.patients import NOT_ENDED, RANGE_END, RANGE_START, known_partitions
from pdcp_dagster.defs.per_patient import PATIENTS_PER_RUN, PatientsConfig, step_of
from pdcp_dagster.defs.resources import OrthancResource, StoreResource
from pdcp_dagster.defs.specs import CARDS
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_changes import Differences, differences_of
from pdcp_dagster.stages.feed import FeedNews, FeedPosition, feed_end, read_feed

PARTITION = "dagster/partition"
WHY_TAG = "pdcp/why"
_SHOWN = 10
_LONGEST_TAG = 250
_MOST_WAITING = 500
_LATER = "Run {} finds its patients itself, and may have any in hand: the feed is read on when it has ended."


@dataclass(frozen=True, slots=True)
class Cursor:
    """What one look leaves for the next.

    waiting: Orthanc's IDs of patients who changed while a run had them in hand; they are looked at again.
    """

    position: FeedPosition
    waiting: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Return the cursor that the last look left, None before the first."""
        if not text:
            return None
        told = json.loads(text)
        return cls(FeedPosition(int(told["since"]), str(told["entry"])), tuple(map(str, told["waiting"])))

    def written(self) -> str:
        """Return the cursor as Dagster keeps it."""
        position = {"since": self.position.since, "entry": self.position.entry}
        return json.dumps({**position, "waiting": list(self.waiting)})


# What define_asset_job returns has no public name.
def watch_sensor(cohort: Cohort, cohorts: Path, jobs: Sequence[Any], every_s: int) -> dg.SensorDefinition:
    """Return the sensor of a cohort; `jobs` are those it may ask for."""

    @dg.sensor(
        name=f"watch_{cohort.name}",
        jobs=jobs,
        minimum_interval_seconds=every_s,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Reads Orthanc's change feed and runs patients who are new or hold something else than before. "
        f"What the feed loses (deletions, crashes) is for {reconcile_job_name(cohort.name)}, so schedule that, too.",
    )
    def watch(
        context: dg.SensorEvaluationContext, orthanc: dg.ResourceParam[OrthancResource], store: StoreResource
    ) -> dg.SensorResult:
        cursor = Cursor.read(context.cursor)
        busy = in_hand(context.instance, cohort.name)
        if busy.by_itself:
            return dg.SensorResult(skip_reason=dg.SkipReason(_LATER.format(busy.by_itself)), cursor=context.cursor)
        with orthanc.open() as archive:
            if cursor is None:
                return _begun_anew(cohort, feed_end(archive), "First look at the archive.")
            full = len(cursor.waiting) >= _MOST_WAITING
            news = FeedNews((), cursor.position, is_done=False) if full else read_feed(archive, cursor.position)
            if news.is_reset:
                return _begun_anew(cohort, news.position, "Another change feed: Orthanc's database was reset.")
            candidates = list(dict.fromkeys([*cursor.waiting, *news.patients]))
            found = differences_of(archive, cohort, cohorts, store.cohort(cohort.name), candidates)
        return _answer(context, cohort, news, found, busy.keys)

    return watch


def _begun_anew(cohort: Cohort, position: FeedPosition, why: str) -> dg.SensorResult:
    """Compare everything: nothing is known of what came before this position of the feed."""
    request = dg.RunRequest(
        run_key=_run_key(cohort.name),
        job_name=reconcile_job_name(cohort.name),
        tags={WHY_TAG: why},
    )
    return dg.SensorResult(run_requests=[request], cursor=Cursor(position).written())


def _answer(
    context: dg.SensorEvaluationContext, cohort: Cohort, news: FeedNews, found: Differences, busy: Mapping[str, str]
) -> dg.SensorResult:
    held = {each: busy[key] for each, key in {**found.changed, **found.new}.items() if key in busy}
    waiting = (*held, *found.not_seen, *found.arriving)
    due = [key for key in found.due if key not in busy]
    known = known_partitions(context.instance, cohort.name)
    new_keys = [key for key in due if key not in set(known)]
    said = _in_words(news, found, held)
    context.log.info(said)
    requests = [_request(cohort.name, some, [*known, *new_keys], said) for some in _portions(due)]
    return dg.SensorResult(
        run_requests=requests or None,
        skip_reason=None if requests else dg.SkipReason(said),
        dynamic_partitions_requests=[patient_partitions(cohort.name).build_add_request(new_keys)] if new_keys else [],
        cursor=Cursor(news.position, waiting).written(),
    )


def _portions(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), PATIENTS_PER_RUN):
        yield keys[start : start + PATIENTS_PER_RUN]


def _request(cohort: str, keys: Sequence[str], partitions: Sequence[str], said: str) -> dg.RunRequest:
    """Return a run of these patients: of a range of partitions where they are one, else named in its config."""
    start = partitions.index(keys[0])
    is_range = list(partitions[start : start + len(keys)]) == list(keys)
    tags = {RANGE_START: keys[0], RANGE_END: keys[-1]} if is_range else {}
    config = PatientsConfig(patients=[] if is_range else list(keys), renew_list=True)
    return dg.RunRequest(
        run_key=_run_key(cohort),
        job_name=collect_job_name(cohort),
        tags={WHY_TAG: said[:_LONGEST_TAG], **tags},
        run_config={"ops": {step_of(cohort): {"config": config.model_dump()}}},
    )


def _run_key(cohort: str) -> str:
    """Return a key of its own for each request: Dagster saves requests with the cursor, and makes each run once.

    One made of what is asked for would come again, after a reset of the database for one, and be passed over.
    """
    return f"watch-{cohort}-{uuid.uuid4()}"


@dataclass(frozen=True, slots=True)
class Busy:
    """Whom runs have in hand that have not ended.

    keys: which run has a partition key. by_itself: the run that finds its patients itself, "" for none.
    """

    keys: Mapping[str, str]
    by_itself: str


def in_hand(instance: dg.DagsterInstance, cohort: str) -> Busy:
    """Return whom runs have in hand."""
    names = patient_job_names(cohort)
    # From the page of an asset or as a backfill it is no job of ours. Of all linkages, as for the report.
    of_patients = {dg.AssetKey([cohort, card.name]) for card in CARDS}
    runs = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=NOT_ENDED))
        if run.job_name in names or of_patients & set(run.asset_selection or ())
    ]
    partitions = known_partitions(instance, cohort)
    named = [_patients_of(run, cohort, partitions) for run in runs]
    by_itself = (run.run_id for run, keys in zip(runs, named, strict=True) if keys is None)
    held = {key: run.run_id for run, keys in zip(runs, named, strict=True) for key in keys or ()}
    return Busy(held, next(by_itself, ""))


def _patients_of(run: dg.DagsterRun, cohort: str, partitions: Sequence[str]) -> Collection[str] | None:
    """Return the partition keys that a run is for, None where it does not say."""
    if PARTITION in run.tags:
        return [run.tags[PARTITION]]
    if RANGE_START in run.tags:
        ends = [run.tags[RANGE_START], run.tags[RANGE_END]]
        if not set(ends) <= set(partitions):
            return None
        return partitions[partitions.index(ends[0]) : partitions.index(ends[1]) + 1]
    config: Any = run.run_config
    for name in ("ops", step_of(cohort), "config"):
        config = config.get(name, {})
    return config.get("patients") or None


def _in_words(news: FeedNews, found: Differences, held: Mapping[str, str]) -> str:
    """Say what was seen and done, for the list of ticks."""
    if not (news.patients or found.due or found.unchanged or found.not_seen or found.arriving):
        return "Nothing has come to rest in the archive since the last look."
    told = [
        f"new: {_some(list(found.new.values()))}" if found.new else "",
        f"changed: {_some(list(found.changed.values()))}" if found.changed else "",
        f"of these left for the next look: {len(held)}, in the hand of run {', '.join(sorted(set(held.values())))}"
        if held
        else "",
        f"nothing new in {found.unchanged}" if found.unchanged else "",
        f"not of this cohort: {found.of_others}" if found.of_others else "",
        f"deleted meanwhile: {len(found.gone)}" if found.gone else "",
        f"still arriving, left for the next look: {len(found.arriving)}" if found.arriving else "",
        f"could not be looked at, and are looked at again: {'; '.join(found.not_seen.values())}"
        if found.not_seen
        else "",
        "" if news.is_done else "more of the feed is left for the next look",
    ]
    return f"Patients: {'; '.join(each for each in told if each)}."


def _some(keys: Sequence[str]) -> str:
    return f"{len(keys)} ({', '.join(keys[:_SHOWN])}{', ...' if len(keys) > _SHOWN else ''})"
