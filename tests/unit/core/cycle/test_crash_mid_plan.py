"""A worker that is lost in the middle of a plan, and the one that takes over from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import pytest

from streams.core.execution.machine import ENDED
from streams.core.kernel.entity import decode_timers
from streams.core.kernel.names import ACTIONS
from streams.core.kernel.store import ENTITIES
from streams.core.kernel.timers import TICK
from streams.core.outcomes.build import interrupted
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Action, Outcome, Plan, PlanStatus, Record
from tests.kits.core.loop import MINUTE, Loop, config_of, urgent
from tests.kits.core.loop import done as succeed
from tests.kits.core.partition import START, Bench, Entry, command, metric

STEPS = 3


class Lost(Exception):
    """The worker is gone."""


class Phase(StrEnum):
    """Where in the work on one record the worker is lost."""

    APPLIED = "applied"
    STORED = "stored"
    CARRIED_OUT = "carried out"
    """The outcome was not written yet."""


class Worker:
    """Reads one log, writes into it what comes of that, and runs handlers once the state that
    knows of their actions is stored; as the engine does, without a broker."""

    def __init__(self, checkpoint_every: int) -> None:
        self.bench = Bench(config_of(safety=SafetyConfig(mode=Mode.ACT, max_step_change=1.0)))
        self.log: list[Entry] = []
        self.ran: list[str] = []
        self.plans: list[Plan] = []
        self.read = 0
        self._every = checkpoint_every
        self._saved: dict[str, int] = {}
        self._ends: Counter[str] = Counter()

    def write(self, source: str, record: Record) -> None:
        self.log.append(Entry(source, self._ends[source], record))
        self._ends[source] += 1

    def run(self, until: int, crash: Callable[[int, Phase], None]) -> None:
        """Read to the end of the log, and let time pass until there is nothing more to read."""
        while True:
            while self.read < len(self.log):
                entry, self.read = self.log[self.read], self.read + 1
                self._apply(entry, crash)
            due = [wake.at for wake in self.bench.partition.timers.values()]
            if not due or min(due) > until:
                return
            at = min(due)
            self.write("commands", command(TICK, f"t-{len(self.log)}", timestamp=at))

    def take_over(self) -> None:
        """Another worker goes on from what is stored, and reads again behind that."""
        self.bench.restart()
        for stored in self.bench.store.tables[ENTITIES].values():
            self.bench.partition.restore_timers(decode_timers(stored))
        again = [e for e in self.log[: self.read] if e.offset >= self._saved.get(e.source, 0)]
        for entry in again:
            self._apply(entry, lambda *_: None)

    def _apply(self, entry: Entry, crash: Callable[[int, Phase], None]) -> None:
        seen = self.bench.apply([entry])
        for emission in seen.emissions:
            if emission.topic == ACTIONS:
                self.write(ACTIONS, emission.record)
            elif isinstance(emission.record, Plan):
                self.plans.append(emission.record)
        crash(self.read, Phase.APPLIED)
        if seen.dispatches or self.read % self._every == 0:
            self._saved = self.bench.save().positions
        crash(self.read, Phase.STORED)
        for action_id, resumed in seen.dispatches:
            assert isinstance(entry.record, Action)
            assert entry.record.action_id == action_id
            if resumed and self._has_outcome(action_id):
                continue
            if resumed:
                outcome = interrupted(entry.record, entry.record.timestamp)
            else:
                self.ran.append(action_id)
                outcome = Loop.outcome(entry.record, succeed(entry.record), START)
            crash(self.read, Phase.CARRIED_OUT)
            self.write("outcomes", outcome)

    def _has_outcome(self, action_id: str) -> bool:
        known = (entry.record for entry in self.log)
        return any(isinstance(each, Outcome) and each.action_id == action_id for each in known)


def begun(checkpoint_every: int) -> Worker:
    worker = Worker(checkpoint_every)
    worker.write("metrics", metric(90.0, name="cpu"))
    worker.write("goals", urgent(actions=("scale_out",) * STEPS))
    return worker


def undisturbed() -> Worker:
    worker = begun(1)
    worker.run(START + MINUTE, lambda *_: None)
    return worker


RECORDS = len(undisturbed().log)


def test_without_a_crash_every_step_runs_once() -> None:
    worker = undisturbed()
    assert len(worker.ran) == len(set(worker.ran)) == STEPS
    assert worker.plans[-1].status is PlanStatus.DONE


@pytest.mark.spec("S1-125")
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("checkpoint_every", [1, 3, 1000])
def test_no_action_runs_twice_and_the_plan_ends(phase: Phase, checkpoint_every: int) -> None:
    statuses: set[PlanStatus] = set()
    for lost_at in range(1, RECORDS + 1):
        worker = begun(checkpoint_every)

        def crash(read: int, where: Phase, lost_at: int = lost_at) -> None:
            if (read, where) == (lost_at, phase):
                raise Lost

        try:
            worker.run(START + MINUTE, crash)
        except Lost:
            worker.take_over()
            worker.run(START + 60 * MINUTE, lambda *_: None)
        assert max(Counter(worker.ran).values(), default=0) <= 1
        first = worker.plans[0].plan_id
        ended = [plan for plan in worker.plans if plan.plan_id == first][-1]
        assert ended.status in ENDED
        assert ended.status is PlanStatus.DONE or phase is not Phase.APPLIED
        statuses.add(ended.status)
    assert PlanStatus.DONE in statuses


def test_what_is_written_again_after_a_crash_has_the_same_ids() -> None:
    worker = begun(1000)
    worker.run(START, lambda *_: None)
    before = [e.record for e in worker.log if isinstance(e.record, Action)]
    worker.bench.restart()
    worker.bench.store.tables = {table: {} for table in worker.bench.store.tables}
    worker.bench.restart()
    seen = [worker.bench.apply([entry]) for entry in worker.log]
    after = [r for each in seen for r in each.records(ACTIONS)]
    assert after == before
