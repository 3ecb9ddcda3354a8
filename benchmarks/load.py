"""Fill a topic with metrics: deterministic, and much faster than any reader under test.

``python -m benchmarks.load --bootstrap HOST:PORT --topic NAME [--events N] [--series S]``
"""

from __future__ import annotations

import argparse
import io
import math
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fastavro
import numpy as np
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from numpy.typing import NDArray

from benchmarks.cluster import BenchmarkError, create_topic, end_offsets
from streams.records import Metric
from streams.wire.registry import EMBEDDED_IDS, subject_name
from streams.wire.schemas import reader_schema

METRIC_SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "Metric.avsc"

PARTITIONS = 4
_HEADER_BYTES = 5
"""Zero and the schema id."""
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
STEP_MS = 60_000
STEPS_A_DAY = 1_440

REGISTRY_TIMEOUT_SECONDS = 3.0
FLUSH_SECONDS = 60.0

PRODUCER_SETTINGS: dict[str, str | int | bool] = {
    "partitioner": "murmur2",  # places a key where Java clients place it
    "compression.type": "lz4",
    "enable.idempotence": True,
    "linger.ms": 20,
    "batch.num.messages": 500,  # what many small producers send, not one bulk writer
    "queue.buffering.max.messages": 500_000,
}


@dataclass(frozen=True)  # no slots: the defaults are read from the class
class Workload:
    """What a topic is filled with. The same workload gives the same bytes in the same order."""

    events: int = 1_000_000
    series: int = 1_000
    seed: int = 7

    def __post_init__(self) -> None:
        if self.events < 1 or self.series < 1:
            raise BenchmarkError("events and series must be 1 or more")

    @property
    def rounds(self) -> int:
        """Times that every series gets a value; the last round may be cut short."""
        return math.ceil(self.events / self.series)


def series_names(workload: Workload) -> list[str]:
    """One entity a series, each with one metric."""
    return [f"host-{index:06d}" for index in range(workload.series)]


def value_rounds(workload: Workload) -> Iterator[NDArray[np.float64]]:
    """One value for every series, round after round: level + daily sine + noise."""
    random = np.random.default_rng(workload.seed)
    level = random.uniform(30.0, 70.0, workload.series)
    swing = random.uniform(5.0, 20.0, workload.series)
    phase = random.uniform(0.0, 2 * np.pi, workload.series)
    for step in range(workload.rounds):
        day = np.sin(phase + 2 * np.pi * step / STEPS_A_DAY)
        yield level + swing * day + random.normal(0.0, 1.0, workload.series)


def messages(workload: Workload, schema_id: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value in Confluent wire format) of every event, one round over the series at a time.

    Only the value and the timestamp change between messages, so the bytes before and after
    them are built once per series and once per round.
    """
    names = series_names(workload)
    keys = [name.encode() for name in names]
    heads = [_head(schema_id, name) for name in names]
    left = workload.events
    for step, values in enumerate(value_rounds(workload)):
        tail = _long(START_MS + step * STEP_MS) + _TAIL
        doubles = values.astype("<f8").tobytes()
        for index in range(min(left, workload.series)):
            double = doubles[8 * index : 8 * index + 8]
            yield keys[index], heads[index] + double + tail
        left -= workload.series


def _long(number: int) -> bytes:
    """Avro long: zigzag, then seven bits a byte, lowest first."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _long(len(encoded)) + encoded


def _head(schema_id: int, entity_id: str) -> bytes:
    """Wire header, entity_id, entity_type and name."""
    wire_header = struct.pack(">bI", 0, schema_id)
    return wire_header + _text(entity_id) + _text("service") + _text("cpu_usage")


_TAIL = b"".join(
    (
        _text("percent"),  # unit
        _text("bench"),  # source
        _text(""),  # correlation_id
        _long(1),  # schema_version
        _long(1) + _text("region") + _text("eu-1") + _long(0),  # tags
    )
)


def require_readable(value: bytes) -> None:
    """Raise BenchmarkError unless Avro reads the message by the metric schema, to its last byte.

    The bytes above are laid out by hand, so a changed schema must not go unnoticed.
    """
    body = io.BytesIO(value[_HEADER_BYTES:])
    try:
        fastavro.schemaless_reader(body, reader_schema(Metric), None)
        unread = body.read()
    except (EOFError, IndexError, ValueError) as error:
        raise BenchmarkError(f"{METRIC_SCHEMA.name} has changed: {error!r}") from error
    if unread:
        raise BenchmarkError(f"{METRIC_SCHEMA.name} has changed: {len(unread)} bytes left over")


def metric_schema_id(registry_url: str, topic: str) -> int:
    """Id of the metric schema: fixed for ``embedded``, else given by the registry."""
    if registry_url == "embedded":
        return EMBEDDED_IDS["Metric"]
    client = SchemaRegistryClient({"url": registry_url, "timeout": REGISTRY_TIMEOUT_SECONDS})
    return client.register_schema(subject_name(topic), Schema(METRIC_SCHEMA.read_text(), "AVRO"))


def fill(bootstrap: str, topic: str, workload: Workload, schema_id: int) -> float:
    """Create the topic and write the workload to it; returns the seconds it took."""
    require_readable(next(messages(workload, schema_id))[1])
    create_topic(bootstrap, topic, PARTITIONS)
    started = time.perf_counter()
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER_SETTINGS})
    for key, value in messages(workload, schema_id):
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(FLUSH_SECONDS):
        raise BenchmarkError(f"the broker took no more messages for {FLUSH_SECONDS:.0f} s")
    seconds = time.perf_counter() - started
    written = sum(end_offsets(bootstrap, topic).values())
    if written != workload.events:
        raise BenchmarkError(f"topic {topic!r} holds {written} messages, not {workload.events}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--registry", default="embedded", help="URL, or 'embedded' for fixed ids")
    parser.add_argument("--events", type=int, default=Workload.events)
    parser.add_argument("--series", type=int, default=Workload.series)
    parser.add_argument("--seed", type=int, default=Workload.seed)
    options = parser.parse_args()
    workload = Workload(options.events, options.series, options.seed)
    schema_id = metric_schema_id(options.registry, options.topic)
    seconds = fill(options.bootstrap, options.topic, workload, schema_id)
    print(f"{workload.events} events in {seconds:.1f} s to {options.topic}, schema id {schema_id}")


if __name__ == "__main__":
    main()
