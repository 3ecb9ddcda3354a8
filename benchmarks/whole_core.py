"""``python -m benchmarks.whole_core``: all rules and models over a day of a fleet, without Kafka.

One partition with the default settings is fed five metrics of each host, one value a minute, and
all that the engine reads of its own emissions. Once a minute of event time there is a checkpoint,
whose writes are counted and thrown away. What is timed is the core alone: no decoding, no broker,
no disk. The same seed gives the same values, so two versions of the code can be compared.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from streams.core.config import CoreConfig
from streams.core.partition import Applied, MetricBatch, Partition, Positioned, series_key
from streams.records import Record
from streams.settings import Settings
from streams.wire.topology import INPUTS

START = 1_765_152_000_000
"""Monday, 8 December 2025, midnight UTC."""
MINUTE_MS = 60_000
METRICS = ("cpu", "memory", "api_calls", "latency", "error_rate")
WARM_UP_HOURS = 3
"""Of two hosts, applied before anything is timed: models are compiled on first use."""

APPLY, FEED_BACK, CHECKPOINT = PARTS = ("apply metrics", "apply own emissions", "snapshots")


class Nothing:
    """A store without a value: all stays in memory."""

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return [None] * len(keys)


class Fleet:
    """Hosts with a daily load. Some leak memory, some grow out of their capacity, all have spikes;
    now and then a burst of errors."""

    def __init__(self, hosts: int) -> None:
        self._random = random = np.random.default_rng(7)
        self._phase = random.uniform(-0.1, 0.1, hosts)
        self._size = random.uniform(0.5, 1.2, hosts)
        self._growth = np.where(random.random(hosts) < 0.15, random.uniform(20, 60, hosts), 0.0)
        self._leak = np.where(random.random(hosts) < 0.2, random.uniform(0.02, 0.1, hosts), 0.0)
        self._memory = random.uniform(30, 60, hosts)
        self._burst = np.zeros(hosts)
        names = [f"host-{number:04d}" for number in range(hosts)]
        self._keys = [series_key(name, metric) for name in names for metric in METRICS]
        self._offset = 0

    def minute(self, number: int) -> MetricBatch:
        """The values of one minute, host by host."""
        values = np.round(self._values(number / 1440), 4)
        count = len(self._keys)
        self._offset += count
        return MetricBatch(
            offsets=np.arange(self._offset - count, self._offset),
            timestamps=np.full(count, START + number * MINUTE_MS),
            values=values.reshape(-1),
            keys=self._keys,
            entity_types=["service"] * count,
            correlation_ids=[""] * count,
        )

    def _values(self, day: float) -> NDArray[np.float64]:
        """(hosts, metrics) at a moment, in days."""
        random, hosts = self._random, self._size.size
        noise = random.standard_normal((4, hosts))
        wave = np.sin(2 * np.pi * (day - 0.3 + self._phase))
        spike = np.where(random.random(hosts) < 1 / 720, random.uniform(20, 50, hosts), 0.0)
        cpu = 35 * self._size + 15 * wave + self._growth * day + 2.5 * noise[0] + spike
        self._memory = np.where(self._memory > 97, 30.0, self._memory + self._leak)
        calls = 3_000 * self._size * (1 + 0.5 * wave) + 120 * noise[1] + 40 * spike
        self._burst = 0.9 * self._burst + np.where(random.random(hosts) < 1 / 1440, 0.08, 0.0)
        columns = (
            np.clip(cpu, 1, 100),
            np.clip(self._memory + 0.8 * noise[2], 1, 100),
            np.maximum(calls, 0),
            40 + 0.02 * np.maximum(calls, 0) + 1.5 * spike + 4 * np.abs(noise[3]),
            np.clip(0.003 + 0.001 * noise[3] + self._burst, 0, 1),
        )
        return np.column_stack(columns)


@dataclass(slots=True)
class Run:
    """What a run did and what it took."""

    cpu_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    """By part."""
    events: int = 0
    emissions: Counter[str] = field(default_factory=Counter[str])
    """By topic."""
    writes: Counter[str] = field(default_factory=Counter[str])
    """Values at checkpoints, by table."""
    written: Counter[str] = field(default_factory=Counter[str])
    """Their bytes."""
    entities: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """Bytes of each entity as last written."""
    checkpoints: int = 0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the CPU time of this process, all threads."""
        started = time.process_time()
        yield
        self.cpu_seconds[name] += time.process_time() - started


