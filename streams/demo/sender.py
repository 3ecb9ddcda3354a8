"""Sends what the demo's producers and users have to say."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiokafka import AIOKafkaProducer

from streams.demo.bad import Message, bad_messages
from streams.records import Record
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.registry import Registry
from streams.wire.topology import RECORD_OF, Topology

INPUTS = ("metrics", "events", "actions", "goals", "commands")


class Sender:
    """One producer for all inputs; partitions by murmur2 as the JVM clients do."""

    def __init__(self, bootstrap: str, topology: Topology, registry: Registry) -> None:
        self._topology = topology
        self._names = {logical: topology.kafka_name(logical) for logical in INPUTS}
        self._encoder = Encoder(
            registry, {name: RECORD_OF[logical] for logical, name in self._names.items()}
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id="goalstream-demo-sender",
            acks="all",
            linger_ms=5,
        )
        self.sent: Counter[str] = Counter()
        """Usable records by logical topic."""
        self.bad = 0
        """Messages sent that cannot be used."""

    async def start(self) -> None:
        await asyncio.to_thread(self._encoder.prepare)
        await self._producer.start()

    async def stop(self) -> None:
        """Deliver what is left and disconnect."""
        await self._producer.stop()

    async def send(self, logical: str, record: Record) -> None:
        name = self._names[logical]
        await self._producer.send(name, self._encoder.encode(record, name), key_of(record))
        self.sent[logical] += 1

    async def send_bad(self, message: Message) -> None:
        await self._producer.send(self._names[message.topic], message.value, message.key)
        self.bad += 1

    def bad_messages(self, timestamp: int) -> list[Message]:
        """What is sent on purpose although it cannot be used; after ``start``."""
        return bad_messages(self._encoder, self._topology, timestamp)
