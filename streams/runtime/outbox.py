"""Sends records in hand-made batches: 2 µs a record where ``send`` costs 30."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from streams.errors import InvalidRecord, Unavailable


class Entry(NamedTuple):
    """One message; a ``value`` of None is a tombstone."""

    key: bytes | None
    value: bytes | None


Target = tuple[str, int]
"""Kafka topic and partition."""


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
        self._waiting.setdefault((topic, partition), []).append(Entry(key, value))

    def extend(self, topic: str, partition: int, entries: Iterable[tuple[Any, Any]]) -> None:
        """Queue many messages of one partition."""
        queue = self._waiting.setdefault((topic, partition), [])
        queue.extend(Entry(key, value) for key, value in entries)

    @property
    def waiting(self) -> int:
        """Messages queued and not handed over yet."""
        return sum(len(entries) for entries in self._waiting.values())

    async def send(self) -> None:
        """Hand everything queued to the producer; ``flush`` waits for the broker."""
        # The lock makes a flush wait for what another task is just handing over.
        async with self._sending:
            waiting, self._waiting = self._waiting, {}
            for target, entries in waiting.items():
                await self._send(target, entries)

    async def _send(self, target: Target, entries: Sequence[Entry]) -> None:
        producer = self._producer()
        topic, partition = target
        start = 0
        while start < len(entries):
            batch = producer.create_batch()
            append = batch.append
            count = 0
            for entry in entries[start:]:
                if append(timestamp=None, key=entry.key, value=entry.value) is None:
                    break
                count += 1
            if not count:
                size = len(entries[start].value or b"")
                raise InvalidRecord(
                    "a record is larger than the producer's batch",
                    field=topic,
                    value=f"{size} bytes",
                    remedy="lower the limits on kept goals, outcomes and output sizes",
                )
            batch.close()
            future = await producer.send_batch(batch, topic, partition=partition)
            self._sent.append((target, future, count))
            start += count
            await asyncio.sleep(0)

    async def flush(self) -> dict[Target, int]:
        """Wait until the broker has everything; returns the last offset per partition.

        Raises Unavailable when it does not within the timeout: the process must not go on as if
        it did.
        """
        await self.send()
        sent, self._sent = self._sent, []
        last: dict[Target, int] = {}
        try:
            async with asyncio.timeout(self._timeout):
                for target, future, count in sent:
                    metadata = await future
                    offset = metadata.offset + count - 1 if metadata.offset >= 0 else -1
                    last[target] = max(offset, last.get(target, -1))
        except Exception as error:
            raise Unavailable(
                f"records could not be written to Kafka: {error!r}",
                remedy="check the broker, then restart the worker; nothing was committed",
            ) from error
        return last
