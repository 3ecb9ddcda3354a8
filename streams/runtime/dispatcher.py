"""Runs the handlers of dispatched actions; each ends in exactly one outcome.

An action gets here only after the state that remembers it is durable (intent before act). Its
outcome has an id derived from the action's, so a repeat can be told from a second act. When a
worker dies between act and outcome, its successor first reads the outcomes up to their end; what
is still open then is run again if the handler is idempotent, and ends as Interrupted if not.

The kill switch is asked right before a handler starts, in the thread in which it will run, and
needs nothing but this process. It stops every action but those of handlers that are ``safe``.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

import structlog

from streams.core.execution.requests import AGENT
from streams.core.execution.requests import halted as halted_outcome
from streams.core.kernel.emission import Dispatch
from streams.core.outcomes.build import (
    HandlerResult,
    expired,
    failure,
    interpret,
    interrupted,
    no_handler,
    outcome_for,
    timed_out,
)
from streams.records import Action, Outcome
from streams.records.limits import OUTPUT_BYTES
from streams.runtime.handlers import Handler, HandlerRegistry

PUBLISHED_KEPT = 1_000

log = structlog.get_logger(__name__)


_Key = tuple[str, str]
"""Entity and action id: an id means one action of one entity."""


def _key(action: Action) -> _Key:
    return action.entity_id, action.action_id


class _KillSwitch(Exception):
    """The handler must not start; the argument says why."""


def never_halted() -> str:
    """A kill switch that nobody can throw."""
    return ""


class Actions(Protocol):
    """What the dispatcher needs to know from the engine."""

    async def outcomes_read(self, partition: int) -> bool:
        """Wait until the outcomes that existed at assignment are applied; False when it is lost."""
        ...

    def is_pending(self, partition: int, action: Action) -> bool:
        """Whether the action still has no outcome."""
        ...

    async def publish(self, partition: int, outcome: Outcome) -> None:
        """Send an outcome to the outcomes topic."""
        ...


class Dispatcher:
    """Bounded concurrency over all actions of a worker."""

    def __init__(  # noqa: PLR0913 - all but the first two by keyword
        self,
        handlers: HandlerRegistry,
        actions: Actions,
        *,
        concurrency: int,
        timeout_seconds: float,
        agent_name: str,
        now_ms: Callable[[], int],
        on_error: Callable[[BaseException], None],
        halted: Callable[[], str] = never_halted,
        output_bytes: int = OUTPUT_BYTES,
    ) -> None:
        """``output_bytes`` is what is kept of what a handler gives back. ``halted`` says why no
        action may start, "" when they may; it is called from several threads and must be quick;
        when it raises, nothing starts but what is safe."""
        self._handlers = handlers
        self._actions = actions
        self._slots = asyncio.Semaphore(concurrency)
        # Threads of their own: handlers that hang must not take those of the rest of the worker.
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="action")
        self._timeout = timeout_seconds
        self._agent_name = agent_name
        self._now_ms = now_ms
        self._on_error = on_error
        self._halted = halted
        self._output_bytes = output_bytes
        self._running: dict[_Key, asyncio.Task[None]] = {}
        self._published: deque[_Key] = deque(maxlen=PUBLISHED_KEPT)
        """Actions whose outcome this worker has published and may not have read again yet."""

    def start(self, dispatches: Iterable[Dispatch]) -> None:
        """Run the handlers of actions whose intent is durable. An id that runs is not restarted."""
        for dispatch in dispatches:
            key = _key(dispatch.action)
            if key in self._running or (dispatch.resumed and key in self._published):
                continue
            if not self._is_for_here(dispatch.action):
                continue
            task = asyncio.create_task(self._settle(dispatch), name=f"action {key}")
            self._running[key] = task
            task.add_done_callback(partial(self._ended, key))

    def _is_for_here(self, action: Action) -> bool:
        """Whether a plan leaves it to any worker, or to this one by name."""
        return not action.plan_id or action.params.get(AGENT, "") in ("", self._agent_name)

    def _ended(self, key: _Key, task: asyncio.Task[None]) -> None:
        self._running.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)  # an outcome that cannot be published must not be forgotten

    def forget(self) -> None:
        """Outcomes that were not durable with their partitions are gone, and may be due again."""
        self._published.clear()

    async def settle(self, seconds: float) -> int:
        """Wait up to ``seconds`` for running handlers; returns how many still run."""
        tasks = list(self._running.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        return len(self._running)

    async def stop(self) -> None:
        """Cancel what still runs; its outcome stays open for the successor."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _settle(self, dispatch: Dispatch) -> None:
        action, partition = dispatch.action, dispatch.cause.partition
        if dispatch.resumed:
            if not await self._actions.outcomes_read(partition):
                return
            if not self._actions.is_pending(partition, action):
                return
        outcome = await self._outcome(action, resumed=dispatch.resumed)
        await self._actions.publish(partition, outcome)
        self._published.append(_key(action))

    async def _outcome(self, action: Action, *, resumed: bool) -> Outcome:
        handler = self._handlers.find(action.action_type)
        if handler is None:
            return no_handler(action, self._now_ms())
        if resumed and not handler.idempotent:
            return interrupted(action, self._now_ms())
        async with self._slots:
            now = self._now_ms()
            if action.deadline is not None and now > action.deadline:
                return expired(action, now)
            return await self._run(handler, action, resumed=resumed)

    async def _run(self, handler: Handler, action: Action, *, resumed: bool) -> Outcome:
        start_time, started = self._now_ms(), time.perf_counter()
        limit = handler.timeout_seconds or self._timeout
        try:
            async with asyncio.timeout(limit) as timer:
                result = interpret(await self._call(handler, action))
        except BaseException as error:
            # A handler may raise anything; all of it is an outcome, but for our own ``stop``.
            if is_cancelled():
                raise asyncio.CancelledError from error
            if isinstance(error, TimeoutError) and timer.expired():
                return self._record(action, timed_out(limit), start_time, _ms_since(started))
            if isinstance(error, _KillSwitch):
                log.warning("acts are halted", action_type=action.action_type, reason=str(error))
                return halted_outcome(action, str(error), self._now_ms(), resumed=resumed)
            log.warning("handler failed", action_type=action.action_type, error=repr(error))
            result = failure(error, traceback.format_exc())
        return self._record(action, result, start_time, _ms_since(started))

    async def _call(self, handler: Handler, action: Action) -> object:
        if inspect.iscoroutinefunction(handler.run):
            self._require_unhalted(handler)
            return await handler.run(dict(action.params), action.goal_id)
        loop = asyncio.get_running_loop()
        returned = await loop.run_in_executor(self._threads, self._run_blocking, handler, action)
        # A callable object or a partial may hide a coroutine function.
        return await returned if inspect.isawaitable(returned) else returned

    def _run_blocking(self, handler: Handler, action: Action) -> object:
        # Asked here and not before: all threads may hang in handlers that were given up.
        self._require_unhalted(handler)
        try:
            return handler.run(dict(action.params), action.goal_id)
        except StopIteration as error:  # a future cannot carry this one
            raise RuntimeError("the handler raised StopIteration") from error

    def _require_unhalted(self, handler: Handler) -> None:
        if handler.safe:
            return
        try:
            reason = self._halted()
        except Exception as error:  # a switch that cannot be read may have been thrown
            reason = f"the kill switch cannot be read: {error!r}"
        if reason:
            raise _KillSwitch(reason)

    def _record(
        self, action: Action, result: HandlerResult, start_time: int, duration_ms: float
    ) -> Outcome:
        return outcome_for(
            action,
            result.bounded(self._output_bytes),
            start_time=start_time,
            end_time=start_time + round(duration_ms),
            duration_ms=duration_ms,
            agent_name=self._agent_name,
            agent_type="worker",
            run_id=action.plan_id or action.action_id,
        )


def is_cancelled() -> bool:
    """Whether this task was asked to end, as opposed to an error that only looks like it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True  # the loop is gone, and this coroutine with it
    return task is None or task.cancelling() > 0


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
