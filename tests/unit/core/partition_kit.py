"""A store in memory, a log of input records, and what drives a partition through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from random import Random
from typing import Any, TypeVar

import msgspec
import numpy as np
from hypothesis import strategies as st

from streams.core.batch import MetricBatch, Positioned, series_key
from streams.core.config import CoreConfig, ForecastConfig, GoalConfig, MetricConfig
from streams.core.emission import Emission
from streams.core.partition import METRICS, Applied, Partition, Snapshot
from streams.core.store import TABLES, Write
from streams.records import (
    Action,
    Command,
    Direction,
    Event,
    Goal,
    GoalStatus,
    Metric,
    Outcome,
    OutcomeStatus,
    Priority,
    Record,
    Severity,
)

T = TypeVar("T")

START = 1_700_000_000_000
NUMBER = 3
"""The partition that the tests drive."""


class MemoryStore:
    """Stored values of one partition in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[bytes, bytes]] = {table: {} for table in TABLES}

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.tables[table].get(key) for key in keys]

    def write(self, table: str, writes: Iterable[Write]) -> None:
        for key, value in writes:
            if value is None:
                self.tables[table].pop(key, None)
            else:
                self.tables[table][key] = value

    def save(self, snapshot: Snapshot) -> None:
        for table, writes in snapshot.writes.items():
            self.write(table, writes)


@dataclass(frozen=True)
class Entry:
    """One input record and where it was read."""

    source: str
    offset: int
    record: Record


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
    )


def apply_batch(partition: Partition, entries: Sequence[Entry]) -> Applied:
    """Apply entries of one source as one batch."""
    source = entries[0].source
    if source == METRICS:
        return partition.apply_metrics(metric_batch(entries))
    return partition.apply(source, [Positioned(e.offset, e.record) for e in entries])


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


class Bench:
    """A partition over a memory store, fed record by record by tests that look at one rule."""

    def __init__(self, config: CoreConfig | None = None) -> None:
        self.config = config or CoreConfig()
        self.store = MemoryStore()
        self.partition = Partition(NUMBER, self.config, self.store)
        self._ends: dict[str, int] = {}

    def send(self, source: str, *records: Record) -> Seen:
        """Apply records as one batch at the next offsets of their source."""
        entries: list[Entry] = []
        for record in records:
            offset = self._ends.get(source, 0)
            self._ends[source] = offset + 1
            entries.append(Entry(source, offset, record))
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

    def state(self, entity_id: str = "svc") -> Any:
        return self.partition.entities.get(entity_id, "service")


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


# -- random input -------------------------------------------------------------------------------

ENTITIES = ("a", "a/b", "a\x01", "ü")
METRIC_NAMES = ("load", "free", "queue")
KINDS = (*("metric",) * 6, "goal", "action", "event", "outcome", "command")


@dataclass(frozen=True)
class Draw:
    """The numbers behind one random record; small ones make simple records."""

    kind: int
    entity: int
    metric: int
    value: int
    step: int
    extra: int


def random_lists(make: Callable[[Random], T], most: int) -> st.SearchStrategy[list[T]]:
    """Lists of 1 to ``most`` elements made from a seed: hypothesis prefers small and equal
    numbers, and with them too little happens. The length shrinks, the elements do not."""

    def made(size: int, seed: int) -> list[T]:
        random = Random(seed)
        return [make(random) for _ in range(size)]

    return st.builds(made, size=st.integers(1, most), seed=st.integers(0, 2**32 - 1))


def random_draw(random: Random) -> Draw:
    return Draw(
        kind=random.randrange(len(KINDS)),
        entity=random.randrange(len(ENTITIES)),
        metric=random.randrange(len(METRIC_NAMES)),
        value=random.randrange(25),
        step=random.randrange(10),
        extra=random.randrange(256),
    )


def draws(most: int) -> st.SearchStrategy[list[Draw]]:
    return random_lists(random_draw, most)


