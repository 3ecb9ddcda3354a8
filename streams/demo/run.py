"""Puts the demo together: broker, worker, views, producers, an outside reader."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console

from streams.demo.clock import ReplayClock
from streams.demo.learned import Successes, success_rates
from streams.demo.ledger import Ledger
from streams.demo.observer import Observer
from streams.demo.pace import ClockGate
from streams.demo.plant import Plant
from streams.demo.replay import TICK_SECONDS, Replay
from streams.demo.scenario import RESOURCES
from streams.demo.screen import Screen
from streams.demo.series import timeline
from streams.demo.summary import Cost, faults, figures, panel, sentences
from streams.errors import Stalled
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.embedded import broker_for
from streams.runtime.kafka import Sender
from streams.runtime.worker import Worker
from streams.settings import Settings
from streams.web.serve import serve_views

_T = TypeVar("_T")

SENT = ("metrics", "events", "actions", "goals", "commands")
"""Logical topics to which the demo's producers and users write."""
READY_SECONDS = 40.0
"""Longest wait for the worker to join its group."""
DRAIN_SECONDS = 20.0
"""Longest wait, after the last reading, for everything that follows from it."""
QUIET_SECONDS = 1.0
"""Silence on all topics after which nothing more is expected."""


@dataclass(frozen=True, slots=True)
class Result:
    """How the demo went."""

    figures: dict[str, int | float]
    lines: dict[str, str]
    faults: list[str]
    """What is not as it must be; empty when all went well."""


async def run_demo(
    settings: Settings,
    seconds: float,
    console: Console,
    afterwards: Callable[[Result], Coroutine[Any, Any, None]],
) -> None:
    """Replay all series in ``seconds`` and await ``afterwards`` while all is still up.

    ``settings`` are those of ``demo_settings``. Raises what brought the worker down, Stalled
    when it does not get ready, and ConfigError when the views cannot be served.
    """
    console.print("Starting broker, worker and views in this process ...", style="dim")
    async with _stage(settings, seconds) as stage:
        taken = settings.web.port != stage.settings.web.port
        why = f" (port {settings.web.port} is taken)" if taken else ""
        console.print(f"views   {stage.views}/tables{why}", highlight=False)
        broker = stage.settings.kafka.bootstrap
        console.print(f"broker  {broker} (embedded: all in memory)", highlight=False)
        result = await stage.play(console)
        _show(console, result)
        await stage.alongside(afterwards(result))


class _Stage:
    """Everything that runs. ``running`` starts it; the other methods are for then."""

    sender: Sender
    observer: Observer
    _reading: asyncio.Task[None]

    def __init__(self, settings: Settings, seconds: float) -> None:
        self.settings = settings
        self._readings = timeline(RESOURCES)
        start, end = self._readings[0].timestamp, self._readings[-1].timestamp
        self._clock = ReplayClock(start, end, seconds, time.monotonic)
        self._plant = Plant(RESOURCES)
        self._ledger = Ledger({resource.metric for resource in RESOURCES})
        self.worker = Worker(settings, handlers=self._plant.handlers(), now_ms=self._clock.now_ms)
        self.views = ""
        """Where the views are served."""

    async def ready(self) -> None:
        """Return when the worker has its partitions."""
        deadline = time.monotonic() + READY_SECONDS
        while self.worker.phase != "running":
            if self.worker.failure is not None:
                raise self.worker.failure
            if time.monotonic() > deadline:
                raise Stalled(
                    f"the worker is {self.worker.phase} after {READY_SECONDS:.0f} s",
                    remedy="stop other work on this machine, then try again",
                )
            await asyncio.sleep(TICK_SECONDS)

    async def play(self, console: Console) -> Result:
        """The replay, and all that follows from it."""
        pace = ClockGate(self.worker.views, time.monotonic)
        replay = Replay(self._readings, self._clock, self.sender, self._plant, pace)
        began, cpu = time.monotonic(), time.process_time()
        with Screen(console, self._ledger, self._plant, self._clock, self._rates) as screen:
            await self.alongside(replay.run(screen.tick))
            last = await self.alongside(self._drained(replay))
        cost = Cost(last - began, time.process_time() - cpu)
        sent, bad = self.sender.sent, replay.bad
        level = self.worker.core.forecasting.level
        return Result(
            figures(self._ledger, cost),
            sentences(self._ledger, cost, bad, level, self._rates()),
            faults(self._ledger, sent, bad),
        )

    def _rates(self) -> dict[str, Successes]:
        return success_rates(self.worker.views.get)

    async def _drained(self, replay: Replay) -> float:
        """Wait for the answers to all that was sent; the moment at which the last one came."""
        ledger, deadline = self._ledger, time.monotonic() + DRAIN_SECONDS
        read, last = self.observer.read, time.monotonic()
        while time.monotonic() < deadline:
            await asyncio.sleep(TICK_SECONDS)
            replay.report(self._clock.now_ms())
            if self.observer.read != read:
                read, last = self.observer.read, time.monotonic()
            quiet = time.monotonic() - last > QUIET_SECONDS
            if quiet and not faults(ledger, self.sender.sent, replay.bad):
                break
        return last

    async def alongside(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of ``work``, or the error that ended the worker or the reader before."""
        task = asyncio.create_task(work)
        companions = {asyncio.create_task(self.worker.wait()), self._reading}
        try:
            await asyncio.wait({task, *companions}, return_when=asyncio.FIRST_COMPLETED)
            for companion in companions:
                if companion.done():
                    companion.result()
            return await task
        finally:
            task.cancel()
            for companion in companions - {self._reading}:
                companion.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All parts started; stopped in reverse order."""
        settings = self.settings
        client, topology = settings.librdkafka(), topology_of(settings)
        async with AsyncExitStack() as stack:
            registry = stack.enter_context(opened_registry(settings))
            await self.worker.start()
            stack.push_async_callback(self.worker.stop)
            self.views = await stack.enter_async_context(serve_views(self.worker))
            self.sender = Sender(client, topology, registry, SENT)
            stack.push_async_callback(asyncio.to_thread, self.sender.finish)
            await asyncio.to_thread(self.sender.prepare)
            self.observer = Observer(client, topology, registry, self._ledger)
            stack.push_async_callback(self.observer.stop)
            await self.ready()
            self._reading = asyncio.create_task(self.observer.run(), name="observer")
            stack.push_async_callback(_cancelled, self._reading)
            yield


@asynccontextmanager
async def _stage(settings: Settings, seconds: float) -> AsyncIterator[_Stage]:
    with broker_for(_with_free_port(settings)) as reachable:
        stage = _Stage(reachable, seconds)
        async with stage.running():
            yield stage


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _with_free_port(settings: Settings) -> Settings:
    """``settings`` as they are, or with any free port for the views where theirs is taken."""
    web = settings.web
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        socket.create_server((web.host, web.port), family=family).close()
    except OSError:
        return settings.model_copy(update={"web": web.model_copy(update={"port": 0})})
    return settings


def _show(console: Console, result: Result) -> None:
    console.print()
    console.print(panel(result.lines))
    for fault in result.faults:
        console.print(f"not as it must be: {fault}", style="red")
