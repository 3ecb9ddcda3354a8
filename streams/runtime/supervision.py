"""The loops of a worker, and what brought it down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from streams.errors import GoalstreamError, Stalled
from streams.runtime.dispatcher import is_cancelled
from streams.runtime.ending import facts
from streams.runtime.failures import named

log = structlog.get_logger(__name__)


class Supervision:
    """From ``begin`` to ``end``, or to the first failure: later ones follow from it."""

    def __init__(self, on_failure: Callable[[GoalstreamError], None]) -> None:
        """``on_failure`` is told at once what ``wait`` will raise when its turn comes."""
        self._on_failure = on_failure
        self._future: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> asyncio.Future[None]:
        """What is done when it is over."""
        self._future = asyncio.get_running_loop().create_future()
        return self._future

    @property
    def begun(self) -> bool:
        return self._future is not None

    async def wait(self) -> None:
        """Return after ``end``; raise what was told to ``fail`` otherwise."""
        if self._future is None:
            raise Stalled("the worker was not started", remedy="await start() first")
        await asyncio.shield(self._future)

    def end(self) -> None:
        """All is over, in order."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    @property
    def failure(self) -> BaseException | None:
        """What brought the worker down; None while it lives."""
        if self._future is None or not self._future.done() or self._future.cancelled():
            return None
        return self._future.exception()

    def fail(self, error: BaseException, stage: str) -> None:
        """Something broke that must not be survived."""
        if self._future is None or self._future.done():
            return
        failure = named(error, stage)
        self._on_failure(failure)
        log.error("worker failed", **facts(failure), exc_info=failure.__cause__)
        self._future.set_exception(failure)

    # -- loops --------------------------------------------------------------------------------

    def spawn(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        """Run a loop; whatever it raises is a failure."""
        self._tasks.append(asyncio.create_task(self._guarded(loop, name), name=name))

    async def _guarded(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await loop
        except BaseException as error:
            if is_cancelled():
                raise
            self.fail(error, name)

    @property
    def runs_loops(self) -> bool:
        return bool(self._tasks)

    async def cancel(self) -> None:
        """End the loops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
