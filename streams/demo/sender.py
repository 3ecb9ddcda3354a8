"""Sends what the demo's producers and users have to say, and some messages that cannot be used."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from streams.core.kernel.ids import stable_id
from streams.records import Command, Metric, Record
from streams.wire.encode import Encoder
from streams.wire.framing import HEADER_SIZE
from streams.wire.keys import key_of
from streams.wire.registry import Registry
from streams.wire.topology import RECORD_OF, Topology

_ENTITY = "web"
_UNKNOWN_ID = 1_999_999_999
INPUTS = ("metrics", "events", "actions", "goals", "commands")


class Message(NamedTuple):
    """A message as it goes out."""

    topic: str
    """Logical name."""
    key: bytes | None
    value: bytes | None


def bad_messages(encoder: Encoder, topology: Topology, timestamp: int) -> list[Message]:
    """Messages with event time ``timestamp`` (ms) where they have one."""
    key = _ENTITY.encode()
    good = Metric(entity_id=_ENTITY, timestamp=timestamp, name="cpu_utilization", value=1.0)
    metrics, commands = topology.kafka_name("metrics"), topology.kafka_name("commands")
    value = encoder.encode(good, metrics)
    unknown = value[:1] + _UNKNOWN_ID.to_bytes(4, "big") + value[HEADER_SIZE:]
    command = Command(
        entity_id=_ENTITY,
        timestamp=timestamp,
        command_id=stable_id("demo", "command", timestamp),
        command="goal.abolish",
    )
    unusable = (
        None,
        b'{"entity_id": "web", "name": "cpu_utilization", "value": 1.0}',
        unknown,
        value[:-4],
        value + b"\0",
        encoder.encode(replace(good, value=math.nan), metrics),
        encoder.encode(replace(good, timestamp=-timestamp), metrics),
        encoder.encode(replace(good, name=""), metrics),
    )
    return [
        *(Message("metrics", key, each) for each in unusable),
        Message("metrics", None, value),
        Message("metrics", b"somebody-else", value),
        Message("actions", key, b"scale_out please"),
        Message("commands", key, encoder.encode(command, commands)),
    ]


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
