"""Recomputes from the input topics what a deployment must hold and have said, and compares.

It shares nothing with the workers but the core: one process, one pass, no checkpoint, no broker
state. What it reads are the topics alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from streams.core.kernel.emission import Emission
from streams.core.kernel.store import TABLES, NothingStored
from streams.core.partition import Partition
from streams.records import (
    Alert,
    DeadLetter,
    Decision,
    Event,
    Forecast,
    Goal,
    Outcome,
    Pattern,
    Plan,
    Prediction,
    Record,
    Suggestion,
)
from streams.runtime.sealed import unseal
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.rejected import Decoded
from streams.wire.topology import RECORD_OF
from tests.kits.kafka.deployment import PARTITIONS, Deployment

OUTPUTS = (
    "forecasts", "predictions", "patterns", "events", "goals", "plans", "suggestions", "decisions",
    "alerts",
)  # fmt: skip
"""What metrics and goals lead to."""
_SLICE = 500

Table = dict[tuple[int, bytes], bytes]
"""Values by partition and key."""


@dataclass(frozen=True)
class Read:
    """A message as decoders take it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass
class Verdict:
    """What was found; all lists are empty after a run in which nothing went wrong."""

    metrics: int = 0
    states: Counter[str] = field(default_factory=Counter[str])
    """Values compared, by table."""
    outputs: Counter[str] = field(default_factory=Counter[str])
    """Ids expected, by topic."""
    repeats: Counter[str] = field(default_factory=Counter[str])
    """Messages beyond the first of an id, by topic; allowed with at_least_once."""
    wrong_states: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    unexplained: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    """Ids of messages whose bytes are not those of the replay."""
    uncommitted: list[str] = field(default_factory=list[str])
    twice: list[str] = field(default_factory=list[str])
    """Topics with repeats, where there must be none."""

    @property
    def faults(self) -> dict[str, list[str]]:
        names = ("wrong_states", "lost", "unexplained", "changed", "uncommitted", "twice")
        return {name: found[:5] for name in names if (found := getattr(self, name))}

    def __str__(self) -> str:
        counts = {
            name: len(getattr(self, name))
            for name in ("wrong_states", "lost", "unexplained", "changed", "uncommitted")
        }
        return (
            f"{self.metrics} metrics, states {dict(self.states)}, outputs {dict(self.outputs)}, "
            f"repeats {dict(self.repeats)}, found {counts}"
        )


def verify(deployment: Deployment, metrics: int) -> Verdict:
    """Compare everything; the workers must have stopped. ``metrics``: how many were written."""
    verdict = Verdict()
    stored = {table: latest(deployment, table) for table in TABLES}
    expected: dict[tuple[str, str], bytes] = {}
    replayed: dict[str, Table] = {table: {} for table in TABLES}
    inputs = {source: _by_partition(deployment, source) for source in ("goals", "metrics")}
    for number in range(PARTITIONS):
        part = Partition(number, deployment.settings.core(), NothingStored())
        for emission in _replay(part, inputs["goals"][number], inputs["metrics"][number]):
            key = emission.topic, identity(emission.record)
            expected[key] = deployment.encode(emission.topic, emission.record)
        for table, writes in part.snapshot(None).writes.items():
            replayed[table] |= {(number, key): value for key, value in writes if value is not None}
    verdict.metrics = sum(map(len, inputs["metrics"]))
    assert verdict.metrics == metrics, "the ledger itself is not complete"
    for table in TABLES:
        _compare_states(verdict, table, replayed[table], stored[table])
    for topic in OUTPUTS:
        _compare_outputs(verdict, deployment, topic, expected)
    verdict.uncommitted = [f"{source}: {at}" for source, at in deployment.behind().items()]
    if deployment.settings.worker.guarantee == "exactly_once":
        verdict.twice = [f"{topic}: {count}" for topic, count in verdict.repeats.items()]
    print(f"{deployment.name}: {verdict}")
    return verdict


