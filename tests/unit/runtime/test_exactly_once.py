"""Outputs, changelogs and offsets go together, then RocksDB; and nothing of it once fenced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from streams.core.kernel.store import TABLES
from streams.runtime.checkpoint import Fenced, Limits
from streams.runtime.exactly_once import ExactlyOnce, HeldOutbox
from streams.runtime.outbox import Entry, Target
from streams.runtime.positions import Source
from streams.runtime.transactions import Membership
from tests.kits.core.partition import Bench, action, metric
from tests.kits.runtime.fake_kafka import MemoryTables, as_any, worker_metrics

MEMBER = Membership("group", 3, "me")
SUGGESTIONS = ("agent-suggestions", 3)


class Journal:
    """A checkpointer between transactions and tables that are written down in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.transactions: list[tuple[set[Target], dict[Source, int], Membership]] = []
        self.refused = False
        self.tables = MemoryTables()
        self.tables.step = lambda: self.steps.append("stored")
        self.outbox = HeldOutbox()
        self.metrics = worker_metrics()
        self.checkpointer = ExactlyOnce(
            as_any(self.tables),
            self.outbox,
            as_any(self),
            lambda logical: f"agent-{logical}",
            Limits(10_000_000, 100, 100),
            self.metrics,
        )
        self.member: Membership | None = MEMBER
        self.checkpointer.member = lambda: self.member
        self.bench = Bench()

    def commit(
        self,
        messages: Mapping[Target, Sequence[Entry]],
        offsets: Mapping[Source, int],
        member: Membership,
    ) -> dict[Target, int]:
        if self.refused:
            raise Fenced
        self.steps.append("committed")
        self.transactions.append((set(messages), dict(offsets), member))
        return {target: len(entries) - 1 for target, entries in messages.items()}

    async def run(self, *, everything: bool = True, models: bool = True) -> bool:
        partitions = {3: self.bench.partition}
        return await self.checkpointer.run(partitions, everything=everything, models=models)


async def test_all_of_a_checkpoint_is_one_transaction_before_anything_is_stored() -> None:
    journal = Journal()
    journal.bench.measure(1.0, 2.0)
    journal.bench.send("actions", action())
    journal.outbox.add(*SUGGESTIONS, b"svc", b"output")
    assert journal.outbox.filled.is_set()
    assert await journal.run()
    assert journal.steps == ["committed", *["stored"] * 3]
    [(targets, offsets, member)] = journal.transactions
    assert targets == {SUGGESTIONS, *((f"{table}-changelog", 3) for table in TABLES)}
    assert offsets == {Source("agent-metrics", 3): 2, Source("agent-actions", 3): 0}
    assert member == MEMBER
    for table in TABLES:
        # The mark of the transaction follows the last value: a restore has nothing left to read.
        stored = journal.tables.reader(3).tables[table]
        assert journal.tables.offsets[table, 3] == len(stored)
    assert journal.metrics.transaction_seconds is not None


async def test_a_quiet_checkpoint_is_no_transaction() -> None:
    journal = Journal()
    assert not await journal.run()
    journal.bench.measure(1.0)
    assert await journal.run()
    assert not await journal.run()
    assert len(journal.transactions) == 1
    assert journal.checkpointer.completed == 3


async def test_outputs_alone_are_fenced_by_offsets_that_are_known() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    await journal.run()
    journal.outbox.add(*SUGGESTIONS, b"svc", b"output")
    assert await journal.run()
    assert journal.transactions[-1] == ({SUGGESTIONS}, {Source("agent-metrics", 3): 1}, MEMBER)


async def test_marks_behind_the_last_record_are_passed() -> None:
    journal = Journal()
    ends = {"agent-metrics": 9, "agent-goals": 4}
    journal.checkpointer.settled = lambda source, applied: ends.get(source.topic)
    journal.bench.measure(1.0)
    await journal.run()
    [(_, offsets, _)] = journal.transactions
    assert offsets == {Source("agent-metrics", 3): 9, Source("agent-goals", 3): 4}
    assert not await journal.run()


async def test_without_models_what_they_need_is_not_committed() -> None:
    journal = Journal()
    journal.bench.send("metrics", *(metric(1.0, name=name) for name in "ab"))
    journal.checkpointer.settled = lambda source, applied: applied + 1
    await journal.run(everything=False, models=False)
    await journal.run(everything=False)
    positions = [offsets[Source("agent-metrics", 3)] for _, offsets, _ in journal.transactions]
    assert positions == [0, 2]
    assert "models-changelog" not in {topic for topic, _ in journal.transactions[0][0]}


@pytest.mark.parametrize("member", [MEMBER, None])
async def test_nothing_is_stored_or_kept_once_the_group_has_moved_on(
    member: Membership | None,
) -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    journal.outbox.add(*SUGGESTIONS, b"svc", b"output")
    journal.refused, journal.member = True, member
    for _ in range(2):
        with pytest.raises(Fenced):
            await journal.run()
    journal.refused, journal.member = False, MEMBER
    with pytest.raises(Fenced):  # it has not been taken away yet
        await journal.run()
    assert journal.steps == []
    journal.outbox.add(*SUGGESTIONS, b"svc", b"output")
    journal.checkpointer.forget()
    assert journal.outbox.waiting == 0
    journal.bench.restart()
    journal.bench.measure(2.0)
    assert await journal.run()
    assert SUGGESTIONS not in journal.transactions[0][0]


async def test_outputs_of_partitions_that_are_not_held_wait() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    journal.outbox.add("agent-outcomes", 2, b"svc", b"a handler was slow")
    await journal.run()
    assert journal.outbox.waiting == 1
    assert ("agent-outcomes", 2) not in journal.transactions[0][0]
    assert not journal.outbox.filled.is_set()


async def test_batches_wait_for_rocksdb_and_not_for_the_broker() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    locked: list[bool] = []
    commit = journal.commit

    def committing(*arguments: object) -> dict[Target, int]:
        locked.append(journal.checkpointer.writing.locked())
        return commit(*as_any(arguments))

    journal.commit = committing  # type: ignore[method-assign]  # looked at in its middle
    journal.tables.step = lambda: locked.append(journal.checkpointer.writing.locked())
    await journal.run()
    assert locked == [False, True, True]
    await asyncio.sleep(0)
