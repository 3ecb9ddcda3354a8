"""A log of input records, and what drives a partition over a store in memory through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

import msgspec
import numpy as np

from streams.core.analysis.state import Analyses
from streams.core.capacity.feature import Outlooks
from streams.core.config import CoreConfig
from streams.core.effects.impact import ImpactState
from streams.core.execution.state import Plans
from streams.core.goal_rules.situation import Needs
from streams.core.goals.state import Goals
from streams.core.kernel.batch import MetricBatch, Positioned, series_key
from streams.core.kernel.emission import Emission
from streams.core.kernel.entity import Entity
from streams.core.learning.state import LearningState
from streams.core.outcomes.feature import Actions
from streams.core.partition import METRICS, Applied, Partition, Snapshot
from streams.core.patterns.state import PatternState
from streams.core.safety.state import SafetyState
from streams.records import (
    Action,
    Command,
    Event,
    Goal,
    Metric,
    Outcome,
    OutcomeStatus,
    Record,
    Severity,
)
from streams.records.limits import OUTPUT_BYTES, excess
from streams.testing.feature_contract import MemoryStore

START = 1_700_000_000_000
HOUR = 3_600_000
NUMBER = 3
"""The partition that the tests drive."""


@dataclass(frozen=True)
class Entry:
    """One input record and where it was read."""

    source: str
    offset: int
    record: Record
    written: int = 0
    """Kafka timestamp, ms; 0 for none: then event time is the only clock."""


def log_of(records: Iterable[tuple[str, Record]]) -> list[Entry]:
    """Records in their overall order, with offsets from 0 in each source."""
    ends: dict[str, int] = {}
    entries: list[Entry] = []
    for source, record in records:
        offset = ends.get(source, 0)
        ends[source] = offset + 1
        entries.append(Entry(source, offset, record))
    return entries


def metric_batch(entries: Sequence[Entry]) -> MetricBatch:
    records: Any = [entry.record for entry in entries]
    return MetricBatch(
        offsets=np.array([entry.offset for entry in entries], np.int64),
        timestamps=np.array([record.timestamp for record in records], np.int64),
        values=np.array([record.value for record in records], np.float64),
        keys=[series_key(record.entity_id, record.name) for record in records],
        entity_types=[record.entity_type for record in records],
        correlation_ids=[record.correlation_id for record in records],
        written=np.array([entry.written for entry in entries], np.int64),
    )


def apply_batch(partition: Partition, entries: Sequence[Entry]) -> Applied:
    """Apply entries of one source as one batch."""
    source = entries[0].source
    if source == METRICS:
        return partition.apply_metrics(metric_batch(entries))
    return partition.apply(source, [Positioned(e.offset, e.record, e.written) for e in entries])


def batches(entries: Sequence[Entry], cuts: Iterable[int] = ()) -> Iterator[list[Entry]]:
    """Entries in their order, cut where the source changes and behind the given positions."""
    marks = sorted({0, len(entries), *(cut for cut in cuts if 0 < cut < len(entries))})
    for start, end in pairwise(marks):
        for _, run in groupby(entries[start:end], key=lambda entry: entry.source):
            yield list(run)


@dataclass
class Seen:
    """What came out of a partition, in order."""

    emissions: list[Emission] = field(default_factory=list)
    dispatches: list[tuple[str, bool]] = field(default_factory=list)
    rejections: list[tuple[str, int, str, str]] = field(default_factory=list)
    skipped: int = 0

    def add(self, source: str, applied: Applied) -> None:
        self.emissions += applied.emissions
        # What the engine writes onto its own inputs is never refused there.
        assert [e.record for e in applied.emissions if excess(e.record, OUTPUT_BYTES)] == []
        self.dispatches += [(d.action.action_id, d.resumed) for d in applied.dispatches]
        self.rejections += [(source, r.offset, r.reason, r.detail) for r in applied.rejections]
        self.skipped += applied.skipped

    def by_source(self) -> dict[str, list[tuple[int, str, bytes]]]:
        """Emissions in the order in which they left, by the source of their cause."""
        found: dict[str, list[tuple[int, str, bytes]]] = {}
        for topic, record, cause in ((e.topic, e.record, e.cause) for e in self.emissions):
            encoded = msgspec.msgpack.encode(record)
            found.setdefault(cause.topic, []).append((cause.offset, topic, encoded))
        return found

    def records(self, topic: str) -> list[Any]:
        return [emission.record for emission in self.emissions if emission.topic == topic]


def run_cut(
    config: CoreConfig, log: Sequence[Entry], cuts: Mapping[int, int]
) -> tuple[Seen, MemoryStore]:
    """Apply a log in batches; ``cuts`` says behind how many records, and what happens there:

    0 nothing, 1 a checkpoint, 2 a checkpoint after which nothing stays in memory, 3 a checkpoint
    of few models, 4 a restart after a checkpoint.
    """
    store, seen = MemoryStore(), Seen()
    partition = Partition(NUMBER, config, store)
    done = 0
    for batch in batches(log, cuts):
        seen.add(batch[0].source, apply_batch(partition, batch))
        done += len(batch)
        what = cuts.get(done, 0)
        if what:
            store.save(partition.snapshot(400 if what == 3 else None))
        if what == 2:
            partition.evict(0, 0)
            assert not partition.resident
        elif what == 3:
            partition.evict(1, 1)
        elif what == 4:
            partition = Partition(NUMBER, config, store)
    store.save(partition.snapshot(None))
    return seen, store


class Bench:
    """A partition over a memory store, fed record by record by tests that look at one rule.

    Every source may set goals by events, unless ``config`` names those that may.
    """

    def __init__(self, config: CoreConfig | None = None) -> None:
        config = config or CoreConfig()
        sources = config.goals.goal_state_sources or ("*",)
        self.config = replace(config, goals=replace(config.goals, goal_state_sources=sources))
        self.store = MemoryStore()
        self.partition = Partition(NUMBER, self.config, self.store)
        self._ends: dict[str, int] = {}

    def send(self, source: str, *records: Record, written: int = 0) -> Seen:
        """Apply records as one batch at the next offsets of their source; ``written``: when they
        came by the log's clock, ms."""
        entries: list[Entry] = []
        for record in records:
            offset = self._ends.get(source, 0)
            self._ends[source] = offset + 1
            entries.append(Entry(source, offset, record, written))
        return self.apply(entries)

    def apply(self, entries: Sequence[Entry]) -> Seen:
        seen = Seen()
        seen.add(entries[0].source, apply_batch(self.partition, entries))
        return seen

    def measure(self, *values: float, name: str = "queue", at: int = START, **fields: Any) -> Seen:
        """Metrics of one series, a second apart."""
        return self.send(
            METRICS,
            *(metric(value, name=name, timestamp=at + i * 1000, **fields)
              for i, value in enumerate(values)),
        )  # fmt: skip

    def save(self) -> Snapshot:
        """A whole checkpoint."""
        snapshot = self.partition.snapshot(None)
        self.store.save(snapshot)
        return snapshot

    def restart(self) -> None:
        """A new partition over what is stored."""
        self.partition = Partition(NUMBER, self.config, self.store)

    def entity(self, entity_id: str = "svc") -> Entity:
        """The entity as the partition holds it."""
        return self.partition.entities.get(entity_id, "service")

    def state(self, entity_id: str = "svc") -> State:
        """What is known of an entity, by name."""
        return State(self.entity(entity_id))


