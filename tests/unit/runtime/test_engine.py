"""From raw messages to state, outputs, dead letters, commits and dispatches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.kernel.batch import Positioned
from streams.core.kernel.emission import Dispatch
from streams.errors import Unavailable
from streams.records import DeadLetter, Goal, Outcome, Record, Suggestion
from streams.runtime import engine as engine_module
from streams.runtime.checkpoint import AtLeastOnce, Limits
from streams.runtime.engine import Engine, Reading, Wire
from streams.runtime.outbox import Outbox
from streams.runtime.positions import Source
from streams.runtime.transport import RawBatch
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.topology import INPUTS, RECORD_OF
from tests.kits.core.partition import START, action, command, event, goal, metric, outcome
from tests.kits.messages import ENCODER, MemoryRegistry, Message, message
from tests.kits.runtime.fake_kafka import FakeBroker, MemoryTables, as_any, worker_metrics

PARTITION = 1


def topic_name(logical: str) -> str:
    return RECORD_OF[logical].__name__


class Rig:
    """An engine between a broker and tables in memory."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.tables = MemoryTables()
        self.registry = MemoryRegistry()
        self.committed: dict[Source, int] = {}
        self.dispatched: list[Dispatch] = []
        self.epoch = 5
        self.ends: dict[str, int] = {}
        self.outbox = Outbox(self.broker.producer)
        self.metrics = worker_metrics()
        self.checkpointer = AtLeastOnce(
            as_any(self.tables),
            self.outbox,
            self.commit,
            topic_name,
            Limits(10_000_000, 4, 4),
            self.metrics,
        )
        decoders: dict[str, MetricDecoder | RecordDecoder] = {
            source: RecordDecoder(self.registry, RECORD_OF[source]) for source in INPUTS
        }
        decoders["metrics"] = MetricDecoder(self.registry)
        self.engine = Engine(
            CoreConfig(
                forecasting=ForecastConfig(min_points=2, interval_ms=0),
                goals=GoalConfig(goal_state_sources=("*",)),
            ),
            as_any(self.tables),
            self.outbox,
            self.checkpointer,
            Wire(ENCODER, decoders, topic_name),
            self.metrics,
        )
        self.engine.epoch = lambda: self.epoch
        self.engine.dispatcher = self

    def start(self, dispatches: Sequence[Dispatch]) -> None:
        self.dispatched += dispatches

    async def commit(self, positions: Mapping[Source, int]) -> bool:
        self.committed |= positions
        return True

    def raw(self, source: str, *records: Record | bytes) -> list[Message]:
        """Messages at the next offsets; bytes stand for a value that nobody can read."""
        made: list[Message] = []
        for record in records:
            offset = self.ends[source] = self.ends.get(source, -1) + 1
            if isinstance(record, bytes):
                made.append(Message(record, b"svc", offset, topic=source, partition=PARTITION))
            else:
                made.append(replace(message(record, offset), partition=PARTITION))
        return made

    async def send(self, source: str, *records: Record | bytes) -> None:
        batch = RawBatch(self.raw(source, *records), self.epoch)
        await self.engine.handle(source, PARTITION, batch)

    def outputs(self, record_type: type[Record]) -> list[Any]:
        """Records that were published on the topic of a type."""
        decoder = RecordDecoder(self.registry, record_type)
        messages = self.broker.messages(record_type.__name__, PARTITION)
        decoded = decoder.decode(
            [Message(value, key, offset) for offset, (key, value) in enumerate(messages)]
        )
        assert decoded.rejected == []
        return [item.record for item in decoded.records]


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def test_records_in_outputs_out(rig: Rig) -> None:
    await rig.send("metrics", metric(4.0))
    await rig.send("goals", goal(10.0))
    await rig.send("actions", action())
    assert [g.revision for g in rig.outputs(Goal)] == [1]
    assert [s.values for s in rig.outputs(Suggestion)] == [{"queue": 7.0}, {"queue": 7.0}]
    assert rig.engine.batches == 3


@pytest.mark.spec("S0-009")
async def test_bad_records_are_dead_lettered_and_their_neighbours_go_on(rig: Rig) -> None:
    after = metric(5.0, timestamp=START + 1)
    await rig.send("metrics", metric(4.0), b"\x00\x01", b"plain", after)
    await rig.send("commands", command("goal.make"), b"", command("goal.cancel", "c-2", target="x"))
    letters: list[DeadLetter] = rig.outputs(DeadLetter)
    assert [(letter.topic, letter.offset, letter.reason) for letter in letters] == [
        ("metrics", 1, "not_framed"),
        ("metrics", 2, "not_framed"),
        ("Command", 0, "unknown_command"),
        ("commands", 1, "empty"),
        ("Command", 2, "unknown_goal"),
    ]
    assert letters[1].value == b"plain"
    part = rig.engine.partition(PARTITION)
    assert (part.applied("metrics"), part.applied("commands")) == (3, 2)
    row = part.series.find("svc\x1fqueue")
    assert part.series.hot["last"][row] == 5.0


