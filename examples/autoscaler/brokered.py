"""The whole engine: an embedded broker, a worker, and services that wait for its answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from examples.autoscaler.handlers import handlers
from examples.autoscaler.replies import Replies
from examples.autoscaler.service import DEMAND, UNITS, UTILISATION, Fleet, Service
from examples.autoscaler.tally import Tally
from streams.errors import Stalled
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.embedded import broker_for
from streams.runtime.kafka import Sender
from streams.runtime.worker import Worker
from streams.settings import Settings

READY_SECONDS = 40.0
"""Longest wait for the worker to join its group."""
ANSWER_SECONDS = 30.0
"""Longest wait for the answers to one step."""
_POLL_SECONDS = 0.05


class Brokered:
    """Lives through all loads at once, each at its own pace: a step ends when all that follows
    from it has been carried out."""

    def __init__(self, fleet: Fleet, settings: Settings, tell: Callable[[Service], None]) -> None:
        """``tell`` is called after each step of a service."""
        self._tell = tell
        self._fleet = fleet
        self._settings = settings
        self._sender: Sender
        self._replies: Replies
        self._worker: Worker

    @property
    def tally(self) -> Tally:
        return self._replies.tally

    async def run(self) -> None:
        """Raises what brought the worker down, and Stalled when answers do not come."""
        with broker_for(self._settings) as reachable:
            async with self._running(reachable):
                await self._alongside(self._live_all())

    async def _live_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for service in self._fleet.services.values():
                    group.create_task(self._live(service))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _live(self, service: Service) -> None:
        while not service.is_over:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._step(service)
            except TimeoutError as error:
                raise self._stalled(service) from error
            service.end_step()
            self._tell(service)

    async def _step(self, service: Service) -> None:
        """Nothing is forecast, so nothing planned, before there are enough values.

        The utilisation is sent last: when it was analysed, what follows from the demand has been
        written, since the engine writes in the order in which it reads.
        """
        name, now = service.load.name, service.now
        metrics = {metric.name: metric for metric in service.measure()}
        self._sender.send("metrics", metrics[UNITS])
        self._sender.send("metrics", metrics[DEMAND])
        answered = service.step + 1 >= self._settings.forecasting.min_points
        if answered:
            await self._replies.forecast(name, DEMAND, now)
        self._sender.send("metrics", metrics[UTILISATION])
        if answered:
            await self._replies.forecast(name, UTILISATION, now)
            await self._replies.settled(name)

    def _stalled(self, service: Service) -> Stalled:
        plans = self.tally.open_plans(service.load.name)
        waits = "; ".join(f"plan {plan.status.value}: {plan.reason}" for plan in plans)
        return Stalled(
            f"no answer to step {service.step} of {service.load.name} within "
            f"{ANSWER_SECONDS:.0f} s ({waits or 'no forecast'})",
            remedy="look at the worker's log",
        )

    def _now_ms(self) -> int:
        """Event time of the service that is furthest behind: no action is too late by it."""
        running = self._fleet.running or self._fleet.services.values()
        return min(service.now for service in running)

    @asynccontextmanager
    async def _running(self, settings: Settings) -> AsyncIterator[None]:
        topology = topology_of(settings)
        async with AsyncExitStack() as stack:
            registry = stack.enter_context(opened_registry(settings))
            self._worker = Worker(settings, handlers=handlers(self._fleet), now_ms=self._now_ms)
            await self._worker.start()
            stack.push_async_callback(self._worker.stop)
            self._sender = Sender(settings.librdkafka(), topology, registry, ["metrics"])
            stack.push_async_callback(asyncio.to_thread, self._sender.finish)
            await asyncio.to_thread(self._sender.prepare)
            self._replies = Replies(settings.kafka.bootstrap, topology, registry)
            stack.push_async_callback(self._replies.stop)
            await self._replies.start()
            await self._ready()
            yield

    async def _ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while self._worker.phase != "running":
            if self._worker.failure is not None:
                raise self._worker.failure
            if time.monotonic() > deadline:
                raise Stalled(
                    f"the worker is {self._worker.phase} after {READY_SECONDS:.0f} s",
                    remedy="stop other work on this machine, then try again",
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _alongside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work``, or raise the error that ends the worker or the reader before."""
        task = asyncio.create_task(work)
        companions = {
            asyncio.create_task(self._worker.wait()),
            asyncio.create_task(self._replies.run()),
        }
        try:
            await asyncio.wait({task, *companions}, return_when=asyncio.FIRST_COMPLETED)
            for companion in companions:
                if companion.done():
                    companion.result()
            await task
        finally:
            for each in (task, *companions):
                each.cancel()
            await asyncio.gather(task, *companions, return_exceptions=True)
