"""Writes records that people hand to a worker onto the input topics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from streams.errors import Unavailable
from streams.records import Record
from streams.records.limits import require_limits
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.topology import Topology


class Written(NamedTuple):
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


class Publisher:
    """Sends through the worker's producer; a record is written when the broker has it."""

    def __init__(
        self,
        producer: Callable[[], Any],
        encoder: Encoder,
        topology: Topology,
        partition_of: Callable[[str], int],
        timeout_seconds: float = 30.0,
    ) -> None:
        self._producer = producer
        self._encoder = encoder
        self._topology = topology
        self._partition_of = partition_of
        self._timeout = timeout_seconds

    async def publish(self, logical: str, records: Sequence[Record]) -> list[Written]:
        """Write records to a logical topic and wait for the broker; in the given order.

        Raises InvalidRecord before anything is sent when one cannot be encoded or is too large,
        Unavailable when the broker does not answer in time: some may have been written then.
        """
        return await self._write(
            logical, [(self._partition_of(record.entity_id), record) for record in records]
        )

    async def broadcast(self, logical: str, record: Record) -> list[Written]:
        """Write one record to every partition of a logical topic; raises like ``publish``."""
        count = self._topology.topic(logical).partitions
        return await self._write(logical, [(number, record) for number in range(count)])

    async def _write(self, logical: str, records: Sequence[tuple[int, Record]]) -> list[Written]:
        topic = self._topology.kafka_name(logical)
        for _, record in records:
            require_limits(record)
        values = [self._encoder.encode(record, topic) for _, record in records]
        producer = self._producer()
        try:
            async with asyncio.timeout(self._timeout):
                sent = [
                    await producer.send(
                        topic,
                        value=value,
                        key=key_of(record),
                        partition=number,
                    )
                    for (number, record), value in zip(records, values, strict=True)
                ]
                written = await asyncio.gather(*sent)
        except Exception as error:
            raise Unavailable(
                f"records could not be written to Kafka: {error!r}",
                field="topic",
                value=topic,
                remedy="check the broker and send them again; ids make repeats harmless",
            ) from error
        return [Written(topic, done.partition, done.offset) for done in written]