configs = st.builds(
    CoreConfig,
    forecasting=st.builds(
        ForecastConfig,
        models=st.sampled_from([("holt_winters",), ("holt_winters", "snarimax")]),
        min_points=st.integers(2, 4),
        horizon=st.integers(1, 3),
        interval_ms=st.sampled_from([0, 1, 7, 40]),
    ),
    goals=st.builds(
        GoalConfig,
        auto_goal_setting=st.booleans(),
        max_active_goals=st.integers(1, 3),
        closed_goals_kept=st.integers(0, 2),
        breach_probability=st.sampled_from([0.01, 0.5]),
        lead_ms=st.sampled_from([0, 20]),
        hold_ms=st.sampled_from([0, 15]),
    ),
    metrics=st.just(
        {
            "load": MetricConfig(capacity=10.0),
            "free": MetricConfig(
                capacity=10.0, limit_ratio=0.2, target_ratio=0.4, direction=Direction.AT_LEAST
            ),
        }
    ),
    outcomes_kept=st.integers(1, 2),
    ids_kept=st.sampled_from([1, 3, 50]),
)

_STEPS = (0, 1, 1, 2, 5, 10, 30, 100, -1, -20)
"""Of event time between two records of the log; it may stand still and run backwards."""
_VALUES = (1e6, -1e6, 1e99, 0.1)


def records_of(
    drawn: Sequence[Draw], steps: Sequence[int] = _STEPS, **fields: Any
) -> list[tuple[str, Record]]:
    """The input that numbers stand for, in overall order; ``fields`` are the same in all."""
    now, made = START, list[tuple[str, Record]]()
    for i, draw in enumerate(drawn):
        now += steps[draw.step]
        source, record = _MAKE[KINDS[draw.kind]](draw, i, now)
        made.append((source, msgspec.structs.replace(record, **fields)))
    return made


def _base(draw: Draw, now: int) -> dict[str, Any]:
    types = ("service", "service", "service", "resource")
    return {
        "entity_id": ENTITIES[draw.entity],
        "entity_type": types[draw.extra % 4],
        "timestamp": now,
        "correlation_id": "chain" if draw.extra % 3 == 1 else "",
    }


def _value(draw: Draw) -> float:
    return _VALUES[draw.value - 20] if 20 <= draw.value < 24 else draw.value / 2


def _metric(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    name = METRIC_NAMES[draw.metric]
    return METRICS, Metric(**_base(draw, now), name=name, value=_value(draw))


def _goal(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    cancelled = draw.extra % 16 == 15
    return "goals", Goal(
        **_base(draw, now),
        goal_id=("", "g-1", "g-2", f"g-{i}")[draw.extra % 4],
        target_metric=METRIC_NAMES[draw.metric],
        target_value=_value(draw),
        direction=tuple(Direction)[draw.extra // 4 % 3],
        priority=tuple(Priority)[draw.extra // 8 % 4],
        hold_ms=(0, 10)[draw.extra // 32 % 2],
        deadline=(None, now + 25, now + 60, None)[draw.extra // 16 % 4],
        status=GoalStatus.CANCELLED if cancelled else GoalStatus.ACTIVE,
        revision=1 if draw.extra == 255 else 0,
    )


def _action(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    return "actions", Action(
        **_base(draw, now),
        action_id=f"a-{draw.extra % 6}",
        action_type="scale",
        params={"n": str(i)},
        dry_run=draw.extra % 7 == 6,
    )


def _event(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    target = f"{_value(draw)}"
    metadata = (
        {METRIC_NAMES[draw.metric]: target},
        {"load": target, "queue": "3"},
        {"load": "abc", "free": target},
        {},
    )[draw.extra % 4]
    kind = "note" if draw.extra % 5 == 4 else "goal_state"
    return "events", Event(
        **_base(draw, now),
        event_id=f"e-{i if draw.extra < 128 else draw.extra % 3}",
        event_type=kind,
        metadata=metadata,
    )


def _outcome(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    action_id = f"a-{draw.extra % 6}"
    return "outcomes", outcome(
        action_id,
        **_base(draw, now),
        event_id=f"o-{draw.extra % 8}",
        status=tuple(OutcomeStatus)[draw.extra // 8 % 6],
    )


def _command(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    name = ("goal.create", "goal.create", "goal.cancel", "goal.make")[draw.extra % 4]
    arguments = {"target_metric": METRIC_NAMES[draw.metric], "target_value": f"{_value(draw)}"}
    if draw.extra % 11 == 10:
        arguments["target_value"] = "much"
    return "commands", Command(
        **_base(draw, now),
        command_id=f"c-{i if draw.extra < 200 else 0}",
        command=name,
        target=("g-1", "g-2", f"g-{i}")[draw.extra // 4 % 3],
        arguments={} if name == "goal.cancel" else arguments,
    )


_MAKE = {
    "metric": _metric,
    "goal": _goal,
    "action": _action,
    "event": _event,
    "outcome": _outcome,
    "command": _command,
}
