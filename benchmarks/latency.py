"""``python -m benchmarks.latency``: from metric to suggestion, for a reader of committed records.

A worker under a steady load of metrics, an analysis of each series every ten minutes of its time.
Beside them a probe writes a metric and asks for advice; the time runs from handing over the metric
until the suggestion is read.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.load import PARTITIONS, START_MS, STEP_MS, Workload, series_names
from benchmarks.process import cpu_seconds
from benchmarks.stack import kafka
from benchmarks.worker_lane import RunningWorker, WorkerLane
from streams.records import Action, Goal, Metric, Record
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.registry import EmbeddedRegistry
from streams.wire.topology import RECORD_OF

GUARANTEES = ("at_least_once", "exactly_once")
PROBES = 20
"""Entities that the probe takes in turn."""
PROBE_SECONDS = 0.05
WARM_UP_SECONDS = 10.0
LATE_SECONDS = 10.0
_TICK_SECONDS = 0.01


class Traffic:
    """What is written to a worker, and what it says."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._encoder = Encoder(
            EmbeddedRegistry(), {self._topic(name): kind for name, kind in RECORD_OF.items()}
        )
        self._encoder.prepare()
        settings = {"bootstrap.servers": bootstrap, "partitioner": "murmur2", "linger.ms": 0}
        self._probe = Producer(settings)
        self._load = Producer(settings | {"linger.ms": 5, "compression.type": "lz4"})
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{prefix}reader",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            }
        )
        self._reader.assign(
            [TopicPartition(self._topic("suggestions"), n, 0) for n in range(PARTITIONS)]
        )
        self.sent: dict[bytes, float] = {}
        self.seen: dict[bytes, float] = {}

    def _topic(self, logical: str) -> str:
        return f"{self._prefix}agent-{logical}"

    def write(self, producer: Producer, logical: str, record: Record) -> None:
        topic = self._topic(logical)
        producer.produce(topic, self._encoder.encode(record, topic), key_of(record))
        producer.poll(0)

    def set_goals(self) -> None:
        for number in range(PROBES):
            goal = Goal(
                entity_id=f"probe-{number}", timestamp=START_MS, goal_id="g",
                target_metric="throughput", target_value=10.0,
            )  # fmt: skip
            self.write(self._probe, "goals", goal)
        self._probe.flush()

    def flow(self, rate: int, stop: threading.Event) -> None:
        """``rate`` metrics a second over 1,000 series, a minute of event time apart in each."""
        names = series_names(Workload(rate, 1_000))
        started, sent = time.perf_counter(), 0
        while not stop.wait(_TICK_SECONDS):
            for number in range(sent, int((time.perf_counter() - started) * rate)):
                step, who = divmod(number, len(names))
                record = Metric(
                    entity_id=names[who], timestamp=START_MS + step * STEP_MS, name="cpu",
                    value=50.0 + number % 17,
                )  # fmt: skip
                self.write(self._load, "metrics", record)
                sent += 1
        self._load.flush()

    def probe(self, seconds: float) -> None:
        """A metric and a question every PROBE_SECONDS; returns when the answers are there."""
        begun, number = time.perf_counter(), 0
        while (now := time.perf_counter() - begun) < seconds:
            if now >= number * PROBE_SECONDS:
                self._ask(number)
                number += 1
            self._read(0.002)
        late = time.perf_counter() + LATE_SECONDS
        while self.sent.keys() - self.seen.keys() and time.perf_counter() < late:
            self._read(0.01)

    def _ask(self, number: int) -> None:
        entity, at = f"probe-{number % PROBES}", START_MS + number * STEP_MS
        id_ = f"probe-action-{number:06d}"
        self.sent[id_.encode()] = time.perf_counter()
        metric = Metric(entity_id=entity, timestamp=at, name="throughput", value=4.0)
        self.write(self._probe, "metrics", metric)
        question = Action(
            entity_id=entity, timestamp=at, action_id=id_, action_type="scale", dry_run=True
        )
        self.write(self._probe, "actions", question)

    def _read(self, seconds: float) -> None:
        for message in self._reader.consume(500, seconds):
            value = message.value() or b""
            at = value.find(b"probe-action-")
            if at >= 0:
                self.seen.setdefault(value[at : at + 19], time.perf_counter())

    def seconds(self) -> list[float]:
        """Of each answered question, in order, without those of the warm-up."""
        first = min(self.sent.values()) + WARM_UP_SECONDS
        return sorted(
            self.seen[id_] - sent
            for id_, sent in self.sent.items()
            if id_ in self.seen and sent >= first
        )

    def close(self) -> None:
        self._probe.flush()
        self._load.flush()
        self._reader.close()


def measure(
    bootstrap: str, directory: Path, guarantee: str, rate: int, seconds: float
) -> list[str]:
    """A row of the table."""
    app = f"latency-{secrets.token_hex(3)}"
    lane = WorkerLane(
        bootstrap, "embedded", f"{app}.", f"{app}.agent-metrics", Workload(1, 1_000),
        ("ensemble", "holt_winters"), 50_000, directory, guarantee, 600,
    )  # fmt: skip
    lane.apply_topics(app)
    with lane.worker(app, "latency") as worker:
        lane.wait_ready(worker)
        traffic = Traffic(bootstrap, lane.prefix)
        traffic.set_goals()
        stop = threading.Event()
        load = threading.Thread(target=traffic.flow, args=(rate, stop))
        load.start()
        try:
            cpu, begun = cpu_seconds(worker.pid), time.perf_counter()
            traffic.probe(WARM_UP_SECONDS + seconds)
            used = (cpu_seconds(worker.pid) - cpu) / (time.perf_counter() - begun)
        finally:
            stop.set()
            load.join()
        found = np.array(traffic.seconds()) * 1000
        lost = len(traffic.sent) - len(traffic.seen)
        traffic.close()
        p50, p99 = np.percentile(found, [50, 99])
        return [
            guarantee, f"{rate:,}", f"{p50:.0f}", f"{p99:.0f}", f"{len(found)} ({lost} missing)",
            *(f"{each:.0f}" for each in commit_ms(worker)), f"{used:.2f}",
        ]  # fmt: skip


def commit_ms(worker: RunningWorker) -> list[float]:
    """p50 and p99 of the transactions, ms, as bounds of the buckets that they fall into."""
    name = "goalstream_transaction_seconds"
    buckets = worker.buckets(name)
    total = buckets[-1][1] if buckets else 0
    if not total:
        return [float("nan")] * 2
    return [
        1000 * next(bound for bound, count in buckets if count >= total * share)
        for share in (0.5, 0.99)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rates", nargs="+", type=int, default=[1_000, 5_000])
    parser.add_argument("--guarantees", nargs="+", default=list(GUARANTEES), choices=GUARANTEES)
    parser.add_argument("--seconds", type=float, default=30.0, help="beside 10 s of warm-up")
    parser.add_argument("--bootstrap", help="a running Kafka; default: one is started")
    arguments = parser.parse_args()
    table = Table(title="from metric to suggestion, reader of committed records")
    for heading in (
        "guarantee", "values/s", "p50 ms", "p99 ms", "answers", "commit p50 ms <=",
        "commit p99 ms <=", "CPU of the worker",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    console = Console(width=130)
    with (
        tempfile.TemporaryDirectory(prefix="goalstream-latency-") as directory,
        kafka(arguments.bootstrap, Path(directory)) as bootstrap,
    ):
        for rate in arguments.rates:
            for guarantee in arguments.guarantees:
                row = measure(bootstrap, Path(directory), guarantee, rate, arguments.seconds)
                console.log(*row)
                table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
