"""The consumer delivers batches, and none of an older epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message

from streams.errors import StateError
from streams.runtime import transport
from streams.runtime.transactions import Membership
from streams.runtime.transport import BatchConsumer, RawBatch, verify_faust
from tests.kits.runtime.faust_app import unconnected_app

ONE, TWO = TP("agent-metrics", 0), TP("agent-metrics", 1)
CHANGELOG = TP("changelog", 0)


class PreparedConsumer(BatchConsumer):
    """A consumer of records in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.records: dict[TP, list[Any]] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy: list[str] = []
        self.thread = SimpleNamespace(
            positions=lambda _: self.next, membership=lambda number: Membership("g", number, "m")
        )
        self.next: dict[TP, int] = {}

    @property
    def _consumer_thread(self) -> Any:
        return self.thread

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        self.busy.append("fetch")
        await self.gate.wait()
        self.busy.append("fetched")
        return {tp: part for tp, part in self.records.items() if tp in active_partitions}

    def assignment(self) -> set[TP]:
        return {ONE, TWO, CHANGELOG}

    def highwater(self, tp: TP) -> int:
        return 100

    async def seek_to_committed(self) -> Mapping[TP, int]:
        self.busy.append("seek")
        return {ONE: 7, TWO: 0}


def record(tp: TP, offset: int) -> Any:
    return SimpleNamespace(
        topic=tp.topic, partition=tp.partition, offset=offset, timestamp=1_000,
        timestamp_type=0, headers=(), key=b"k", value=b"v", checksum=None,
        serialized_key_size=1, serialized_value_size=1,
    )  # fmt: skip


@pytest.fixture
async def delivered() -> list[Any]:
    return []


@pytest.fixture
async def consumer(tmp_path: Path, delivered: list[Any]) -> PreparedConsumer:
    app = unconnected_app(tmp_path)
    app.topics._acking_topics.update({ONE.topic})

    async def take(message: Any) -> None:
        delivered.append(message)

    async def nothing(*_: Any) -> None:
        return

    made = PreparedConsumer(
        app.transport,
        callback=take,
        on_partitions_revoked=nothing,
        on_partitions_assigned=nothing,
    )
    app.consumer = made
    made._active_partitions = made.assignment()
    made.flow_active = True
    made.can_resume_flow.set()
    made.batch_records = 3
    return made


def offsets(message: Any) -> list[int]:
    assert isinstance(message.value, RawBatch)
    return [record.offset for record in message.value.records]


async def fetch_and_deliver(consumer: PreparedConsumer) -> None:
    fetched = await consumer._fetch()
    assert fetched is not None
    await consumer._deliver(*fetched)


async def test_slices_of_bounded_size_in_turn(
    consumer: PreparedConsumer, delivered: list[Any]
) -> None:
    consumer.records = {ONE: [record(ONE, n) for n in range(7)], TWO: [record(TWO, 40)]}
    await fetch_and_deliver(consumer)
    found = [(message.tp, offsets(message), message.offset) for message in delivered]
    assert found == [
        (ONE, [0, 1, 2], 2),
        (TWO, [40], 40),
        (ONE, [3, 4, 5], 5),
        (ONE, [6], 6),
    ]
    assert all(message.value.epoch == 0 for message in delivered)


async def test_what_is_settled_is_neither_on_its_way_nor_before_a_seek(
    consumer: PreparedConsumer,
) -> None:
    consumer.records = {ONE: [record(ONE, n) for n in (3, 4)]}
    consumer.next = {ONE: 6, TWO: 0}  # offset 5 marks the end of a transaction
    assert consumer.settled(ONE, 4) is None
    await consumer._fetch()
    assert [consumer.settled(ONE, applied) for applied in (-1, 3, 4)] == [None, None, 6]
    assert consumer.settled(TWO, -1) == 0
    await consumer.perform_seek()
    assert consumer.settled(ONE, 4) is None


async def test_a_fetch_that_a_revocation_overtook_settles_nothing(
    consumer: PreparedConsumer,
) -> None:
    consumer.gate.clear()
    consumer.next = {ONE: 6}
    fetching = asyncio.create_task(consumer._fetch())
    await asyncio.sleep(0)
    await consumer.on_partitions_revoked({ONE})
    consumer.gate.set()
    await fetching
    assert consumer.settled(ONE, 5) is None


async def test_membership_is_that_of_the_assignment(consumer: PreparedConsumer) -> None:
    seen: list[Membership | None] = []

    async def hand_over() -> None:
        seen.append(consumer.member)

    consumer.before_revoke = hand_over
    await consumer.on_partitions_assigned({ONE}, 7)
    consumer.app.consumer_generation_id = 8
    await consumer.on_partitions_revoked({ONE})
    assert seen == [Membership("g", 7, "m")]
    assert consumer.member is None


