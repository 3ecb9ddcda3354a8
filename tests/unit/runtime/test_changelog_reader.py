"""Tables are restored from their changelogs up to the end, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from faust.types import TP

from streams.core.kernel.store import ENTITIES, SERIES
from streams.errors import Stalled
from streams.runtime import recovery
from streams.runtime.recovery import BatchRecovery, ChangelogReader
from streams.runtime.tables import TableSet
from tests.kits.runtime.fake_kafka import as_any, worker_metrics
from tests.kits.runtime.faust_app import PARTITIONS, table_set, unconnected_app


class FakeMessage:
    def __init__(
        self, tp: TP, offset: int, key: bytes = b"", value: bytes | None = None, error: Any = None
    ) -> None:
        self._tp, self._offset, self._key, self._value = tp, offset, key, value
        self._error = error

    def topic(self) -> str:
        return self._tp.topic

    def partition(self) -> int:
        return self._tp.partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> Any:
        return self._error


def end(tp: TP, offset: int) -> FakeMessage:
    return FakeMessage(tp, offset, error=KafkaError(KafkaError._PARTITION_EOF))


class FakeConsumer:
    """Gives prepared polls; the reader makes it, so it is found on the class."""

    polls: Sequence[Sequence[FakeMessage]] = ()
    made: FakeConsumer | None = None

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.left = list(type(self).polls)
        self.assigned: list[tuple[str, int, int]] = []
        self.closed = False
        type(self).made = self

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = [(p.topic, p.partition, p.offset) for p in partitions]

    def consume(self, count: int, seconds: float) -> Sequence[FakeMessage]:
        return self.left.pop(0) if self.left else []

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> type[FakeConsumer]:
    made = type("PreparedConsumer", (FakeConsumer,), {})
    monkeypatch.setattr(recovery, "Consumer", made)
    return made


@pytest.fixture
async def tables(tmp_path: Path) -> TableSet:
    return table_set(tmp_path)


def reader(tables: TableSet, **options: Any) -> ChangelogReader:
    return ChangelogReader(tables, {"bootstrap.servers": "broker"}, worker_metrics(), **options)


async def test_changelogs_are_read_to_their_ends(
    tables: TableSet, consumer: type[FakeConsumer]
) -> None:
    series = TP(tables.changelog(SERIES), 1)
    entities, done = TP(tables.changelog(ENTITIES), 1), TP(tables.changelog(ENTITIES), 2)
    consumer.polls = [
        [FakeMessage(series, 3, b"a", b"1"), FakeMessage(entities, 0, b"e", b"1")],
        [],
        [FakeMessage(series, 4, b"b", b"2"), FakeMessage(series, 6, b"a", None), end(entities, 1)],
        [FakeMessage(series, 7, b"b", b"3"), end(series, 8)],
        [FakeMessage(series, 8, b"never", b"read")],
    ]
    changelogs = reader(tables)
    await changelogs.restore({series: 2, entities: -1, done: 5}, {series: 7, entities: 0, done: 5})
    assert tables.reader(1).get_many(SERIES, [b"a", b"b"]) == [None, b"3"]
    assert tables.reader(1).get_many(ENTITIES, [b"e"]) == [b"1"]
    assert (tables.persisted_offset(SERIES, 1), tables.persisted_offset(ENTITIES, 1)) == (7, 0)
    assert (changelogs.restored, changelogs.expected, changelogs.active) == (5, 6, False)
    made = consumer.made
    assert made is not None
    assert sorted(made.assigned) == [(entities.topic, 1, 0), (series.topic, 1, 3)]
    assert made.config["bootstrap.servers"] == "broker"
    assert made.config["enable.auto.commit"] is False
    assert made.closed


async def test_an_open_transaction_is_waited_for(
    tables: TableSet, consumer: type[FakeConsumer]
) -> None:
    """Until it ends, what can be read ends before the log does; its mark is no record."""
    tp = TP(tables.changelog(SERIES), 1)
    consumer.polls = [
        [FakeMessage(tp, 0, b"a", b"1"), end(tp, 1)],
        [],
        [FakeMessage(tp, 1, b"a", b"2"), end(tp, 3)],
        [FakeMessage(tp, 3, b"never", b"read")],
    ]
    await reader(tables).restore({tp: -1}, {tp: 2})
    assert tables.reader(1).get_many(SERIES, [b"a"]) == [b"2"]
    assert tables.persisted_offset(SERIES, 1) == 2


async def test_a_table_that_is_discarded_is_empty(tables: TableSet) -> None:
    tables.store(SERIES, 1, [(b"a", b"1"), (b"b", b"2")], 9)
    reader(tables).discard(TP(tables.changelog(SERIES), 1))
    assert list(tables.scan(SERIES, 1, b"")) == []
    assert tables.persisted_offset(SERIES, 1) == -1


async def test_nothing_to_restore_connects_to_nothing(
    tables: TableSet, consumer: type[FakeConsumer]
) -> None:
    tp = TP(tables.changelog(SERIES), 0)
    await reader(tables).restore({tp: 4}, {tp: 4})
    await reader(tables).restore({tp: -1}, {tp: -1})
    assert consumer.made is None


async def test_silence_is_a_stall(tables: TableSet, consumer: type[FakeConsumer]) -> None:
    tp = TP(tables.changelog(SERIES), 0)
    changelogs = reader(tables, stall_seconds=0.02)
    with pytest.raises(Stalled, match="changelogs give no records") as caught:
        await changelogs.restore({tp: -1}, {tp: 9})
    assert caught.value.value == [tp.topic]
    assert consumer.made is not None
    assert consumer.made.closed
    assert not changelogs.active


class Fatal:
    def code(self) -> int:
        return KafkaError._AUTHENTICATION

    def fatal(self) -> bool:
        return True


async def test_fatal_error_ends_the_restore(tables: TableSet, consumer: type[FakeConsumer]) -> None:
    tp = TP(tables.changelog(SERIES), 0)
    transient = KafkaError(KafkaError._ALL_BROKERS_DOWN)
    consumer.polls = [[FakeMessage(tp, 0, error=transient)], [FakeMessage(tp, 0, error=Fatal())]]
    with pytest.raises(Stalled, match="changelog cannot be read"):
        await reader(tables).restore({tp: -1}, {tp: 9})


async def test_topics_of_others_are_left_alone(
    tables: TableSet, consumer: type[FakeConsumer]
) -> None:
    tp = TP("somebody-elses-changelog", 0)
    consumer.polls = [[FakeMessage(tp, 0, b"a", b"1")], [end(tp, 1)]]
    changelogs = reader(tables)
    await changelogs.restore({tp: -1}, {tp: 0})
    assert changelogs.restored == 1


class Earliest:
    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)


@pytest.mark.parametrize("rebuilds", [True, False])
async def test_a_table_ahead_of_its_changelog_is_restored_where_that_is_the_truth(
    tmp_path: Path, consumer: type[FakeConsumer], *, rebuilds: bool
) -> None:
    app = unconnected_app(tmp_path)
    tables = TableSet(app, PARTITIONS)
    ahead, behind = TP(tables.changelog(SERIES), 1), TP(tables.changelog(SERIES), 2)
    tables.store(SERIES, 1, [(b"a", b"never committed")], 9)
    tables.store(SERIES, 2, [(b"b", b"1")], 3)
    again = [FakeMessage(ahead, 5, b"c", b"2"), end(ahead, 8)] if rebuilds else []
    consumer.polls = [[*again, end(behind, 8)]]
    recovering = BatchRecovery(app, app.tables)
    recovering.changelogs = reader(tables)
    recovering.changelogs.rebuilds = rebuilds
    recovering.active_highwaters.update({ahead: 7, behind: 7})
    offsets = Counter({ahead: 9, behind: 3})
    await recovering._build_offsets(as_any(Earliest()), {ahead, behind}, offsets, "active")
    stored = dict(tables.scan(SERIES, 1, b""))
    assert stored == ({b"c": b"2"} if rebuilds else {b"a": b"never committed"})
    assert offsets == {ahead: 7 if rebuilds else 9, behind: 7}
    assert dict(tables.scan(SERIES, 2, b"")) == {b"b": b"1"}
