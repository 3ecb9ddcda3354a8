"""What was queued reaches the broker in order, or no flush succeeds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streams.errors import InvalidRecord, Unavailable
from streams.runtime.outbox import Outbox
from tests.kits.runtime.fake_kafka import Batch, FakeBroker, Metadata


class StubbornBroker(FakeBroker):
    """A broker that refuses batches, or answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.gate: asyncio.Event | None = None
        self.answers: list[asyncio.Future[Metadata]] | None = None

    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> asyncio.Future[Metadata]:
        if self.gate is not None:
            await self.gate.wait()
        if self.refusals:
            self.refusals -= 1
            raise OSError("away")
        future = await super().send_batch(batch, topic, partition=partition)
        if self.answers is None:
            return future
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


def entries(*numbers: int) -> list[tuple[bytes, bytes]]:
    return [(b"key", str(number).encode()) for number in numbers]


async def test_order_is_kept_over_batches_and_partitions() -> None:
    broker = FakeBroker(room=3)
    outbox = Outbox(broker.producer)
    for number in range(8):
        outbox.add("topic", number % 2, b"key", str(number).encode())
    outbox.extend("topic", 0, entries(*range(8, 16)))
    assert outbox.waiting == 16
    last = await outbox.flush()
    assert outbox.waiting == 0
    assert broker.messages("topic", 0) == entries(0, 2, 4, 6, *range(8, 16))
    assert broker.messages("topic", 1) == entries(1, 3, 5, 7)
    assert last == {("topic", 0): 11, ("topic", 1): 3}
    assert await outbox.flush() == {}


async def test_tombstones_are_sent() -> None:
    broker = FakeBroker()
    outbox = Outbox(broker.producer)
    outbox.add("topic", 0, b"key", None)
    await outbox.flush()
    assert broker.messages("topic") == [(b"key", None)]


async def test_record_larger_than_a_batch_is_named() -> None:
    outbox = Outbox(FakeBroker().producer)
    outbox.add("agent-goals", 0, b"key", b"x" * 1_000_001)
    with pytest.raises(InvalidRecord, match="'agent-goals', value '1000001 bytes'"):
        await outbox.send()


async def test_what_the_producer_refused_is_not_forgotten() -> None:
    broker = StubbornBroker()
    outbox = Outbox(broker.producer)
    outbox.extend("topic", 0, entries(*range(7)))
    outbox.extend("topic", 1, entries(9))
    broker.refusals = 2
    with pytest.raises(OSError, match="away"):
        await outbox.send()
    outbox.add("topic", 0, b"key", b"7")
    with pytest.raises(OSError, match="away"):
        await outbox.flush()
    await outbox.flush()
    assert broker.messages("topic", 0) == entries(*range(8))
    assert broker.messages("topic", 1) == entries(9)


async def test_what_a_cancelled_task_was_sending_is_not_forgotten() -> None:
    broker = StubbornBroker()
    outbox = Outbox(broker.producer)
    outbox.extend("topic", 0, entries(1, 2))
    broker.gate = asyncio.Event()
    sending = asyncio.create_task(outbox.send())
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    broker.gate.set()
    await outbox.flush()
    assert broker.messages("topic") == entries(1, 2)


async def test_flush_waits_for_what_another_task_is_sending() -> None:
    broker = StubbornBroker()
    outbox = Outbox(broker.producer)
    outbox.extend("topic", 0, entries(1))
    broker.gate = asyncio.Event()
    sending = asyncio.create_task(outbox.send())
    await asyncio.sleep(0)
    flushing = asyncio.create_task(outbox.flush())
    await asyncio.sleep(0)
    assert not flushing.done()
    broker.gate.set()
    assert await flushing == {("topic", 0): 0}
    await sending


@pytest.mark.parametrize("error", [OSError("away"), None])
async def test_no_flush_succeeds_after_one_failed(error: Any) -> None:
    broker = StubbornBroker()
    broker.answers = []
    outbox = Outbox(broker.producer, timeout_seconds=0.02)
    outbox.extend("topic", 0, entries(1))
    await outbox.send()
    if error is not None:
        broker.answers[0].set_exception(error)
    for _ in range(2):
        with pytest.raises(Unavailable, match="could not be written to Kafka"):
            await outbox.flush()


async def test_discarded_topics_are_not_sent() -> None:
    broker = FakeBroker()
    outbox = Outbox(broker.producer)
    outbox.extend("topic", 0, entries(1))
    outbox.extend("changelog", 0, entries(2))
    outbox.extend("changelog", 1, entries(3))
    outbox.discard(["changelog"])
    await outbox.flush()
    assert list(broker.topics) == [("topic", 0)]
