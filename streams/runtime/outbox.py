"""Sends records in hand-made batches: 2 µs a record where ``send`` costs 30."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from streams.errors import InvalidRecord, Unavailable

Entry = tuple[bytes | None, bytes | None]
"""Key and value of one message; a value of None is a tombstone."""

Target = tuple[str, int]
"""Kafka topic and partition."""


class Queue(Protocol):
    """Where outputs go."""

    def add(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, /
    ) -> None: ...

    async def send(self) -> None:
        """Let go what may leave by now."""
        ...


class Outbox:
    """Messages on their way to the broker, in order per partition."""

    def __init__(self, producer: Callable[[], Any], timeout_seconds: float = 60.0) -> None:
        self._producer = producer
        self._timeout = timeout_seconds
        self._waiting: dict[Target, list[Entry]] = {}
        self._sent: list[tuple[Target, asyncio.Future[Any], int]] = []
        self._sending = asyncio.Lock()

    def add(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Queue one message; ``send`` hands it to the producer."""
        self._waiting.setdefault((topic, partition), []).append((key, value))

    def extend(self, topic: str, partition: int, entries: Iterable[Entry]) -> None:
        """Queue many messages of one partition."""
        self._waiting.setdefault((topic, partition), []).extend(entries)

    def discard(self, topics: Iterable[str]) -> None:
        """Drop what is queued for these topics and not handed over yet."""
        names = frozenset(topics)
        self._waiting = {
            target: entries for target, entries in self._waiting.items() if target[0] not in names
        }

    @property
    def waiting(self) -> int:
        """Messages queued and not handed over yet."""
        return sum(len(entries) for entries in self._waiting.values())

    async def send(self) -> None:
        """Hand everything queued to the producer; ``flush`` waits for the broker."""
        # The lock makes a flush wait for what another task is just handing over.
        async with self._sending:
            for target in list(self._waiting):
                await self._send(target)

    async def _send(self, target: Target) -> None:
        entries = self._waiting.pop(target, [])  # none when they were discarded meanwhile
        start = 0
        try:
            while start < len(entries):
                start += await self._send_batch(target, entries[start:])
                await asyncio.sleep(0)
        except BaseException:
            # What the producer did not take stays queued, or a later flush would pass without it.
            self._waiting[target] = entries[start:] + self._waiting.get(target, [])
            raise

    async def _send_batch(self, target: Target, entries: Sequence[Entry]) -> int:
        """Hand over as many of the first entries as one batch takes; returns how many."""
        producer = self._producer()
        topic, partition = target
        batch = producer.create_batch()
        append = batch.append
        count = 0
        for key, value in entries:
            if append(timestamp=None, key=key, value=value) is None:
                break
            count += 1
        if not count:
            raise InvalidRecord(
                "a record is larger than the producer's batch",
                field=topic,
                value=f"{len(entries[0][1] or b'')} bytes",
                remedy="lower the limits on kept goals, outcomes and output sizes",
            )
        batch.close()
        future = await producer.send_batch(batch, topic, partition=partition)
        self._sent.append((target, future, count))
        return count

    async def flush(self) -> dict[Target, int]:
        """Wait until the broker has everything; returns the last offset per partition.

        Raises Unavailable when it does not within the timeout: the process must not go on as if
        it did. Nor can it: what failed is waited for again by the next flush.
        """
        await self.send()
        last: dict[Target, int] = {}
        try:
            async with asyncio.timeout(self._timeout):
                while self._sent:
                    target, future, count = self._sent[0]
                    metadata = await asyncio.shield(future)
                    del self._sent[0]
                    offset = metadata.offset + count - 1 if metadata.offset >= 0 else -1
                    last[target] = max(offset, last.get(target, -1))
        except Exception as error:
            raise Unavailable(
                f"records could not be written to Kafka: {error!r}",
                remedy="check the broker, then restart the worker; nothing was committed",
            ) from error
        return last
