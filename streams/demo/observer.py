"""An outside consumer: reads the topics as any other program would, and fills the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

from streams.demo.ledger import Ledger
from streams.runtime.kafka import MAX_VALUE_BYTES, Reader, Received
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
_POLL_SECONDS = 0.05


class Observer:
    """Reads every partition from its beginning, without a group."""

    def __init__(
        self, client: Mapping[str, Any], topology: Topology, registry: Registry, ledger: Ledger
    ) -> None:
        """``client``: settings of a librdkafka client."""
        self._topics = {topology.kafka_name(logical): logical for logical in WATCHED}
        self._metrics = MetricDecoder(registry.under(topology.topic(METRICS).subject))
        self._records = {
            logical: RecordDecoder(
                registry.under(topology.topic(logical).subject),
                RECORD_OF[logical],
                max_value_bytes=MAX_VALUE_BYTES,
            )
            for logical in WATCHED
            if logical != METRICS
        }
        self._ledger = ledger
        self._reader = Reader(client, f"{topology.prefix}demo-observer")
        self._reader.assign(
            {
                (spec.name, number): 0
                for spec in map(topology.topic, WATCHED)
                for number in range(spec.partitions)
            }
        )
        # One thread alone uses the reader, to the last.
        self._thread = ThreadPoolExecutor(1, "observer")
        self.read = 0
        """Messages read, usable or not."""

    async def stop(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._reader.close)
        self._thread.shutdown()

    async def run(self) -> None:
        """Read until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.take(await loop.run_in_executor(self._thread, self._reader.poll, _POLL_SECONDS))

    def take(self, messages: Iterable[Received]) -> None:
        """Note what was read: of each partition in the order of its offsets."""
        for (topic, _), group in groupby(messages, lambda each: (each.topic, each.partition)):
            batch = list(group)
            self.read += len(batch)
            logical = self._topics[topic]
            if logical == METRICS:
                self._ledger.take_metrics(self._metrics.decode(batch).batch)
            else:
                decoded = self._records[logical].decode(batch)
                self._ledger.take((logical, found.record) for found in decoded.records)
