"""Where the worker's time goes: its stages one by one, in this process, on records from Kafka.

``python -m benchmarks.profile [--models holt_winters snarimax] [--functions 25]``

The difference between the sum printed here and the worker's figure in a lane is what Faust, the
event loop and its threads take.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import rocksdict
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.cluster import create_topic, delete_topics
from benchmarks.load import PARTITIONS, Workload, fill, metric_schema_id
from benchmarks.stack import kafka
from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.checks import HOUR_MS
from streams.core.kernel.store import NothingStored, Write
from streams.core.partition import Partition
from streams.runtime.outbox import Outbox
from streams.wire.columns import MetricDecoder
from streams.wire.registry import EmbeddedRegistry

P = ParamSpec("P")
R = TypeVar("R")

BATCH_RECORDS = 2_000
POLL_RECORDS = 4 * BATCH_RECORDS
CHECKPOINT_RECORDS = 150_000
"""Records between two checkpoints: about a second of a worker at its goal."""
TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS
"""Between two analyses, so that none falls into the run."""


STAGES = (
    FETCH := "fetch",
    DECODE := "decode",
    ROWS := "apply: rows",
    MODELS := "apply: models",
    REST := "apply: all else",
    SNAPSHOT := "checkpoint: snapshot",
    CHANGELOG := "checkpoint: changelog",
    ROCKSDB := "checkpoint: RocksDB",
)
"""In the order of the way of the data."""


class Slice(NamedTuple):
    """Records of one partition, as the engine gets them."""

    partition: int
    records: list[Any]


@dataclass(frozen=True, slots=True)
class Stages:
    """CPU seconds of this process by stage, all threads."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function, with its calls counted to a stage."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.stage(name):
                return function(*args, **kwargs)

        return call

    def table(self, records: int) -> Table:
        """Microseconds a record, and the rate if this were all there is."""
        table = Table(title=f"{records:,} records")
        for heading in ("stage", "CPU µs a record"):
            table.add_column(heading, justify="left" if heading == "stage" else "right")
        for name in STAGES:
            table.add_row(name, f"{1e6 * self.seconds[name] / records:.2f}")
        total = sum(self.seconds.values())
        table.add_section()
        table.add_row("all", f"{1e6 * total / records:.2f}")
        table.add_row("events/CPU-s", f"{records / total:,.0f}")
        return table


async def fetch(bootstrap: str, topic: str, records: int, stages: Stages) -> list[Slice]:
    """Read records as the worker does: many a poll, cut into batches of one partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    slices: list[Slice] = []
    read = 0
    try:
        consumer.assign([TopicPartition(topic, index) for index in range(PARTITIONS)])
        while read < records:
            with stages.stage(FETCH):
                polled = await consumer.getmany(timeout_ms=200, max_records=POLL_RECORDS)
            for place, got in polled.items():
                read += len(got)
                for start in range(0, len(got), BATCH_RECORDS):
                    slices.append(Slice(place.partition, got[start : start + BATCH_RECORDS]))
    finally:
        await consumer.stop()
    return slices


class Store:
    """Where checkpoints go: a changelog topic and a RocksDB, as in the worker."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, directory: Path) -> None:
        self._outbox = Outbox(lambda: producer)
        self._topic = topic
        self._database = rocksdict.Rdict(str(directory), rocksdict.Options(raw_mode=True))
        # Any: the stubs take this attribute for a method.
        self._options: Any = rocksdict.WriteOptions()
        self._options.disable_wal = True

    async def save(self, partition: int, writes: Sequence[Write], stages: Stages) -> None:
        with stages.stage(CHANGELOG):
            self._outbox.extend(self._topic, partition, writes)
            await self._outbox.flush()
        with stages.stage(ROCKSDB):
            batch = rocksdict.WriteBatch(raw_mode=True)
            for key, value in writes:
                if value is not None:
                    batch.put(key, value)
            self._database.write(batch, self._options)

    def close(self) -> None:
        self._database.close()