def run(hosts: int, minutes: int) -> Run:
    """Let a fleet live for that long."""
    done, fleet, model_bytes = Run(), Fleet(hosts), Settings().worker.model_bytes_per_checkpoint
    partition = Partition(0, CoreConfig(), Nothing())
    ends: Counter[str] = Counter()
    for minute in range(minutes):
        batch = fleet.minute(minute)
        with done.part(APPLY):
            applied = partition.apply_metrics(batch)
        done.events += len(batch)
        with done.part(FEED_BACK):
            _feed_back(partition, applied, ends, done)
        with done.part(CHECKPOINT):
            snapshot = partition.snapshot(model_bytes)
        done.checkpoints += 1
        for table, writes in snapshot.writes.items():
            done.writes[table] += len(writes)
            done.written[table] += sum(len(value or b"") for _, value in writes)
        done.entities |= {key: len(value or b"") for key, value in snapshot.writes["entities"]}
    return done


def _feed_back(partition: Partition, applied: Applied, ends: Counter[str], done: Run) -> None:
    """What the engine reads of what it says, until it says no more. No action has a handler."""
    waiting = [applied]
    while waiting:
        emissions = waiting.pop(0).emissions
        done.emissions.update(emission.topic for emission in emissions)
        for source in INPUTS:
            records = [emission.record for emission in emissions if emission.topic == source]
            if records:
                waiting.append(partition.apply(source, _placed(records, source, ends)))


def _placed(records: Sequence[Record], source: str, ends: Counter[str]) -> list[Positioned]:
    start = ends[source]
    ends[source] += len(records)
    return [Positioned(start + index, record) for index, record in enumerate(records)]


# -- what is shown --------------------------------------------------------------------------------


def main() -> None:
    arguments = _arguments()
    run(2, WARM_UP_HOURS * 60)
    started = time.perf_counter()
    done = run(arguments.hosts, round(arguments.hours * 60))
    seconds = time.perf_counter() - started
    console = Console(width=100, highlight=False)
    console.print(_table(done, seconds, f"{arguments.hosts} hosts, {arguments.hours:g} hours"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_core", description=__doc__)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24.0, help="of event time")
    return parser.parse_args()


def _table(done: Run, wall_seconds: float, title: str) -> Table:
    table = Table(title=f"whole core: {title}, {done.events:,} events")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name, figure in _figures(done, wall_seconds):
        table.add_row(name, figure)
    return table


def _figures(done: Run, wall_seconds: float) -> Iterator[tuple[str, str]]:
    total = sum(done.cpu_seconds.values())
    yield "events per CPU-second", f"{done.events / total:,.0f}"
    yield "CPU seconds", f"{total:.1f}"
    for part in PARTS:
        yield f"  {part}", f"{done.cpu_seconds[part]:.1f}"
    yield "wall seconds", f"{wall_seconds:.1f}"
    for topic, count in sorted(done.emissions.items()):
        yield f"emitted on {topic}", f"{count:,}"
    yield "checkpoints", f"{done.checkpoints:,}"
    for table in ("entities", "series", "models"):
        values, size = done.writes[table], done.written[table]
        yield f"{table}: bytes written", f"{size:,}"
        yield f"{table}: bytes a checkpoint, mean", f"{size / done.checkpoints:,.0f}"
        yield f"{table}: values written", f"{values:,}"
        yield f"{table}: bytes a value, mean", f"{size / max(1, values):,.0f}"
    sizes = sorted(done.entities.values())
    if sizes:
        median, largest = sizes[len(sizes) // 2], sizes[-1]
        yield "an entity at the end: bytes, median - largest", f"{median:,} - {largest:,}"
    yield "peak MB", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f}"


if __name__ == "__main__":
    main()
