"""Every dispatched action ends in exactly one outcome, except when the worker itself stops."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
import pytest_asyncio

from streams.core.kernel.emission import Dispatch, Position
from streams.core.outcomes.build import outcome_id
from streams.core.outcomes.result import HandlerResult
from streams.records import Action, Outcome, OutcomeStatus, Severity
from streams.records.limits import OUTPUT_BYTES
from streams.runtime.dispatcher import Dispatcher, never_halted
from streams.runtime.handlers import Handler, HandlerRegistry
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from tests.kits.core.partition import action
from tests.kits.messages import message

NOW = 1_700_000_000_000
PARTITION = 2


class FakeActions:
    """The engine as the dispatcher sees it."""

    def __init__(self) -> None:
        self.published: list[Outcome] = []
        self.settled: set[str] = set()
        self.read = asyncio.Event()
        self.lost = False
        self.refusal: Exception | None = None

    async def outcomes_read(self, partition: int) -> bool:
        assert partition == PARTITION
        await self.read.wait()
        return not self.lost

    def is_pending(self, partition: int, action: Action) -> bool:
        return action.action_id not in self.settled

    async def publish(self, partition: int, outcome: Outcome) -> None:
        assert partition == PARTITION
        if self.refusal is not None:
            raise self.refusal
        self.published.append(outcome)


class Rig:
    """A dispatcher with one handler for actions of type ``scale``."""

    def __init__(self) -> None:
        self.actions = FakeActions()
        self.errors: list[BaseException] = []
        self.made: list[Dispatcher] = []

    def dispatcher(
        self,
        run: Callable[..., object] | None,
        *,
        seconds: float = 30.0,
        concurrency: int = 4,
        halted: Callable[[], str] = never_halted,
        **handler: Any,
    ) -> Dispatcher:
        handlers = [] if run is None else [Handler("scale", run, **handler)]
        return self.with_handlers(handlers, seconds=seconds, concurrency=concurrency, halted=halted)

    def with_handlers(
        self,
        handlers: Iterable[Handler],
        *,
        seconds: float = 30.0,
        concurrency: int = 4,
        halted: Callable[[], str] = never_halted,
    ) -> Dispatcher:
        dispatcher = Dispatcher(
            HandlerRegistry(handlers),
            self.actions,
            concurrency=concurrency,
            timeout_seconds=seconds,
            agent_name="worker-1",
            now_ms=lambda: NOW,
            on_error=self.errors.append,
            halted=halted,
        )
        self.made.append(dispatcher)
        return dispatcher

    async def outcome(self, run: Callable[..., object] | None, **options: Any) -> Outcome:
        """The only outcome of one action that is handled by ``run``."""
        dispatcher = self.dispatcher(run, **options)
        dispatcher.start([dispatch()])
        assert await dispatcher.settle(10) == 0
        (published,) = self.actions.published
        return published


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    for dispatcher in made.made:
        await dispatcher.stop()
    assert made.errors == []


def dispatch(action_id: str = "a-1", *, resumed: bool = False, **fields: Any) -> Dispatch:
    return Dispatch(action(action_id, **fields), Position("actions", PARTITION, 7), resumed)


async def forever(params: dict[str, str], goal_id: str) -> None:
    await asyncio.Event().wait()


@pytest.mark.spec("S2-062")
async def test_one_outcome_for_every_ending(rig: Rig) -> None:
    def run(params: dict[str, str], goal_id: str) -> object:
        ending = params["ending"]
        if ending == "error":
            raise ValueError(ending)
        if ending == "timeout":
            raise TimeoutError(ending)
        if ending == "cancel":
            raise asyncio.CancelledError
        return None

    dispatcher = rig.dispatcher(run)
    endings = ("success", "error", "timeout", "cancel")
    started = [dispatch(ending, params={"ending": ending}) for ending in endings]
    dispatcher.start([*started, *started])
    assert await dispatcher.settle(10) == 0
    found = {outcome.action_id: outcome.status for outcome in rig.actions.published}
    assert len(rig.actions.published) == len(endings)
    assert found == {
        "success": OutcomeStatus.SUCCESS,
        "error": OutcomeStatus.FAILURE,
        "timeout": OutcomeStatus.TIMEOUT,
        "cancel": OutcomeStatus.CANCELLED,
    }


@pytest.mark.spec("S1-118")
async def test_handler_gets_parameters_and_goal(rig: Rig) -> None:
    calls: list[tuple[dict[str, str], str]] = []

    def run(params: dict[str, str], goal_id: str) -> dict[str, object]:
        calls.append((params, goal_id))
        assert threading.current_thread() is not threading.main_thread()
        return {"output": {"done": 1}, "impact": {"queue": -2.0}}

    dispatcher = rig.dispatcher(run)
    dispatcher.start([dispatch(params={"n": "2"}, goal_id="g-1", correlation_id="chain")])
    await dispatcher.settle(10)
    (outcome,) = rig.actions.published
    assert calls == [({"n": "2"}, "g-1")]
    assert outcome.event_id == outcome_id(outcome.entity_id, "a-1")
    assert (outcome.status, outcome.severity) == (OutcomeStatus.SUCCESS, Severity.INFO)
    assert (outcome.output, outcome.impact_claimed) == ('{"done":1}', {"queue": -2.0})
    assert (outcome.correlation_id, outcome.agent_name) == ("chain", "worker-1")
    assert outcome.start_time == NOW
    assert outcome.end_time - outcome.start_time == pytest.approx(outcome.duration_ms, abs=1)


@pytest.mark.spec("S2-025")
async def test_a_nested_output_can_be_read_back_from_the_topic(rig: Rig) -> None:
    nested = {"rows": [{"id": 1, "tags": ["a", None]}], "ok": True, "share": 0.25}
    outcome = await rig.outcome(lambda params, goal_id: {"status": "success", "output": nested})
    found = RecordDecoder(EmbeddedRegistry(), Outcome).decode([message(outcome)])
    (read,) = found.records
    assert isinstance(read.record, Outcome)
    assert json.loads(read.record.output or "") == nested


@pytest.mark.parametrize(
    "given",
    [
        HandlerResult(output="x" * 3_000_000, metadata={"k" * 9_000: "v" * 1_000_000}),
        {"output": "é" * 2_000_000, "metadata": dict.fromkeys(map(str, range(5_000)), "v")},
        HandlerResult(error_message="e" * 2_000_000, stack_trace="t" * 2_000_000),
    ],
    ids=["own result", "mapping", "failure"],
)
async def test_a_huge_result_is_cut_to_what_the_topic_takes(rig: Rig, given: object) -> None:
    """The worker reads its own outcome again: refused there, the action would never end."""
    outcome = await rig.outcome(lambda params, goal_id: given)
    decoder = RecordDecoder(EmbeddedRegistry(), Outcome, output_bytes=OUTPUT_BYTES)
    decoded = decoder.decode([message(outcome)])
    assert decoded.rejected == []
    assert [one.record for one in decoded.records] == [outcome]


@pytest.mark.spec("S1-119", "S2-014")
async def test_exception_is_a_failure_with_its_type(rig: Rig) -> None:
    async def run(params: dict[str, str], goal_id: str) -> None:
        raise KeyError("no such pool")

    outcome = await rig.outcome(run)
    assert (outcome.status, outcome.severity) == (OutcomeStatus.FAILURE, Severity.ERROR)
    assert outcome.error_type == "KeyError"
    assert outcome.stack_trace is not None
    assert "no such pool" in outcome.stack_trace


@pytest.mark.spec("S1-172", "S2-016")
async def test_coroutine_is_cut_off_at_its_limit(rig: Rig) -> None:
    outcome = await rig.outcome(forever, seconds=30.0, timeout_seconds=0.05)
    assert (outcome.status, outcome.severity) == (OutcomeStatus.TIMEOUT, Severity.WARNING)
    assert outcome.error_message == "the handler did not end within 0.05 s"
    assert 40 < outcome.duration_ms < 5_000


async def test_blocking_function_is_given_up_at_the_limit(rig: Rig) -> None:
    release = threading.Event()

    def run(params: dict[str, str], goal_id: str) -> None:
        release.wait(30)

    outcome = await rig.outcome(run, seconds=0.05)
    release.set()
    assert outcome.status is OutcomeStatus.TIMEOUT


async def test_timeout_of_something_inside_the_handler_keeps_its_words(rig: Rig) -> None:
    async def run(params: dict[str, str], goal_id: str) -> None:
        raise TimeoutError("the load balancer does not answer")

    outcome = await rig.outcome(run)
    assert outcome.status is OutcomeStatus.TIMEOUT
    assert outcome.error_message == "the load balancer does not answer"


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncio.CancelledError, OutcomeStatus.CANCELLED),
        (SystemExit, OutcomeStatus.FAILURE),
        (KeyboardInterrupt, OutcomeStatus.FAILURE),
        (RecursionError, OutcomeStatus.FAILURE),
    ],
)
async def test_handler_may_raise_anything(
    rig: Rig, error: type[BaseException], status: OutcomeStatus, *, in_thread: bool
) -> None:
    def blocking(params: dict[str, str], goal_id: str) -> None:
        raise error

    async def coroutine(params: dict[str, str], goal_id: str) -> None:
        raise error

    outcome = await rig.outcome(blocking if in_thread else coroutine)
    assert (outcome.status, outcome.error_type) == (status, error.__name__)


async def test_empty_iterator_inside_a_handler_is_a_failure(rig: Rig) -> None:
    outcome = await rig.outcome(lambda params, goal_id: next(iter(())))
    assert outcome.status is OutcomeStatus.FAILURE
    assert "StopIteration" in (outcome.error_message or "")


async def test_handlers_that_hang_leave_the_threads_of_the_worker_alone(rig: Rig) -> None:
    release, started = threading.Event(), threading.Semaphore(0)

    def run(params: dict[str, str], goal_id: str) -> None:
        started.release()
        release.wait(30)

    dispatcher = rig.dispatcher(run, concurrency=40)
    dispatcher.start(dispatch(f"a-{n}") for n in range(40))
    for _ in range(40):
        assert await asyncio.to_thread(started.acquire, timeout=10)
    release.set()
    assert await dispatcher.settle(10) == 0
    assert len(rig.actions.published) == 40


class HiddenCoroutine:
    async def __call__(self, params: dict[str, str], goal_id: str) -> dict[str, object]:
        return {"status": "partial", "output": "half"}


async def test_coroutine_functions_in_disguise_are_awaited(rig: Rig) -> None:
    outcome = await rig.outcome(HiddenCoroutine())
    assert (outcome.status, outcome.output) == (OutcomeStatus.PARTIAL, '"half"')


@pytest.mark.parametrize(
    ("returned", "status", "output"),
    [
        (None, OutcomeStatus.SUCCESS, None),
        (7, OutcomeStatus.SUCCESS, "7"),
        ({1: 2}, OutcomeStatus.SUCCESS, '{"1":2}'),
        ({"status": "pending"}, OutcomeStatus.FAILURE, None),
        ({"status": "weird"}, OutcomeStatus.FAILURE, None),
        ({"success": "yes"}, OutcomeStatus.FAILURE, None),
        (float("nan"), OutcomeStatus.SUCCESS, "null"),
    ],
)
async def test_odd_return_values(
    rig: Rig, returned: object, status: OutcomeStatus, output: str | None
) -> None:
    outcome = await rig.outcome(lambda params, goal_id: returned)
    assert (outcome.status, outcome.output) == (status, output)


async def test_no_handler_is_a_failure(rig: Rig) -> None:
    outcome = await rig.outcome(None)
    assert (outcome.status, outcome.error_type) == (OutcomeStatus.FAILURE, "NoHandler")
    assert "'scale'" in (outcome.error_message or "")


async def test_action_past_its_deadline_does_not_start(rig: Rig) -> None:
    dispatcher = rig.dispatcher(forever)
    dispatcher.start([dispatch(deadline=NOW - 1)])
    assert await dispatcher.settle(10) == 0
    (outcome,) = rig.actions.published
    assert (outcome.status, outcome.error_type) == (OutcomeStatus.CANCELLED, "DeadlinePassed")


@pytest.mark.parametrize("idempotent", [True, False])
async def test_resumed_action(rig: Rig, *, idempotent: bool) -> None:
    runs: list[str] = []

    def run(params: dict[str, str], goal_id: str) -> None:
        runs.append(goal_id)

    dispatcher = rig.dispatcher(run, idempotent=idempotent)
    dispatcher.start([dispatch(resumed=True, goal_id="g-1")])
    assert await dispatcher.settle(0.01) == 1
    assert runs == rig.actions.published == []
    rig.actions.read.set()
    assert await dispatcher.settle(10) == 0
    (outcome,) = rig.actions.published
    assert outcome.error_type == (None if idempotent else "Interrupted")
    assert runs == (["g-1"] if idempotent else [])


@pytest.mark.parametrize("lost", [True, False])
async def test_resumed_action_that_is_settled_meanwhile_or_lost(rig: Rig, *, lost: bool) -> None:
    dispatcher = rig.dispatcher(functools.partial(sys.exit, 1), idempotent=True)
    dispatcher.start([dispatch(resumed=True)])
    assert await dispatcher.settle(0.01) == 1
    rig.actions.lost = lost
    rig.actions.settled |= set() if lost else {"a-1"}
    rig.actions.read.set()
    assert await dispatcher.settle(10) == 0
    assert rig.actions.published == []


async def test_resumed_action_that_was_just_settled_here_is_not_run_twice(rig: Rig) -> None:
    runs: list[str] = []
    dispatcher = rig.dispatcher(lambda params, goal_id: runs.append(goal_id), idempotent=True)
    rig.actions.read.set()
    dispatcher.start([dispatch()])
    assert await dispatcher.settle(10) == 0
    dispatcher.start([dispatch(resumed=True)])
    assert await dispatcher.settle(10) == 0
    assert len(runs) == len(rig.actions.published) == 1


async def test_no_more_handlers_at_once_than_allowed(rig: Rig) -> None:
    gate, running, most = asyncio.Event(), 0, 0

    async def run(params: dict[str, str], goal_id: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    dispatcher = rig.dispatcher(run, concurrency=3)
    dispatcher.start(dispatch(f"a-{n}") for n in range(10))
    assert await dispatcher.settle(0.05) == 10
    assert running == 3
    gate.set()
    assert await dispatcher.settle(10) == 0
    assert (most, len(rig.actions.published)) == (3, 10)


@pytest.mark.parametrize("coroutine", [True, False])
async def test_thrown_kill_switch_stops_every_action(rig: Rig, *, coroutine: bool) -> None:
    runs: list[str] = []

    async def awaited(params: dict[str, str], goal_id: str) -> None:
        runs.append(goal_id)

    def blocking(params: dict[str, str], goal_id: str) -> None:
        runs.append(goal_id)

    reason = "by ann"
    run = awaited if coroutine else blocking
    dispatcher = rig.with_handlers(
        [Handler("scale", run), Handler("look", run, safe=True)], halted=lambda: reason
    )
    dispatcher.start([dispatch("a-1", plan_id="p-1", goal_id="of a plan")])
    dispatcher.start([dispatch("a-2", goal_id="of a user")])
    dispatcher.start([dispatch("a-4", action_type="look", goal_id="only looks")])
    assert await dispatcher.settle(10) == 0
    by_id = {outcome.action_id: outcome for outcome in rig.actions.published}
    assert runs == ["only looks"]
    assert by_id["a-4"].status is OutcomeStatus.SUCCESS
    for stopped in (by_id["a-1"], by_id["a-2"]):
        assert (stopped.status, stopped.error_type) == (OutcomeStatus.CANCELLED, "KillSwitch")
        assert stopped.error_message == "not started, since acts are halted: by ann"
    reason = ""
    dispatcher.start([dispatch("a-3", plan_id="p-1", goal_id="later")])
    assert await dispatcher.settle(10) == 0
    assert runs == ["only looks", "later"]


async def test_switch_that_cannot_be_read_counts_as_thrown(rig: Rig) -> None:
    def unreadable() -> str:
        raise PermissionError("kill.switch")

    dispatcher = rig.dispatcher(lambda params, goal_id: None, halted=unreadable)
    dispatcher.start([dispatch(plan_id="p-1")])
    assert await dispatcher.settle(10) == 0
    (outcome,) = rig.actions.published
    assert outcome.error_type == "KillSwitch"
    assert "cannot be read: PermissionError" in (outcome.error_message or "")


async def test_switch_is_asked_when_the_handler_starts_not_when_it_is_queued(rig: Rig) -> None:
    gate, reason = asyncio.Event(), ""
    runs: list[str] = []

    async def run(params: dict[str, str], goal_id: str) -> None:
        runs.append(goal_id)
        await gate.wait()

    dispatcher = rig.dispatcher(run, concurrency=1, halted=lambda: reason)
    dispatcher.start(dispatch(f"a-{n}", plan_id="p-1", goal_id=f"g-{n}") for n in range(2))
    assert await dispatcher.settle(0.01) == 2
    reason = "by ann"
    gate.set()
    assert await dispatcher.settle(10) == 0
    assert runs == ["g-0"]
    assert [outcome.error_type for outcome in rig.actions.published] == [None, "KillSwitch"]


async def test_switch_is_asked_again_where_threads_were_all_taken(rig: Rig) -> None:
    release, reason = threading.Event(), ""
    runs: list[str] = []

    def hang(params: dict[str, str], goal_id: str) -> None:
        release.wait(30)

    def run(params: dict[str, str], goal_id: str) -> None:
        runs.append(goal_id)

    dispatcher = rig.with_handlers(
        [Handler("scale", run), Handler("hang", hang, timeout_seconds=0.05)],
        concurrency=1,
        halted=lambda: reason,
    )
    dispatcher.start([dispatch("a-1", action_type="hang", plan_id="p-1")])
    assert await dispatcher.settle(10) == 0  # given up, but its thread goes on
    dispatcher.start([dispatch("a-2", plan_id="p-1")])
    assert await dispatcher.settle(0.01) == 1
    reason = "by ann"
    release.set()
    assert await dispatcher.settle(10) == 0
    assert runs == []
    found = [outcome.error_type for outcome in rig.actions.published]
    assert found == ["TimeoutError", "KillSwitch"]


async def test_resumed_action_that_is_halted_may_have_begun(rig: Rig) -> None:
    dispatcher = rig.dispatcher(forever, idempotent=True, halted=lambda: "by ann")
    rig.actions.read.set()
    dispatcher.start([dispatch(resumed=True, plan_id="p-1")])
    assert await dispatcher.settle(10) == 0
    (outcome,) = rig.actions.published
    assert outcome.error_type == "KillSwitch"
    assert "may have begun it" in (outcome.error_message or "")


async def test_step_for_another_agent_is_left_to_it(rig: Rig) -> None:
    runs: list[str] = []
    dispatcher = rig.dispatcher(lambda params, goal_id: runs.append(goal_id))
    dispatcher.start(
        [
            dispatch("a-1", plan_id="p-1", goal_id="left", params={"agent": "edge-7"}),
            dispatch("a-2", plan_id="p-1", goal_id="mine", params={"agent": "worker-1"}),
            dispatch("a-3", goal_id="user", params={"agent": "edge-7"}),
        ]
    )
    assert await dispatcher.settle(10) == 0
    assert sorted(runs) == ["mine", "user"]
    assert len(rig.actions.published) == 2


async def test_stop_leaves_the_outcome_open(rig: Rig) -> None:
    async def stubborn(params: dict[str, str], goal_id: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("cannot let go") from None

    for run in (forever, stubborn):
        dispatcher = rig.dispatcher(run)
        dispatcher.start([dispatch()])
        assert await dispatcher.settle(0.01) == 1
        await dispatcher.stop()
        assert await dispatcher.settle(0) == 0
    assert rig.actions.published == []


async def test_outcome_that_cannot_be_published_is_reported() -> None:
    rig = Rig()
    rig.actions.refusal = OSError("broker away")
    dispatcher = rig.dispatcher(lambda params, goal_id: None)
    dispatcher.start([dispatch()])
    await dispatcher.settle(10)
    await asyncio.sleep(0)
    assert rig.errors == [rig.actions.refusal]