async def run(
    bootstrap: str, topic: str, records: int, config: CoreConfig, directory: Path
) -> tuple[Stages, int]:
    """All stages over the topic; returns them and the number of records."""
    stages = Stages()
    slices = await fetch(bootstrap, topic, records, stages)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=0, max_batch_size=900_000
    )
    await producer.start()
    changelog = f"{topic}-changelog"
    create_topic(bootstrap, changelog, PARTITIONS)
    store = Store(producer, changelog, directory / "rocksdb")
    try:
        await learn(slices, config, store, stages)
    finally:
        store.close()
        await producer.stop()
        delete_topics(bootstrap, [changelog])
    return stages, sum(len(part.records) for part in slices)


async def learn(slices: list[Slice], config: CoreConfig, store: Store, stages: Stages) -> None:
    """Decode, apply and save every slice."""
    decoder = MetricDecoder(EmbeddedRegistry())
    partitions = [timed_partition(index, config, stages) for index in range(PARTITIONS)]
    unsaved = 0
    # The worker does not hold all records; here they would make each collection slower.
    gc.collect()
    gc.freeze()
    for number, records in slices:
        with stages.stage(DECODE):
            batch = decoder.decode(records).batch
        with stages.stage(REST):
            partitions[number].apply_metrics(batch)
        unsaved += len(records)
        if unsaved >= CHECKPOINT_RECORDS:
            await checkpoint(partitions, store, stages)
            unsaved = 0
    await checkpoint(partitions, store, stages)
    stages.seconds[REST] -= stages.seconds[ROWS] + stages.seconds[MODELS]


def timed_partition(number: int, config: CoreConfig, stages: Stages) -> Partition:
    """A partition whose search for rows and whose models are timed by themselves."""
    partition = Partition(number, config, NothingStored())
    series = partition.series
    series.rows_of = stages.timed(ROWS, series.rows_of)
    series.bank.learn_many = stages.timed(MODELS, series.bank.learn_many)
    return partition


async def checkpoint(partitions: Sequence[Partition], store: Store, stages: Stages) -> None:
    for partition in partitions:
        with stages.stage(SNAPSHOT):
            snapshot = partition.snapshot(None)
        for writes in snapshot.writes.values():
            if writes:
                await store.save(partition.number, writes, stages)


def functions(slices: list[Slice], config: CoreConfig, lines: int) -> None:
    """The dearest functions of decode and apply. cProfile slows small functions the most."""
    decoder = MetricDecoder(EmbeddedRegistry())
    partitions = [Partition(index, config, NothingStored()) for index in range(PARTITIONS)]
    profiler = cProfile.Profile()
    with profiler:
        for number, records in slices:
            partitions[number].apply_metrics(decoder.decode(records).batch)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--bootstrap", help="a running Kafka; default: one is started")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--series", type=int, default=Workload.series)
    parser.add_argument("--models", nargs="+", default=["holt_winters"])
    parser.add_argument("--functions", type=int, default=0, help="print that many, by cProfile")
    options = parser.parse_args()
    forecasting = ForecastConfig(models=tuple(options.models), interval_ms=TEN_YEARS_MS)
    config = CoreConfig(forecasting=forecasting)
    workload = Workload(options.events, options.series)
    topic = f"bench-profile-{secrets.token_hex(3)}"
    with (
        tempfile.TemporaryDirectory(prefix="goalstream-profile-") as directory,
        kafka(options.bootstrap, Path(directory)) as bootstrap,
    ):
        fill(bootstrap, topic, workload, metric_schema_id("embedded", topic))
        try:
            stages, records = asyncio.run(
                run(bootstrap, topic, workload.events, config, Path(directory))
            )
            Console().print(stages.table(records))
            if options.functions:
                slices = asyncio.run(fetch(bootstrap, topic, workload.events, Stages()))
                functions(slices, config, options.functions)
        finally:
            delete_topics(bootstrap, [topic])


if __name__ == "__main__":
    main()
