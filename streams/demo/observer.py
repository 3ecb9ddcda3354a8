"""An outside consumer: reads the topics as any other program would, and fills the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.demo.ledger import Ledger
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.registry import Registry
from streams.wire.topology import RECORD_OF, Topology

METRICS = "metrics"
WATCHED = (
    METRICS,
    "events",
    "actions",
    "goals",
    "plans",
    "decisions",
    "forecasts",
    "predictions",
    "suggestions",
    "outcomes",
    "alerts",
    "dead-letter",
)
"""Logical topics that are read."""
_POLL_MS = 50
_MAX_VALUE_BYTES = 16_000_000
"""Dead letters are larger than the records that they hold."""


class Observer:
    """Reads every partition from its beginning, without a group."""

    def __init__(
        self, bootstrap: str, topology: Topology, registry: Registry, ledger: Ledger
    ) -> None:
        self._topics = {topology.kafka_name(logical): logical for logical in WATCHED}
        self._partitions = [
            TopicPartition(spec.name, number)
            for spec in map(topology.topic, WATCHED)
            for number in range(spec.partitions)
        ]
        self._metrics = MetricDecoder(registry)
        self._records = {
            logical: RecordDecoder(registry, RECORD_OF[logical], max_value_bytes=_MAX_VALUE_BYTES)
            for logical in WATCHED
            if logical != METRICS
        }
        self._ledger = ledger
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="goalstream-demo-observer",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=_POLL_MS,
        )
        self.read = 0
        """Messages read, usable or not."""

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign(self._partitions)

    async def stop(self) -> None:
        await self._consumer.stop()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self.take(await self._consumer.getmany(timeout_ms=_POLL_MS))

    def take(self, messages: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Note what was fetched: messages by partition, in the order of their offsets."""
        for partition, batch in messages.items():
            self.read += len(batch)
            logical = self._topics[partition.topic]
            if logical == METRICS:
                self._ledger.take_metrics(self._metrics.decode(batch).batch)
            else:
                decoded = self._records[logical].decode(batch)
                self._ledger.take((logical, found.record) for found in decoded.records)