async def test_whoever_waits_for_a_command_is_told_what_became_of_it(rig: Rig) -> None:
    await rig.send("goals", goal(10.0))
    await rig.send("commands", command("goal.cancel", "c-1", target="none"))

    told = [await rig.engine.results.of(at, PARTITION, 0, 0.01) for at in ("goals", "commands")]

    assert [None if each is None else each.reason for each in told] == ["", "unknown_goal"]
    rig.engine.forget()
    assert await rig.engine.results.of("goals", PARTITION, 0, 0.01) is None


async def test_a_halted_engine_applies_and_stores_nothing(rig: Rig) -> None:
    """What failed may have left the state half changed: it must not become durable."""
    await rig.send("metrics", metric(4.0))
    rig.engine.halt()
    await rig.send("metrics", metric(5.0))
    await rig.engine.checkpoint()
    await rig.engine.last_checkpoint()
    assert rig.engine.partition(PARTITION).applied("metrics") == 0
    assert rig.committed == {}
    assert not any(topic.endswith("-changelog") for topic, _ in rig.broker.topics)


async def test_batch_of_bad_records_only_is_progress(rig: Rig) -> None:
    await rig.send("metrics", b"bad")
    await rig.send("actions", b"bad")
    await rig.engine.checkpoint()
    assert rig.committed == {Source("Metric", PARTITION): 1, Source("Action", PARTITION): 1}


async def test_batch_of_an_older_epoch_leaves_no_trace(rig: Rig) -> None:
    batch = RawBatch(rig.raw("metrics", metric(1.0)), rig.epoch - 1)
    await rig.engine.handle("metrics", PARTITION, batch)
    assert (rig.engine.batches, rig.engine.partitions) == (0, {})


async def test_seek_while_a_schema_is_fetched_drops_the_batch(rig: Rig) -> None:
    raws = rig.raw("metrics", metric(1.0))
    schema_id = int.from_bytes((raws[0].value or b"")[1:5], "big")
    rig.registry.away.add(schema_id)
    handling = asyncio.create_task(
        rig.engine.handle("metrics", PARTITION, RawBatch(raws, rig.epoch))
    )
    await asyncio.sleep(0)
    rig.epoch += 1
    await handling
    assert rig.engine.batches == 0


async def test_batch_waits_while_the_registry_is_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "SCHEMA_RETRY_SECONDS", (0.001,))
    raws = rig.raw("metrics", metric(1.0))
    schema_id = int.from_bytes((raws[0].value or b"")[1:5], "big")
    rig.registry.away.add(schema_id)
    fetch, attempts = rig.registry.fetch, []

    def away_twice(schema_id: int) -> Any:
        attempts.append(schema_id)
        if len(attempts) < 3:
            raise Unavailable("registry away")
        return fetch(schema_id)

    monkeypatch.setattr(rig.registry, "fetch", away_twice)
    await rig.engine.handle("metrics", PARTITION, RawBatch(raws, rig.epoch))
    assert len(attempts) == 3
    assert rig.engine.batches == 1


async def test_action_runs_only_after_its_intent_is_durable(rig: Rig) -> None:
    await rig.send("actions", action())
    assert rig.dispatched == []
    assert rig.engine.dispatch_waiting.is_set()
    await rig.engine.checkpoint()
    assert [(d.action.action_id, d.resumed) for d in rig.dispatched] == [("a-1", False)]
    assert not rig.engine.dispatch_waiting.is_set()
    assert rig.tables.reader(PARTITION).tables["entities"]
    assert rig.committed[Source("Action", PARTITION)] == 0
    await rig.send("outcomes", outcome("a-1"))
    await rig.engine.checkpoint()
    assert rig.committed[Source("Action", PARTITION)] == 1
    assert len(rig.dispatched) == 1


async def test_action_that_waits_at_the_hand_over_starts_anew_elsewhere(rig: Rig) -> None:
    await rig.send("actions", action())
    await rig.engine.last_checkpoint()
    rig.engine.forget()
    assert rig.dispatched == []
    batch = RawBatch([replace(message(action(), 0), partition=PARTITION)], rig.epoch)
    await rig.engine.handle("actions", PARTITION, batch)
    await rig.engine.checkpoint()
    assert [(d.action.action_id, d.resumed) for d in rig.dispatched] == [("a-1", False)]