def measured(bench: Bench, start: int = 0, **columns: Any) -> Seen:
    """Hourly values of several metrics of one entity, as one batch."""
    size = len(next(iter(columns.values())))
    return bench.send(
        METRICS,
        *(
            metric(float(values[i]), name=name, timestamp=START + (start + i) * HOUR)
            for i in range(size)
            for name, values in columns.items()
        ),
    )


class State:
    """The slices of an entity side by side, to look at."""

    def __init__(self, entity: Entity) -> None:
        self.offsets, self.clock, self.wake_at = entity.offsets, entity.clock, entity.wake_at
        self.seen_ids = entity.seen()
        entries = entity.read(Goals).entries
        self.goals = entity.read(Goals).by_id()
        self.open_goals = entity.read(Goals).open
        self.goals_achieved = entity.read(Goals).achieved
        self.goals_closed = entity.read(Goals).closed
        self.published_progress = {
            goal_id: entry.said.progress
            for goal_id, entry in entries.items()
            if entry.said is not None
        }
        self.held = {goal_id: entry.held for goal_id, entry in entries.items() if entry.held}
        self.needs = entity.read(Needs).units
        self.metrics = entity.read(Analyses).metrics
        self.predictions = entity.read(Analyses).breaches
        self.outlook = entity.read(Outlooks).latest
        self.patterns = entity.read(PatternState)
        self.pending = entity.read(Actions).pending
        self.outcomes = entity.read(Actions).outcomes
        self.plans = {plan.plan_id: plan for plan in entity.read(Plans).all()}
        self.counters = entity.read(Plans).counters
        self.expectations = {each.plan_id: each for each in entity.read(Plans).expectations()}
        self.learning = entity.read(LearningState)
        self.safety = entity.read(SafetyState)
        self.controls = entity.read(SafetyState).controls
        self.impact = entity.read(ImpactState)


def metric(value: float, **fields: Any) -> Metric:
    base = {"entity_id": "svc", "timestamp": START, "name": "queue", "value": value}
    return Metric(**(base | fields))


def action(action_id: str = "a-1", **fields: Any) -> Action:
    base = {"entity_id": "svc", "timestamp": START, "action_id": action_id, "action_type": "scale"}
    return Action(**(base | fields))


def goal(target: float = 10.0, **fields: Any) -> Goal:
    base = {"entity_id": "svc", "timestamp": START, "goal_id": "g-1", "target_metric": "queue"}
    return Goal(**(base | {"target_value": target} | fields))


def command(name: str, command_id: str = "c-1", **fields: Any) -> Command:
    base = {"entity_id": "svc", "timestamp": START, "command_id": command_id, "command": name}
    return Command(**(base | fields))


def event(event_id: str = "e-1", **fields: Any) -> Event:
    base = {"entity_id": "svc", "timestamp": START, "event_type": "goal_state"}
    return Event(**(base | {"event_id": event_id} | fields))


def outcome(action_id: str = "a-1", **fields: Any) -> Outcome:
    base = {
        "entity_id": "svc", "timestamp": START, "event_id": f"o-{action_id}", "run_id": "r",
        "agent_name": "agent", "agent_type": "worker", "action_type": "scale",
        "start_time": START, "end_time": START, "duration_ms": 1.0, "latency_ms": 1.0,
        "status": OutcomeStatus.SUCCESS, "severity": Severity.INFO, "action_id": action_id,
    }  # fmt: skip
    return Outcome(**(base | fields))