ID_FIELDS: dict[type[Record], str] = {
    Forecast: "forecast_id",
    Prediction: "prediction_id",
    Event: "event_id",
    Suggestion: "suggestion_id",
    Decision: "decision_id",
    Alert: "alert_id",
    Outcome: "event_id",
    DeadLetter: "dead_letter_id",
}


def identity(record: Record) -> str:
    """What makes two messages the same message."""
    if isinstance(record, Goal):
        return f"{record.entity_id}/{record.goal_id}@{record.revision}"
    if isinstance(record, Plan):
        return f"{record.plan_id}@{record.revision}"
    if isinstance(record, Pattern):
        return f"{record.pattern_id}@{record.timestamp}/{record.correlation_id}"
    return getattr(record, ID_FIELDS[type(record)])


def decoded(deployment: Deployment, logical: str) -> list[tuple[Message, Record]]:
    """Every message of a topic with its record; all of them must be readable."""
    messages = deployment.kafka.consume_all(deployment.topic(logical))
    result = _decode(logical, [_read(message) for message in messages])
    assert not result.rejected, result.rejected[:3]
    records = [item.record for item in result.records]
    return list(zip(messages, records, strict=True))


def _replay(part: Partition, goals: list[Read], metrics: list[Read]) -> Iterator[Emission]:
    requests = _decode("goals", goals)
    assert not requests.rejected
    yield from part.apply("goals", requests.records).emissions
    decoder = MetricDecoder(EmbeddedRegistry())
    for start in range(0, len(metrics), _SLICE):
        columns = decoder.decode(metrics[start : start + _SLICE])
        assert not columns.rejected
        yield from part.apply_metrics(columns.batch).emissions


def _decode(logical: str, reads: list[Read]) -> Decoded:
    return RecordDecoder(EmbeddedRegistry(), RECORD_OF[logical]).decode(reads)


def _read(message: Message) -> Read:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Read(topic, partition, offset, message.key(), message.value())


def _by_partition(deployment: Deployment, logical: str) -> list[list[Read]]:
    parts: list[list[Read]] = [[] for _ in range(PARTITIONS)]
    for message in deployment.kafka.consume_all(deployment.topic(logical)):
        read = _read(message)
        parts[read.partition].append(read)
    return parts


def latest(deployment: Deployment, table: str) -> Table:
    """A changelog as compaction would leave it."""
    found: Table = {}
    for message in deployment.kafka.consume_all(deployment.changelog(table)):
        read = _read(message)
        assert read.key is not None
        if read.value is None:
            found.pop((read.partition, read.key), None)
        else:
            found[read.partition, read.key] = unseal(table, read.key, read.value)
    return found


def _compare_states(verdict: Verdict, table: str, expected: Table, stored: Table) -> None:
    verdict.states[table] = len(expected)
    for key in sorted(expected.keys() | stored.keys()):
        if expected.get(key) != stored.get(key):
            verdict.wrong_states.append(
                f"{table} {key}: expected {expected.get(key)!r:.400}, is {stored.get(key)!r:.400}"
            )


def _compare_outputs(
    verdict: Verdict, deployment: Deployment, topic: str, expected: dict[tuple[str, str], bytes]
) -> None:
    wanted = {id_: value for (where, id_), value in expected.items() if where == topic}
    verdict.outputs[topic] = len(wanted)
    seen: set[str] = set()
    for message, record in decoded(deployment, topic):
        if isinstance(record, Goal) and record.revision == 0:
            continue  # a user's
        id_ = identity(record)
        if id_ in seen:
            verdict.repeats[topic] += 1
        seen.add(id_)
        if id_ not in wanted:
            verdict.unexplained.append(f"{topic} {id_}: {record!r:.300}")
        elif wanted[id_] != message.value():
            verdict.changed.append(f"{topic} {id_}: {record!r:.300}")
    verdict.lost += [f"{topic} {id_}" for id_ in wanted.keys() - seen]
