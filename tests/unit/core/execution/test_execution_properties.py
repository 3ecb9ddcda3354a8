"""Whatever happens to a plan, it ends, and asks for each action at most once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.core.execution.machine import (
    ENDED,
    begin,
    cancel,
    is_settled,
    on_outcome,
    reap,
)
from streams.core.execution.requests import halted
from streams.core.execution.steps import wake_at
from streams.core.planning.config import PlanningConfig
from streams.records import (
    Action,
    OutcomeStatus,
    Plan,
    PlanPolicy,
    PlanStatus,
    PlanStep,
    StepStatus,
)
from tests.kits.core.execution import DELAY, LEASE, NOW, ask, outcome, plan, step

CONFIG = PlanningConfig(lease_ms=LEASE, action_delay_ms=DELAY)

plans = st.builds(
    lambda undos, policy: plan(
        *(step(f"s{i}", undo=undo) for i, undo in enumerate(undos)), policy=policy
    ),
    st.lists(st.booleans(), max_size=5),
    st.sampled_from(PlanPolicy),
)
happenings = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([0, 1, DELAY, LEASE // 2, LEASE, -DELAY])),
    st.tuples(st.just("ask"), st.just(0)),
    st.tuples(st.just("answer"), st.sampled_from(OutcomeStatus)),
    st.tuples(st.just("repeat"), st.integers(0, 9)),
    st.tuples(st.just("halt"), st.just(0)),
    st.tuples(st.just("stranger"), st.just(0)),
    st.tuples(st.just("store"), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 4)),
)


class Run:
    """A plan, its clock and what it asked for; rules that always hold are checked at each move."""

    def __init__(self, begun: Plan) -> None:
        self.plan = begun
        self.now = NOW
        self.asked: list[Action] = []
        self.undone: list[int] = []

    def become(self, after: Plan) -> None:
        before, self.plan = self.plan, after
        if after is before:
            return
        assert after != before
        assert after.revision == before.revision + 1
        assert after.timestamp >= before.timestamp
        if before.status in ENDED:
            assert (after.status, after.ended_at) == (before.status, before.ended_at)
        for old, new in zip(before.actions, after.actions, strict=True):
            check_move(old, new)
        assert len([s for s in after.actions if s.status in (RUNNING, UNDOING)]) <= 1

    def ask(self) -> None:
        after, action = ask(self.plan, self.now)
        assert (action is None) == (after is self.plan)
        self.become(after)
        if action is not None:
            self.asked.append(action)
            if action.parent_action_id:
                self.undone.append(action.step)

    def happen(self, kind: str, detail: Any) -> None:
        if kind == "pass":
            self.now += detail
            self.become(reap(self.plan, self.now, LEASE))
        elif kind == "ask":
            self.ask()
        elif kind == "store":
            self.plan = msgspec.msgpack.decode(msgspec.msgpack.encode(self.plan), type=Plan)
        elif kind == "cancel":
            if detail == 0:
                self.become(cancel(self.plan, self.now, "ann"))
        elif self.asked:
            self.answer(kind, detail)

    def answer(self, kind: str, detail: Any) -> None:
        last = self.asked[-1]
        if kind == "answer":
            self.become(on_outcome(self.plan, outcome(last, detail), self.now))
        elif kind == "halt":
            self.become(on_outcome(self.plan, halted(last, "by ann", self.now), self.now))
        elif kind == "repeat":
            earlier = self.asked[detail % len(self.asked)]
            if earlier is not last:
                self.become(on_outcome(self.plan, outcome(earlier), self.now))
        else:
            assert on_outcome(self.plan, outcome(last, action_id="x"), self.now) is self.plan

    def drain(self) -> None:
        """Nobody answers any more: only time passes, from one due moment to the next."""
        for _ in range(4 * len(self.plan.actions) + 2):
            due = wake_at(self.plan, CONFIG)
            if due is None:
                break
            self.now = max(self.now, due)
            before = self.plan
            self.become(reap(self.plan, self.now, LEASE))
            self.ask()
            assert self.plan is not before  # whenever it is looked at as due, something moves


RUNNING, UNDOING = StepStatus.RUNNING, StepStatus.UNDOING
MOVES = {
    StepStatus.PENDING: {StepStatus.RUNNING, StepStatus.SKIPPED},
    StepStatus.RUNNING: {StepStatus.DONE, StepStatus.FAILED},
    StepStatus.DONE: {StepStatus.UNDOING},
    StepStatus.UNDOING: {StepStatus.UNDONE, StepStatus.STUCK},
}


def check_move(old: PlanStep, new: PlanStep) -> None:
    assert new.status is old.status or new.status in MOVES.get(old.status, set())
    if old.action_id:
        assert new.action_id == old.action_id
    if old.undo_action_id:
        assert new.undo_action_id == old.undo_action_id


@given(plans, st.lists(happenings, max_size=40))
def test_every_plan_ends_and_asks_for_nothing_twice(
    scheduled: Plan, script: list[tuple[str, Any]]
) -> None:
    run = Run(begin(scheduled, NOW))
    for kind, detail in script:
        run.happen(kind, detail)
    run.drain()
    assert is_settled(run.plan)
    assert wake_at(run.plan, CONFIG) is None
    assert max(Counter(action.action_id for action in run.asked).values(), default=0) <= 1
    assert run.undone == sorted(set(run.undone), reverse=True)
    check_end(run.plan)


def check_end(ended: Plan) -> None:
    found = [each.status for each in ended.actions]
    assert StepStatus.PENDING not in found
    if ended.status is PlanStatus.DONE:
        assert set(found) == {StepStatus.DONE}
    elif ended.status is PlanStatus.FAILED:
        assert StepStatus.FAILED in found or not found
        assert not any(each.undo for each in ended.actions if each.status is StepStatus.DONE)
        assert ended.reason
    assert ended.ended_at is not None
    assert ended.started_at is not None
    assert ended.ended_at >= ended.started_at


@given(
    plans, st.integers(0, 10), st.lists(st.sampled_from(OutcomeStatus), min_size=11, max_size=11)
)
def test_a_worker_that_is_killed_in_mid_plan_changes_nothing(
    scheduled: Plan, kill_at: int, answers: list[OutcomeStatus]
) -> None:
    def carried_out(kill: int | None) -> tuple[Plan, list[Action]]:
        current, now, actions = begin(scheduled, NOW), NOW, list[Action]()
        for turn, status in enumerate(answers):
            now += DELAY
            current, action = ask(current, now)
            if turn == kill:
                current = msgspec.msgpack.decode(msgspec.msgpack.encode(current), type=Plan)
                assert ask(current, now)[1] is None  # what was asked for is known to have been
            if action is None:
                break
            actions.append(action)
            current = on_outcome(current, outcome(action, status), now)
            current = reap(current, now + LEASE, LEASE)
            now = current.timestamp
        return current, actions

    assert carried_out(kill_at) == carried_out(None)
