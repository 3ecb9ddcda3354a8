"""A run of many entities that is written down, and the same records once more for another worker.

Step by step: records of one topic each, written when all that came of the step before is applied.
So records of different topics meet in the same order both times, which a broker does not promise.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from streams.records import Action, Command, Direction, Goal, Metric, Outcome, Record
from streams.wire.decode import RecordDecoder
from streams.wire.keys import key_of
from streams.wire.registry import EmbeddedRegistry
from tests.kits.kafka.deployment import PARTITIONS, Deployment, until
from tests.kits.kafka.scene import METRIC, MINUTE_MS
from tests.kits.kafka.stage import Stage
from tests.kits.kafka.verifier import Read

ENTITIES = 200
MINUTES = 50
RELIEF = 40.0
_SUPERVISED = 7
"""Number of the entity whose plans wait for a person who never comes."""

_R = TypeVar("_R", bound=Record)


class Written(NamedTuple):
    """A message as it was written."""

    logical: str
    key: bytes | None
    value: bytes


class Ended(NamedTuple):
    """The outcome of an action."""

    action_id: str
    key: bytes | None
    value: bytes


@dataclass
class Recording:
    """What the world sent, by steps, and the outcomes of each partition in their order."""

    steps: list[list[Written]] = field(default_factory=list)
    outcomes: list[deque[Ended]] = field(
        default_factory=lambda: [deque() for _ in range(PARTITIONS)]
    )


class World:
    """Loads that climb, each at its own pace, and fall when they are shed: but not everywhere."""

    def __init__(self) -> None:
        self._start = time.time_ns() // 1_000_000
        self._loads = [30.0 + number % 20 for number in range(ENTITIES)]

    def steps(self, minute: int) -> Iterator[tuple[str, list[Record]]]:
        """What arrives in this minute: records of one topic each."""
        now = self._start + minute * MINUTE_MS
        if minute == 0:
            yield "goals", [_wish(number, now) for number in range(0, ENTITIES, 20)]
            yield "commands", [_order("mode.set", _SUPERVISED, now, mode="approve")]
        if minute == 5:
            yield "commands", [_order("goal.cancel", 20, now, target="wish-20", reason="no more")]
        yield "metrics", [self._measured(number, minute, now) for number in range(ENTITIES)]

    def _measured(self, number: int, minute: int, now: int) -> Metric:
        load = self._loads[number]
        self._loads[number] = min(99.0, load + 0.4 + 0.2 * (number % 7))
        value = load + 0.5 * math.sin(1.7 * minute + number)
        return Metric(entity_id=_name(number), timestamp=now, name=METRIC, value=max(1.0, value))

    def take_in(self, outcome: Outcome) -> None:
        """What an action does. On every fourth entity it says that it did, and does nothing."""
        number = int(outcome.entity_id.rpartition("-")[2])
        if outcome.action_type == "shed" and number % 4:
            self._loads[number] -= RELIEF


def record(stage: Stage) -> Recording:
    """Let the world run for ``MINUTES``."""
    world, recording = World(), Recording()
    with following(stage.deployment, "outcomes", Outcome) as outcomes:
        for minute in range(MINUTES):
            for logical, records in world.steps(minute):
                step = [
                    Written(logical, key_of(each), stage.deployment.encode(logical, each))
                    for each in records
                ]
                recording.steps.append(step)
                _write(stage, step)
                stage.settle()
            for message, outcome in outcomes.upto(stage.emitted("outcomes")):
                world.take_in(outcome)
                ended = Ended(outcome.action_id, message.key(), message.value() or b"")
                recording.outcomes[message.partition() or 0].append(ended)
    return recording


def replay(stage: Stage, recording: Recording) -> None:
    """Write the same records again; an outcome when its action was asked for."""
    asked: set[str] = set()
    left = [deque(ended) for ended in recording.outcomes]
    with following(stage.deployment, "actions", Action) as actions:
        for written in recording.steps:
            _write(stage, written)
            while True:
                stage.apply()
                asked |= {each.action_id for _, each in actions.upto(stage.emitted("actions"))}
                if not _answer(stage, left, asked):
                    break
    assert not any(left), "some actions were not asked for again"


def _write(stage: Stage, written: list[Written]) -> None:
    for logical, key, value in written:
        stage.write(logical, key, value)


def _answer(stage: Stage, left: list[deque[Ended]], asked: set[str]) -> int:
    """Write the outcomes that are next on their partition; returns how many."""
    count = 0
    for number, ended in enumerate(left):
        while ended and ended[0].action_id in asked:
            _, key, value = ended.popleft()
            stage.write("outcomes", key, value, number)
            count += 1
    return count


class Follower(Generic[_R]):
    """Reads a topic on as it grows."""

    def __init__(self, consumer: Consumer, kind: type[_R]) -> None:
        self._consumer = consumer
        self._decoder = RecordDecoder(EmbeddedRegistry(), kind)
        self._kind = kind
        self._seen = 0

    def upto(self, count: int) -> list[tuple[Message, _R]]:
        """What was not given yet of the first ``count`` messages; waits for them."""
        found: list[tuple[Message, _R]] = []

        def complete() -> bool:
            missing = count - self._seen - len(found)
            if missing:
                messages = self._consumer.consume(missing, timeout=0.1)
                found.extend((message, self._decoded(message)) for message in messages)
            return self._seen + len(found) == count

        until(complete, f"{count} {self._kind.__name__} records", pause=0.0)
        self._seen = count
        return found

    def _decoded(self, message: Message) -> _R:
        assert message.error() is None, message.error()
        read = Read(
            message.topic() or "",
            message.partition() or 0,
            message.offset() or 0,
            message.key(),
            message.value(),
        )
        decoded = self._decoder.decode([read])
        assert not decoded.rejected, decoded.rejected
        [item] = decoded.records
        assert isinstance(item.record, self._kind)
        return item.record


@contextmanager
def following(deployment: Deployment, logical: str, kind: type[_R]) -> Iterator[Follower[_R]]:
    """A follower of a topic from its beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": deployment.kafka.bootstrap,
            "group.id": f"{deployment.name}-follower",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    topic = deployment.topic(logical)
    try:
        consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(PARTITIONS)])
        yield Follower(consumer, kind)
    finally:
        consumer.close()


def _name(number: int) -> str:
    return f"host-{number:03d}"


def _wish(number: int, now: int) -> Goal:
    """What a user asks for."""
    return Goal(
        entity_id=_name(number),
        timestamp=now,
        goal_id=f"wish-{number}",
        target_metric=METRIC,
        target_value=50.0,
        direction=Direction.AT_MOST,
        hold_ms=15 * MINUTE_MS,
    )


def _order(name: str, number: int, now: int, target: str = "", **arguments: str) -> Command:
    return Command(
        entity_id=_name(number),
        timestamp=now,
        command_id=f"{name}-{number}",
        command=name,
        target=target,
        arguments=arguments,
        issued_by="alice",
    )
