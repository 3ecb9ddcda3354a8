"""Plans whose actions are carried out by handlers: the core decides, the dispatcher runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from streams.core.execution.machine import begin, is_settled, on_outcome
from streams.core.execution.report import result
from streams.core.kernel.emission import Dispatch, Position
from streams.records import Action, Outcome, OutcomeStatus, Plan, PlanStatus, StepStatus
from streams.runtime.dispatcher import Dispatcher
from streams.runtime.handlers import Handler, HandlerRegistry, load_handlers
from tests.kits.core.execution import DELAY, NOW, asked, plan, step


class Engine:
    """Takes each outcome to where the next step of the plan is decided."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.arrived = asyncio.Event()

    async def outcomes_read(self, partition: int) -> bool:
        return True

    def is_pending(self, partition: int, action: Action) -> bool:
        return True

    async def publish(self, partition: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.arrived.set()


async def carried_out(
    scheduled: Plan, handlers: HandlerRegistry, halted: Callable[[], str] = lambda: ""
) -> tuple[Plan, list[Outcome]]:
    """The plan at its end, and its outcomes in order."""
    engine, errors = Engine(), list[BaseException]()
    dispatcher = Dispatcher(
        handlers,
        engine,
        concurrency=2,
        timeout_seconds=10.0,
        agent_name="worker-1",
        now_ms=lambda: NOW,
        on_error=errors.append,
        halted=halted,
    )
    current, now = begin(scheduled, NOW), NOW
    try:
        while not is_settled(current):
            current, action = asked(current, now)
            dispatcher.start([Dispatch(action, Position("actions", 0, 1), resumed=False)])
            async with asyncio.timeout(10):
                await engine.arrived.wait()
            engine.arrived.clear()
            current = on_outcome(current, engine.outcomes[-1], now)
            now += DELAY
    finally:
        await dispatcher.stop()
    assert errors == []
    return current, engine.outcomes


EFFECT = {"effect_id": "e-1"}


class Pool:
    """Something with a size; each change is done once per effect id, and forgotten by its undo."""

    def __init__(self) -> None:
        self.size = 2
        self.done: set[str] = set()
        self.undos = 0

    def grow(self, params: dict[str, str], goal_id: str) -> None:
        if params["effect_id"] not in self.done:
            self.done.add(params["effect_id"])
            self.size += 1

    async def shrink(self, params: dict[str, str], goal_id: str) -> None:
        self.undos += 1
        self.done.remove(params["effect_id"])
        self.size -= 1

    def refuse(self, params: dict[str, str], goal_id: str) -> None:
        raise ConnectionError("the balancer does not answer")

    def registry(self) -> HandlerRegistry:
        return HandlerRegistry(
            [
                Handler("grow", self.grow, undo=self.shrink),
                Handler("register", self.refuse),
            ]
        )


@pytest.mark.spec("S1-179")
async def test_undo_of_a_plan_that_fails_runs_once_and_is_recorded() -> None:
    pool = Pool()
    ended, outcomes = await carried_out(
        plan(step("grow", undo=True, params=EFFECT), step("register")), pool.registry()
    )
    assert (pool.size, pool.undos) == (2, 1)
    assert ended.status is PlanStatus.FAILED
    assert [each.status for each in ended.actions] == [StepStatus.UNDONE, StepStatus.FAILED]
    undone = outcomes[-1]
    assert (undone.action_type, undone.status) == ("undo:grow", OutcomeStatus.SUCCESS)
    assert undone.action_id == ended.actions[0].undo_action_id
    assert undone.parent_event_id == outcomes[0].event_id
    assert result(ended, outcomes).lessons_learned == (
        "register failed: ConnectionError: the balancer does not answer",
    )


async def test_second_attempt_at_what_was_done_although_it_timed_out_is_harmless() -> None:
    pool = Pool()

    def lies(params: dict[str, str], goal_id: str) -> dict[str, str]:
        pool.grow(params, goal_id)
        return {"status": "timeout"}

    first, _ = await carried_out(
        plan(step("grow", params=EFFECT)), HandlerRegistry([Handler("grow", lies)])
    )
    assert (first.status, pool.size) == (PlanStatus.FAILED, 3)
    again = plan(step("grow", params=EFFECT), plan_id="p-2", attempt=2)
    second, _ = await carried_out(again, pool.registry())
    assert (second.status, pool.size) == (PlanStatus.DONE, 3)


@pytest.mark.spec("S1-117")
async def test_stock_install_claims_no_impact() -> None:
    stock = load_handlers([])
    assert stock.names() == []
    assert stock.catalogue() == {}
    ended, outcomes = await carried_out(plan(step("optimize_resources")), stock)
    assert ended.status is PlanStatus.FAILED
    assert [outcome.impact_claimed for outcome in outcomes] == [{}]
    assert result(ended, outcomes).impact_claimed == {}


async def test_kill_switch_in_mid_plan_ends_it() -> None:
    pool, asked_so_far = Pool(), list[str]()

    def thrown_after_the_first() -> str:
        asked_so_far.append("")
        return "by ann" if len(asked_so_far) > 1 else ""

    steps = (step("grow", undo=True, params=EFFECT), step("register"))
    ended, outcomes = await carried_out(plan(*steps), pool.registry(), thrown_after_the_first)
    assert (ended.status, pool.size, pool.undos) == (PlanStatus.CANCELLED, 3, 0)
    assert [outcome.error_type for outcome in outcomes] == [None, "KillSwitch"]