async def test_changelogs_are_delivered_record_by_record(
    consumer: PreparedConsumer, delivered: list[Any]
) -> None:
    consumer.records = {CHANGELOG: [record(CHANGELOG, n) for n in range(4)]}
    await fetch_and_deliver(consumer)
    assert [message.offset for message in delivered] == [0, 1, 2, 3]
    assert all(message.value == b"v" for message in delivered)


async def test_what_was_fetched_before_a_seek_is_dropped(
    consumer: PreparedConsumer, delivered: list[Any]
) -> None:
    consumer.records = {ONE: [record(ONE, 9)]}
    fetched = await consumer._fetch()
    assert fetched is not None
    await consumer.perform_seek()
    await consumer._deliver(*fetched)
    assert delivered == []
    await fetch_and_deliver(consumer)
    assert [message.value.epoch for message in delivered] == [1]


async def test_rest_of_a_fetch_is_dropped_when_a_seek_comes_between(
    consumer: PreparedConsumer, delivered: list[Any]
) -> None:
    consumer.records = {ONE: [record(ONE, n) for n in range(6)]}

    async def seek_after_the_first(message: Any) -> None:
        delivered.append(message)
        await consumer.perform_seek()

    consumer.callback = seek_after_the_first
    await fetch_and_deliver(consumer)
    assert [offsets(message) for message in delivered] == [[0, 1, 2]]


async def test_what_belongs_to_another_generation_is_dropped(
    consumer: PreparedConsumer, delivered: list[Any]
) -> None:
    consumer.records = {ONE: [record(ONE, 9)]}
    fetched = await consumer._fetch()
    assert fetched is not None
    consumer.app.consumer_generation_id += 1
    await consumer._deliver(*fetched)
    assert delivered == []


async def test_fetch_and_seek_exclude_each_other(consumer: PreparedConsumer) -> None:
    consumer.records = {ONE: [record(ONE, 9)]}
    positions: list[Mapping[TP, int]] = []

    async def after_seek(committed: Mapping[TP, int]) -> None:
        positions.append(committed)

    consumer.after_seek = after_seek
    consumer.gate.clear()
    fetching = asyncio.create_task(consumer._fetch())
    await asyncio.sleep(0)
    seeking = asyncio.create_task(consumer.perform_seek())
    for _ in range(5):
        await asyncio.sleep(0)
    assert consumer.busy == ["fetch"]
    consumer.gate.set()
    fetched = await fetching
    await seeking
    assert consumer.busy == ["fetch", "fetched", "seek"]
    assert fetched is not None
    assert (fetched[1], consumer.epoch) == (0, 1)
    assert positions == [{ONE: 7}]


async def test_revocation_begins_an_epoch_and_awaits_the_hand_over(
    consumer: PreparedConsumer,
) -> None:
    seen: list[tuple[int, bool]] = []

    async def hand_over() -> None:
        seen.append((consumer.epoch, consumer.flow_active))

    consumer.before_revoke = hand_over
    await consumer.on_partitions_revoked({ONE})
    assert seen == [(1, False)]


async def test_faust_commits_nothing_by_itself(consumer: PreparedConsumer) -> None:
    message = _message(b"v")
    assert consumer.ack(message)
    assert message.acked
    assert not consumer.ack(message)
    assert await consumer.commit() is False


async def test_topic_passes_batches_through(tmp_path: Path) -> None:
    app = unconnected_app(tmp_path)
    topic: Any = app.topic("agent-metrics", value_type=bytes, value_serializer="raw")
    batch = RawBatch([record(ONE, 1)], 4)
    event = await topic.decode(_message(batch))
    assert event.value is batch
    assert event.key is None
    plain = await topic.decode(_message(b"payload"))
    assert plain.value == b"payload"


def _message(value: Any) -> Message:
    return Message("agent-metrics", 0, 1, 1.0, 0, {}, None, value, None, tp=ONE)


def test_installed_faust_has_every_name() -> None:
    verify_faust()
    for owner, names in transport._OVERRIDDEN.items():
        assert all(hasattr(owner, name) for name in names)
    own = {BatchConsumer: driver.Consumer, transport.BatchThread: driver.AIOKafkaConsumerThread}
    for mine, theirs in own.items():
        overridden = {n for n in vars(mine) if callable(getattr(mine, n)) and hasattr(theirs, n)}
        assert overridden - {"__init__"} <= set(transport._OVERRIDDEN[theirs])


def test_missing_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transport._OVERRIDDEN, driver.Transport, ("no_such_name",))
    with pytest.raises(StateError, match=r"no Transport\.no_such_name.*uv sync --frozen"):
        verify_faust()


async def test_an_idle_topic_is_no_slow_stream(
    consumer: PreparedConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    """Faust complains of a stream that got nothing for ``stream_processing_timeout``."""
    thread = consumer._new_consumer_thread()
    for tp in (ONE, TWO):
        thread.verify_event_path(1e9, tp)
        thread.verify_recovery_event_path(1e9, tp)
    assert caplog.records == []