async def test_action_that_ran_at_a_crash_is_resumed(rig: Rig) -> None:
    await rig.send("actions", action())
    await rig.engine.checkpoint()
    rig.engine.forget()
    batch = RawBatch([replace(message(action(), 0), partition=PARTITION)], rig.epoch)
    await rig.engine.handle("actions", PARTITION, batch)
    await rig.engine.checkpoint()
    assert [d.resumed for d in rig.dispatched] == [False, True]


async def test_action_whose_record_is_gone_is_taken_up_from_the_state(rig: Rig) -> None:
    await rig.send("actions", action("a-1"), action("a-2"))
    await rig.send("outcomes", outcome("a-2"))
    await rig.engine.checkpoint()
    rig.engine.forget()
    rig.dispatched.clear()

    await rig.engine.load_timers(PARTITION)
    await rig.engine.checkpoint()

    assert [(d.action.action_id, d.resumed) for d in rig.dispatched] == [("a-1", True)]


async def test_outcomes_are_read_up_to_where_they_ended_at_assignment(rig: Rig) -> None:
    rig.engine.partition(PARTITION)
    waiting = asyncio.create_task(rig.engine.outcomes_read(PARTITION))
    await asyncio.sleep(0)
    rig.engine.assigned({PARTITION: Reading(0, 2)})
    await rig.send("outcomes", outcome("a-1"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await rig.send("outcomes", outcome("a-2"))
    assert await waiting
    assert await rig.engine.outcomes_read(PARTITION)


async def test_outcomes_that_were_read_before_need_not_be_read_again(rig: Rig) -> None:
    rig.engine.partition(PARTITION)
    rig.engine.assigned({PARTITION: Reading(7, 7)})
    assert await rig.engine.outcomes_read(PARTITION)


async def test_waiting_for_outcomes_ends_when_the_partition_goes(rig: Rig) -> None:
    rig.engine.partition(PARTITION)
    waiting = asyncio.create_task(rig.engine.outcomes_read(PARTITION))
    await asyncio.sleep(0)
    rig.engine.forget()
    assert not await waiting


async def test_pending_and_publish(rig: Rig) -> None:
    assert not rig.engine.is_pending(PARTITION, action())
    await rig.send("actions", action())
    assert rig.engine.is_pending(PARTITION, action())
    await rig.engine.publish(PARTITION, outcome("a-1"))
    published: list[Outcome] = rig.outputs(Outcome)
    assert [o.action_id for o in published] == ["a-1"]
    assert rig.engine.is_pending(PARTITION, action())
    await rig.send("outcomes", published[0])
    assert not rig.engine.is_pending(PARTITION, action())


async def test_more_series_than_allowed_leave_memory_at_once(rig: Rig) -> None:
    await rig.send("metrics", *(metric(float(n), name=f"m{n}") for n in range(9)))
    part = rig.engine.partition(PARTITION)
    assert part.resident <= 4
    assert len(rig.tables.reader(PARTITION).tables["models"]) == 9


async def test_forgotten_partitions_begin_from_the_store(rig: Rig) -> None:
    await rig.send("metrics", metric(4.0))
    await rig.engine.checkpoint()
    await rig.send("metrics", metric(6.0, timestamp=START + 1))
    rig.engine.forget()
    part = rig.engine.partition(PARTITION)
    row = part.series.find("svc\x1fqueue")
    assert part.series.hot["last"][row] == 4.0
    assert part.applied("metrics") == -1


async def test_record_read_again_is_skipped_and_counted(rig: Rig) -> None:
    raws = rig.raw("events", event(metadata={"queue": "3"}))
    for _ in range(2):
        await rig.engine.handle("events", PARTITION, RawBatch(raws, rig.epoch))
    assert len(rig.outputs(Goal)) == 1
    assert rig.metrics.skipped.labels("events")._value.get() == 1
    assert rig.engine.partition(PARTITION).apply("events", [Positioned(0, event())]).skipped == 1


@pytest.mark.spec("S0-018")
async def test_nothing_new_comes_out_when_nothing_new_comes_in(rig: Rig) -> None:
    await rig.send("metrics", metric(4.0))
    await rig.send("goals", goal(10.0))
    await rig.engine.checkpoint()
    before = {topic: len(messages) for topic, messages in rig.broker.topics.items()}
    assert before["Suggestion", PARTITION] == 1
    for _ in range(10):
        await rig.engine.checkpoint()
    assert {topic: len(messages) for topic, messages in rig.broker.topics.items()} == before
