"""The load: numbered metrics whose every byte follows from their number, and users' goals."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from streams.records import Direction, Goal, Metric
from tests.kits.kafka.deployment import PRODUCER, Deployment

ENTITIES = 48
METRICS = ("cpu_usage", "memory_usage", "latency_ms", "queue_depth", "error_rate")
START_MS = 1_767_225_600_000
STEP_MS = 60_000
_LEVEL = {"cpu_usage": 62.0, "memory_usage": 40.0, "latency_ms": 100.0}
_SWING = {"cpu_usage": 36.0, "memory_usage": 22.0, "latency_ms": 40.0}
_FLUSH_SECONDS = 60.0
_TICK_SECONDS = 0.02


def entity(number: int) -> str:
    return f"host-{number:03d}"


def metric(number: int, entities: int = ENTITIES) -> Metric:
    """The metric with this number: entities in turn, then metric names, then time."""
    who = number % entities
    name = METRICS[number // entities % len(METRICS)]
    step = number // (entities * len(METRICS))
    wave = math.sin(2 * math.pi * (step / 90 + who / entities))
    noise = 4.0 * (math.sin(number * 12.9898) * 43758.5453 % 1.0 - 0.5)
    return Metric(
        entity_id=entity(who),
        timestamp=START_MS + step * STEP_MS + number % 1000,
        name=name,
        value=_LEVEL.get(name, 50.0) + _SWING.get(name, 20.0) * wave + noise,
        unit="percent",
        source=str(number),
        correlation_id="" if number % 3 else f"c-{number}",
    )


def goals() -> list[Goal]:
    """Requests of users: on half of the entities one that can be met, on some one that cannot."""
    ceilings = [
        Goal(
            entity_id=entity(who),
            timestamp=START_MS,
            goal_id=f"latency-{who}",
            target_metric="latency_ms",
            target_value=110.0,
            direction=Direction.AT_MOST,
            hold_ms=30 * STEP_MS,
        )
        for who in range(0, ENTITIES, 2)
    ]
    marks = [
        Goal(
            entity_id=entity(who),
            timestamp=START_MS,
            goal_id=f"queue-{who}",
            target_metric="queue_depth",
            target_value=500.0,
        )
        for who in range(0, ENTITIES, 6)
    ]
    return ceilings + marks


def begin(deployment: Deployment) -> Ledger:
    """Take on the users' goals before the first metric, so that all topics have one order."""
    deployment.send("goals", *goals())
    deployment.wait_committed("goals")
    return Ledger(deployment)


class Ledger:
    """Writes metric 0, 1, 2, … to the metrics topic of a deployment, each exactly once."""

    def __init__(self, deployment: Deployment, entities: int = ENTITIES) -> None:
        self._deployment = deployment
        self._entities = entities
        self._topic = deployment.topic("metrics")
        self._errors: list[object] = []
        self._producer = Producer(
            {
                "bootstrap.servers": deployment.kafka.bootstrap,
                **PRODUCER,
                "compression.type": "lz4",
                "linger.ms": 10,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self.sent = 0

    def send(self, count: int) -> None:
        """Write the next ``count`` metrics at once; returns when the broker has them."""
        self._produce(count)
        self._flush()

    @contextmanager
    def flowing(self, rate: int) -> Iterator[None]:
        """Write ``rate`` metrics a second beside what the caller does."""
        stop = threading.Event()
        thread = threading.Thread(target=self._flow, args=(rate, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        self._flush()

    def _flow(self, rate: int, stop: threading.Event) -> None:
        started, first = time.monotonic(), self.sent
        while not stop.wait(_TICK_SECONDS):
            due = first + int((time.monotonic() - started) * rate)
            self._produce(due - self.sent)

    def _produce(self, count: int) -> None:
        for number in range(self.sent, self.sent + count):
            record = metric(number, self._entities)
            value = self._deployment.encode("metrics", record)
            key = record.entity_id.encode()
            self._producer.produce(self._topic, value, key, on_delivery=self._confirmed)
            self._producer.poll(0)
        self.sent += count

    def _flush(self) -> None:
        unsent = self._producer.flush(_FLUSH_SECONDS)
        assert unsent == 0, f"{unsent} metrics not confirmed"
        assert self._errors == []

    def _confirmed(self, error: object, _message: object) -> None:
        if error is not None:
            self._errors.append(error)
