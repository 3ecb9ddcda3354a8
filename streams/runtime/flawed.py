"""Values of changelogs that cannot be used: found, told of, and taken out when an operator says so.

A damaged value is not passed over: the older one that a store may have would leave out records that
the committed offsets say it holds. So a worker that has to restore it ends, and ``repair`` writes a
tombstone behind it: what it belonged to begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Producer

from streams.core.kernel.batch import split_series_key
from streams.core.kernel.store import ENTITIES, MODELS, SERIES, TABLES
from streams.errors import StateError, Unavailable
from streams.runtime.kafka import ANSWER_SECONDS, APPLY, Reader, Received, quiet_logger
from streams.runtime.sealed import REPAIR, require_layout, unseal
from streams.wire.topology import Topology

DAMAGED_STATE = "damaged_state"
"""Reason of the dead letters."""
SHOWN = 5
"""Keys that an error lists."""


class Flawed(NamedTuple):
    """The newest value of a key, damaged."""

    table: str
    message: Received
    reason: str

    @property
    def key(self) -> bytes:
        return self.message.key or b""

    @property
    def entity(self) -> str:
        """The entity that it belongs to."""
        text = self.key.decode(errors="replace")
        return text if self.table == ENTITIES else split_series_key(text)[0]

    def __str__(self) -> str:
        key = self.key.decode(errors="replace").replace("\x1f", "/")
        at = self.message
        return f"{self.table} {key} ({at.topic}, partition {at.partition}, offset {at.offset})"


def flaw_of(table: str, message: Received) -> Flawed | None:
    """What is wrong with a record of a table's changelog; None when it is whole."""
    if message.key is None:
        return None
    try:
        if message.value is not None:
            value = unseal(table, message.key, message.value)
            if table == ENTITIES:  # whoever forges one may know how to seal it
                require_layout(table, message.key, value)
    except StateError as error:
        return Flawed(table, message, error.message)
    return None


def all_damaged(flawed: Sequence[Flawed]) -> StateError:
    """The error of a restore that met damaged values."""
    more = f" and {len(flawed) - SHOWN} more" if len(flawed) > SHOWN else ""
    return StateError(
        f"damaged values in the changelogs ({len(flawed)}); they are among the dead letters",
        field="changelog",
        value="; ".join(map(str, flawed[:SHOWN])) + more,
        remedy=REPAIR,
    )


def find_flawed(topology: Topology, client: Mapping[str, Any], group: str) -> list[Flawed]:
    """All keys whose newest value is damaged, by table and offset. Reads every changelog whole."""
    reader = Reader(client, group)
    try:
        return [
            flawed for table in TABLES for flawed in _flawed_of(reader, topology, table).values()
        ]
    finally:
        reader.close()


def _flawed_of(reader: Reader, topology: Topology, table: str) -> dict[tuple[int, bytes], Flawed]:
    topic = _changelog(topology, table)
    found: dict[tuple[int, bytes], Flawed] = {}
    for number, messages in reader.between(topic, reader.bounds(topic, APPLY)):
        for message in messages:
            flawed = flaw_of(table, message)
            if flawed is None:
                found.pop((number, message.key or b""), None)
            else:
                found[number, flawed.key] = flawed
    return found


def _changelog(topology: Topology, table: str) -> str:
    return next(spec.name for spec in topology.changelogs if spec.logical == table)


def repair(topology: Topology, client: Mapping[str, Any], flawed: Sequence[Flawed]) -> None:
    """Let what is damaged begin anew. No worker may run: it would not hear of it.

    Raises Unavailable when the broker does not take it; it may be done again.
    """
    producer = Producer({**client, "acks": "all"}, logger=quiet_logger())
    errors: list[KafkaError] = []
    for table, partition, key in tombstones(flawed):
        producer.produce(
            _changelog(topology, table),
            None,
            key,
            partition=partition,
            on_delivery=lambda error, _: errors.append(error) if error else None,
        )
    left = producer.flush(ANSWER_SECONDS)
    if left or errors:
        raise Unavailable(
            f"{left + len(errors)} tombstones were not written",
            field="kafka.bootstrap",
            value=str(errors[0]) if errors else "no answer",
            remedy="check the broker with 'goalstream doctor', then repair again",
        )


def tombstones(flawed: Sequence[Flawed]) -> Iterator[tuple[str, int, bytes]]:
    """(table, partition, key) of what has to go: a series goes with its models, and they with it,
    since each says which records it includes."""
    for each in flawed:
        tables = (ENTITIES,) if each.table == ENTITIES else (SERIES, MODELS)
        for table in tables:
            yield table, each.message.partition, each.key
