"""Tables are restored from their changelogs up to the end, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, TopicPartition
from faust.types import TP

from streams.core.kernel.store import ENTITIES, SERIES
from streams.errors import Stalled, StateError
from streams.runtime import recovery
from streams.runtime.flawed import Flawed
from streams.runtime.recovery import BatchRecovery, ChangelogReader
from streams.runtime.sealed import seal
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

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_NOT_AVAILABLE, 0

    def headers(self) -> None:
        return None

    def error(self) -> Any:
        return self._error


ENTITY = b"\x81\xa9entity_id\xa1e"


def whole(tp: TP, offset: int, key: bytes, value: bytes) -> FakeMessage:
    return FakeMessage(tp, offset, key, seal(key, value))


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
        [whole(series, 3, b"a", b"1"), whole(entities, 0, b"e", ENTITY)],
        [],
        [whole(series, 4, b"b", b"2"), FakeMessage(series, 6, b"a", None), end(entities, 1)],
        [whole(series, 7, b"b", b"3"), end(series, 8)],
        [FakeMessage(series, 8, b"never", b"read")],
    ]
    changelogs = reader(tables)
    await changelogs.restore({series: 2, entities: -1, done: 5}, {series: 7, entities: 0, done: 5})
    assert tables.reader(1).get_many(SERIES, [b"a", b"b"]) == [None, b"3"]
    assert tables.reader(1).get_many(ENTITIES, [b"e"]) == [ENTITY]
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
        [whole(tp, 0, b"a", b"1"), end(tp, 1)],
        [],
        [whole(tp, 1, b"a", b"2"), end(tp, 3)],
        [FakeMessage(tp, 3, b"never", b"read")],
    ]
    await reader(tables).restore({tp: -1}, {tp: 2})
    assert tables.reader(1).get_many(SERIES, [b"a"]) == [b"2"]
    assert tables.persisted_offset(SERIES, 1) == 2


async def test_a_table_that_is_discarded_is_empty(tables: TableSet) -> None:
    tables.store(SERIES, 1, [(b"a", seal(b"a", b"1")), (b"b", seal(b"b", b"2"))], 9)
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


async def test_a_damaged_value_fails_the_restore_after_the_rest_is_read(
    tables: TableSet, consumer: type[FakeConsumer]
) -> None:
    series, entities = TP(tables.changelog(SERIES), 1), TP(tables.changelog(ENTITIES), 1)
    damaged = bytearray(seal(b"b", b"2") or b"")
    damaged[-1] ^= 1
    consumer.polls = [
        [whole(series, 3, b"a", b"1"), whole(entities, 0, b"e", ENTITY), end(entities, 1)],
        [FakeMessage(series, 4, b"b", bytes(damaged)), whole(series, 5, b"c", b"3")],
        [FakeMessage(series, 6, b"d", b"\xff" * 50), whole(series, 7, b"c", b"4"), end(series, 8)],
    ]
    told: list[Flawed] = []

    async def report(flawed: Sequence[Flawed]) -> None:
        told.extend(flawed)

    changelogs = reader(tables)
    changelogs.report = report
    with pytest.raises(StateError, match=r"damaged values in the changelogs \(2\)") as caught:
        await changelogs.restore({series: 2, entities: -1}, {series: 7, entities: 0})
    assert "state repair" in caught.value.remedy
    assert f"series b ({series.topic}, partition 1, offset 4)" in str(caught.value.value)
    assert [(each.table, each.key, each.message.offset) for each in told] == [
        (SERIES, b"b", 4),
        (SERIES, b"d", 6),
    ]
    assert tables.reader(1).get_many(SERIES, [b"a", b"b", b"c"]) == [b"1", None, b"4"]
    # Beyond the damaged value nothing counts as held: the next start meets it again.
    assert tables.persisted_offset(SERIES, 1) == 3
    assert tables.persisted_offset(ENTITIES, 1) == 0


@pytest.mark.parametrize("newer", [None, b"2"])
async def test_a_damaged_value_that_was_replaced_is_harmless(
    tables: TableSet, consumer: type[FakeConsumer], newer: bytes | None
) -> None:
    tp = TP(tables.changelog(SERIES), 1)
    consumer.polls = [
        [FakeMessage(tp, 0, b"a", b"garbage")],
        [FakeMessage(tp, 1, b"a", seal(b"a", newer)), end(tp, 2)],
    ]
    await reader(tables).restore({tp: -1}, {tp: 1})
    assert tables.reader(1).get_many(SERIES, [b"a"]) == [newer]
    assert tables.persisted_offset(SERIES, 1) == 1


class Asked:
    """The changelogs, as recovery asks them; tables were set aside since Faust saw them."""

    rebuilds = False

    def __init__(self) -> None:
        self.restored: dict[TP, tuple[int, int]] = {}

    async def held(self, tp: TP) -> int:
        return -1

    async def restore(self, from_: Mapping[TP, int], ends: Mapping[TP, int]) -> None:
        self.restored = {tp: (at, ends[tp]) for tp, at in from_.items()}


async def test_recovery_begins_where_the_tables_are_and_not_where_faust_saw_them(
    tmp_path: Path,
) -> None:
    app, asked, tp = unconnected_app(tmp_path), Asked(), TP("entities-changelog", 2)
    app.changelogs = as_any(asked)
    faust_recovery = app.tables.recovery
    faust_recovery.active_highwaters[tp] = 7

    async def earliest_offsets(*tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    remembered = Counter({tp: 7})
    consumer = SimpleNamespace(earliest_offsets=earliest_offsets)
    await faust_recovery._build_offsets(consumer, {tp}, remembered, "active")
    assert asked.restored == {tp: (-1, 7)}
    assert remembered[tp] == 7


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
    tables.store(SERIES, 1, [(b"a", seal(b"a", b"never committed"))], 9)
    tables.store(SERIES, 2, [(b"b", seal(b"b", b"1"))], 3)
    again = [whole(ahead, 5, b"c", b"2"), end(ahead, 8)] if rebuilds else []
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
