"""Nothing is lost and nothing counted twice, wherever a worker is cut off."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgspec
from hypothesis import event, given, settings
from hypothesis.strategies import booleans

from streams.core.config import CoreConfig
from streams.core.kernel.entity import decode_entity
from streams.core.kernel.store import ENTITIES
from streams.core.outcomes.feature import Actions
from streams.core.partition import Applied, Partition
from streams.runtime.checkpoint import AtLeastOnce, Checkpointer, Limits
from streams.runtime.exactly_once import ExactlyOnce, HeldOutbox
from streams.runtime.outbox import Outbox
from streams.runtime.positions import Source
from streams.runtime.transactions import Membership
from streams.testing.feature_contract import MemoryStore
from tests.kits.core.partition import NUMBER, Entry, apply_batch, batches, log_of
from tests.kits.core.random_input import Draw, configs, draws, random_lists, records_of
from tests.kits.runtime.fake_kafka import Cut, FakeBroker, MemoryTables, as_any, worker_metrics

OUTPUT = "output"
IN_ORDER = (0, 0, 1, 1, 2, 5, 10, 30, 100, 3)
"""Event time does not run backwards here, and an entity has one type: what is read again meets an
entity that already knows later records of other topics."""
Tables = dict[str, dict[bytes, bytes]]
Message = tuple[bytes | None, bytes | None]
MARK: Message = (None, None)
"""In place of a record: a transaction ended."""


def encoded(applied: Applied) -> list[Message]:
    return [(e.topic.encode(), msgspec.msgpack.encode(e.record)) for e in applied.emissions]


@dataclass(frozen=True)
class Expected:
    """What a worker that is never disturbed makes of the log."""

    tables: Tables
    outputs: dict[tuple[str, int], list[Message]]
    """By source and offset of the cause."""


def sequential(config: CoreConfig, log: Sequence[Entry]) -> Expected:
    store = MemoryStore()
    partition = Partition(NUMBER, config, store)
    outputs: dict[tuple[str, int], list[Message]] = {}
    for entry in log:
        outputs[entry.source, entry.offset] = encoded(apply_batch(partition, [entry]))
    store.save(partition.snapshot(None))
    return Expected(store.tables, outputs)


class FakeTransactions:
    """What a transaction writes is there at once, with the mark that ends it, or not at all."""

    def __init__(
        self, broker: FakeBroker, committed: Callable[[Mapping[Source, int]], None]
    ) -> None:
        self._broker = broker
        self._committed = committed

    def commit(
        self,
        messages: Mapping[tuple[str, int], Sequence[Message]],
        offsets: Mapping[Source, int],
        _member: Membership,
    ) -> dict[tuple[str, int], int]:
        self._broker.step()
        last: dict[tuple[str, int], int] = {}
        for target, entries in messages.items():
            log = self._broker.topics.setdefault(target, [])
            log += entries
            last[target] = len(log) - 1
            log.append(MARK)
        self._committed(offsets)
        self._broker.step()
        return last


class Simulation:
    """One partition of a worker that reads a log, checkpoints, seeks and dies."""

    def __init__(self, config: CoreConfig, log: Sequence[Entry], *, exactly_once: bool) -> None:
        self._config = config
        self._exactly_once = exactly_once
        self._log = log
        self._expected = sequential(config, log)
        self.broker = FakeBroker()
        self._tables = MemoryTables()
        self.broker.step = self._tables.step = self._step
        self.committed: dict[str, int] = {}
        self._epoch = 0
        self._steps_left: int | None = None
        self._busy = False
        self._start()

    # -- the worker ---------------------------------------------------------------------------

    def _start(self) -> None:
        """A new process over what was durable."""
        self._tables.stores[NUMBER] = self._tables.recover(self.broker, NUMBER)
        self.partition = Partition(NUMBER, self._config, self._tables.reader(NUMBER))
        self._checkpointer = self._made_checkpointer()
        self._queue: list[tuple[int, list[Entry]]] = []
        self.seek()

    def _made_checkpointer(self) -> Checkpointer:
        limits, tables = Limits(model_bytes=1, series=2, entities=1), as_any(self._tables)
        if self._exactly_once:
            self._outbox = HeldOutbox()
            transactions = FakeTransactions(self.broker, self._committed)
            saving = ExactlyOnce(
                tables, self._outbox, as_any(transactions), str, limits, worker_metrics()
            )
            saving.member = lambda: Membership("g", 1, "m")
            return saving
        self._outbox = Outbox(self.broker.producer)
        return AtLeastOnce(tables, self._outbox, self._commit, str, limits, worker_metrics())

    def seek(self) -> None:
        """Back to what is committed; what was fetched before belongs to an older epoch."""
        self._epoch += 1
        self._next = dict(self.committed)

    def revoke(self) -> None:
        """The partition goes away without a checkpoint and comes back."""
        self._checkpointer.forget()
        self.partition = Partition(NUMBER, self._config, self._tables.reader(NUMBER))
        self.seek()

    def fetch(self, count: int) -> bool:
        """Read on in the overall order; what is fetched waits until it is applied."""
        ahead = [e for e in self._log if e.offset >= self._next.get(e.source, 0)][:count]
        for batch in batches(ahead):
            self._next[batch[0].source] = batch[-1].offset + 1
            self._queue.append((self._epoch, batch))
        return bool(ahead)

    def apply(self) -> bool:
        """The oldest batch that was fetched; one of an older epoch is dropped."""
        if not self._queue:
            return False
        epoch, batch = self._queue.pop(0)
        if epoch == self._epoch:
            applied = apply_batch(self.partition, batch)
            for key, value in encoded(applied):
                self._outbox.add(OUTPUT, NUMBER, key, value)
        return True

    def checkpoint(self, *, everything: bool, steps: int | None = None, busy: bool = False) -> None:
        """Save and commit; die after ``steps`` durable steps; ``busy``: batches go on meanwhile."""
        self._steps_left, self._busy = steps, busy
        try:
            asyncio.run(self._checkpointer.run({NUMBER: self.partition}, everything=everything))
        except Cut:
            event("cut off in a checkpoint")
            self.crash()
        finally:
            self._steps_left, self._busy = None, False

    def crash(self, *, disk_lost: bool = False) -> None:
        if disk_lost:
            self._tables.stores.clear()
            self._tables.offsets.clear()
        self._start()

    def _step(self) -> None:
        if self._steps_left is not None:
            if not self._steps_left:
                raise Cut
            self._steps_left -= 1
        if self._busy:
            self.apply()

    async def _commit(self, positions: Mapping[Source, int]) -> bool:
        self._step()
        self._committed(positions)
        return True

    def _committed(self, positions: Mapping[Source, int]) -> None:
        for source, offset in positions.items():
            assert offset >= self.committed.get(source.topic, 0)
            self.committed[source.topic] = offset
        self._check_nothing_lost()

    # -- what must hold -----------------------------------------------------------------------

    def _check_nothing_lost(self) -> None:
        """Whoever starts now from what is durable gets to where an undisturbed worker gets."""
        store = self._tables.recover(self.broker, NUMBER)
        successor = Partition(NUMBER, self._config, store)
        rest = [e for e in self._log if e.offset >= self.committed.get(e.source, 0)]
        outputs = Counter(each for each in self.broker.messages(OUTPUT, NUMBER) if each != MARK)
        for batch in batches(rest):
            outputs.update(encoded(apply_batch(successor, batch)))
        store.save(successor.snapshot(None))
        assert store.tables == self._expected.tables
        expected = Counter(each for part in self._expected.outputs.values() for each in part)
        if self._exactly_once:
            assert outputs == expected
        else:
            assert outputs.keys() == expected.keys()

    def finish(self) -> None:
        """Go on undisturbed to the end of the log."""
        while self._queue or self.fetch(7):
            self.apply()
        self.checkpoint(everything=True)
        stored = self._tables.reader(NUMBER).tables
        assert stored == self._expected.tables
        pending = any(
            decode_entity(value).read(Actions).pending for value in stored[ENTITIES].values()
        )
        for source in {entry.source for entry in self._log}:
            end = max(entry.offset for entry in self._log if entry.source == source) + 1
            assert self.committed[source] == end or (source == "actions" and pending)


MOST = {"read": 12, "fetch": 12, "apply": 3, "checkpoint": 3, "cut": 40, "crash": 1}
"""Operations and the largest number that goes with each; see ``play``."""
OPERATIONS = tuple("read read fetch apply checkpoint cut cut seek revoke crash".split())


def random_operation(random: Random) -> tuple[str, int]:
    operation = random.choice(OPERATIONS)
    return operation, random.randint(0, MOST.get(operation, 0))


def play(simulation: Simulation, operation: str, number: int) -> None:
    match operation:
        case "read":
            simulation.fetch(number)
            while simulation.apply():
                pass
        case "fetch":
            simulation.fetch(number)
        case "apply":
            for _ in range(number):
                simulation.apply()
        case "checkpoint":
            simulation.checkpoint(everything=number % 2 == 1, busy=number >= 2)
        case "cut":
            simulation.checkpoint(everything=number % 2 == 1, steps=number // 2)
        case "seek":
            simulation.seek()
        case "revoke":
            simulation.revoke()
        case _:
            simulation.crash(disk_lost=number == 1)


@given(
    config=configs,
    drawn=draws(40),
    operations=random_lists(random_operation, 20),
    exactly_once=booleans(),
)
@settings(max_examples=500)
def test_state_is_that_of_an_undisturbed_worker(
    config: CoreConfig,
    drawn: list[Draw],
    operations: list[tuple[str, int]],
    exactly_once: bool,
) -> None:
    log = log_of(records_of(drawn, IN_ORDER, entity_type="service"))
    simulation = Simulation(config, log, exactly_once=exactly_once)
    for operation, number in operations:
        play(simulation, operation, number)
    simulation.finish()
