"""Outputs, changelogs, tables, offsets: in this order, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from streams.core.kernel.store import TABLES
from streams.errors import Unavailable
from streams.runtime.checkpoint import AtLeastOnce, Fenced, Limits
from streams.runtime.outbox import Outbox
from streams.runtime.positions import Source
from streams.runtime.sealed import seal
from tests.kits.core.partition import Bench, action, event, metric
from tests.kits.runtime.fake_kafka import FakeBroker, MemoryTables, as_any, worker_metrics


class Journal:
    """A checkpointer whose durable steps are written down in order."""

    def __init__(self, limits: Limits = Limits(10_000_000, 100, 100)) -> None:
        self.steps: list[str] = []
        self.commits: list[dict[Source, int]] = []
        self.accepts = True
        self.broker = FakeBroker()
        self.tables = MemoryTables()
        self.broker.step = lambda: self.steps.append("sent")
        self.tables.step = lambda: self.steps.append("stored")
        self.outbox = Outbox(self.broker.producer)
        self.metrics = worker_metrics()
        self.checkpointer = AtLeastOnce(
            as_any(self.tables),
            self.outbox,
            self.commit,
            lambda logical: f"agent-{logical}",
            limits,
            self.metrics,
        )
        self.bench = Bench()

    async def commit(self, positions: Mapping[Source, int]) -> bool:
        self.steps.append("committed")
        self.commits.append(dict(positions))
        return self.accepts

    async def run(self, *, everything: bool = True) -> bool:
        return await self.checkpointer.run({3: self.bench.partition}, everything=everything)


async def test_order_of_the_durable_steps() -> None:
    journal = Journal()
    journal.bench.measure(1.0, 2.0)
    journal.bench.send("actions", action())
    journal.outbox.add("agent-suggestions", 3, b"svc", b"output")
    assert await journal.run()
    assert journal.steps == ["sent", *["sent"] * 3, *["stored"] * 3, "committed"]
    assert list(journal.broker.topics) == [
        ("agent-suggestions", 3), *((f"{table}-changelog", 3) for table in TABLES),
    ]  # fmt: skip
    for table in TABLES:
        stored = journal.tables.reader(3).tables[table]
        assert stored
        sealed = {key: seal(key, value) for key, value in stored.items()}
        assert dict(journal.broker.messages(f"{table}-changelog", 3)) == sealed
        assert journal.tables.offsets[table, 3] == len(stored) - 1
    assert journal.commits == [{Source("agent-metrics", 3): 2, Source("agent-actions", 3): 0}]
    assert journal.checkpointer.completed == 1


async def test_quiet_checkpoint_does_nothing() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    await journal.run()
    before = list(journal.steps)
    assert not await journal.run()
    assert journal.steps == before
    assert journal.checkpointer.completed == 2


async def test_models_wait_for_the_byte_budget_and_hold_the_commit_back() -> None:
    journal = Journal(Limits(model_bytes=1, series=100, entities=100))
    journal.bench.send("metrics", *(metric(1.0, name=name) for name in "abc"))
    positions = []
    for _ in range(3):
        await journal.run(everything=False)
        positions.append(journal.commits[-1][Source("agent-metrics", 3)])
    assert positions == [1, 2, 3]


async def test_commit_that_the_group_refuses_is_tried_again() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    journal.accepts = False
    await journal.run()
    journal.accepts = True
    assert await journal.run()
    await journal.run()
    assert journal.commits == [{Source("agent-metrics", 3): 1}] * 2


async def test_caches_are_bounded() -> None:
    journal = Journal(Limits(model_bytes=10_000_000, series=10, entities=2))
    journal.bench.send("metrics", *(metric(1.0, entity_id=f"e{n}") for n in range(12)))
    await journal.run()
    assert journal.bench.partition.resident == 9
    assert journal.checkpointer.resident_limit(3) == 3


@pytest.mark.parametrize("cancelled", [True, False])
async def test_nothing_is_committed_after_a_checkpoint_was_cut_off(*, cancelled: bool) -> None:
    journal = Journal(Limits(model_bytes=10_000_000, series=0, entities=0))
    journal.bench.measure(1.0)
    gate, hanging = asyncio.Event(), asyncio.Event()

    async def hang(*_: Any) -> None:
        hanging.set()
        await gate.wait()
        raise OSError("disk full")

    stock, journal.tables.write = journal.tables.write, hang  # type: ignore[method-assign]  # cut
    running = asyncio.create_task(journal.run())
    await hanging.wait()
    if cancelled:
        running.cancel()
    gate.set()
    await asyncio.gather(running, return_exceptions=True)
    journal.tables.write = stock  # type: ignore[method-assign]  # the disk is well again
    journal.bench.measure(2.0)
    with pytest.raises(Unavailable, match="cut off"):
        await journal.run()
    assert journal.commits == []
    journal.checkpointer.trim({3: journal.bench.partition}, 1)
    assert journal.bench.partition.resident == 1


async def test_revocation_in_mid_checkpoint_voids_its_commit() -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    journal.tables.step = journal.checkpointer.positions.revoke
    assert await journal.run()
    assert journal.commits == []
    assert journal.tables.reader(3).tables["series"]


@pytest.mark.parametrize("checks", [0, 1, 2, 3])
async def test_nothing_is_stored_or_sent_once_the_partitions_are_somebody_elses(
    checks: int,
) -> None:
    journal = Journal()
    journal.bench.measure(1.0)
    journal.bench.send("actions", action())
    left = iter([True] * checks)

    async def owns() -> bool:
        return next(left, False)

    journal.checkpointer.owns = owns
    with pytest.raises(Fenced):
        await journal.run()
    journal.checkpointer.forget()
    await journal.outbox.flush()
    assert len(journal.broker.topics) == max(0, checks - 1)
    assert journal.commits == []
    assert "stored" not in journal.steps
    journal.bench.restart()
    journal.checkpointer.owns = always
    journal.bench.send("events", event())
    assert await journal.run()
    assert journal.commits == [{Source("agent-events", 3): 1}]


async def always() -> bool:
    return True
