"""An outside consumer that tells when the engine has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from examples.autoscaler.tally import Tally
from streams.records import Forecast
from streams.wire.decode import RecordDecoder
from streams.wire.registry import Registry
from streams.wire.topology import RECORD_OF, Topology

WATCHED = ("forecasts", "goals", "plans", "outcomes")
_POLL_MS = 20


class Replies:
    """Reads every partition of WATCHED from its beginning, without a group."""

    def __init__(self, bootstrap: str, topology: Topology, registry: Registry) -> None:
        self.tally = Tally()
        self._topics = {topology.kafka_name(logical): logical for logical in WATCHED}
        self._partitions = [
            TopicPartition(spec.name, number)
            for spec in map(topology.topic, WATCHED)
            for number in range(spec.partitions)
        ]
        self._plans = [
            partition for partition in self._partitions if self._topics[partition.topic] == "plans"
        ]
        self._decoders = {
            logical: RecordDecoder(registry, RECORD_OF[logical]) for logical in WATCHED
        }
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="goalstream-autoscaler-replies",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=_POLL_MS,
        )
        self._read = dict.fromkeys(self._partitions, 0)
        self._forecasts: dict[tuple[str, str], int] = {}
        """Event time of the latest forecast by entity and metric, ms."""
        self._news = asyncio.Condition()

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign(self._partitions)

    async def stop(self) -> None:
        await self._consumer.stop()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for partition, messages in fetched.items():
                self._take(self._topics[partition.topic], messages)
            for partition in self._partitions:  # also past the marks of transactions
                self._read[partition] = await self._consumer.position(partition)
            async with self._news:
                self._news.notify_all()

    async def forecast(self, entity_id: str, metric: str, now: int) -> None:
        """Wait until the series was analysed at ``now`` (event time, ms)."""
        key = entity_id, metric
        await self._until(lambda: self._forecasts.get(key, -1) >= now)

    async def settled(self, entity_id: str) -> None:
        """Wait until every plan of the entity that was begun by now has ended."""
        ends = await self._consumer.end_offsets(self._plans)
        await self._until(lambda: all(self._read[each] >= end for each, end in ends.items()))
        await self._until(lambda: not self.tally.running_plans(entity_id))

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._news:
            await self._news.wait_for(holds)

    def _take(self, logical: str, messages: Sequence[Any]) -> None:
        for found in self._decoders[logical].decode(messages).records:
            record = found.record
            if isinstance(record, Forecast):
                self._forecasts[record.entity_id, record.metric] = record.timestamp
            else:
                self.tally.take(record)
