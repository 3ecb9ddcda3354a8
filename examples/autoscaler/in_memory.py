"""The engine's core without a broker: what it asks for is carried out and told it at once."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np

from examples.autoscaler.handlers import handlers
from examples.autoscaler.service import Fleet, Service
from examples.autoscaler.tally import Tally
from streams.core.kernel.batch import MetricBatch, Positioned, series_key
from streams.core.kernel.emission import Dispatch
from streams.core.kernel.store import NothingStored
from streams.core.outcomes.build import interpret, outcome_for
from streams.core.partition import Applied, Partition
from streams.records import Metric, Outcome, Record
from streams.settings import Settings

SOURCES = ("actions", "outcomes")
"""Topics that the engine reads of what it writes itself."""


class InMemory:
    """One partition, and handlers that act while it waits."""

    def __init__(self, fleet: Fleet, settings: Settings, tell: Callable[[Service], None]) -> None:
        """``tell`` is called after each step of a service."""
        self._tell = tell
        self.tally = Tally()
        self._fleet = fleet
        self._handlers = handlers(fleet)
        config = settings.core(self._handlers.catalogue())
        self._partition = Partition(0, config, NothingStored())
        self._offsets: Counter[str] = Counter()

    def run(self) -> None:
        """Live through all loads."""
        with asyncio.Runner() as runner:
            while self._fleet.running:
                self._step(runner)

    def _step(self, runner: asyncio.Runner) -> None:
        metrics = [metric for service in self._fleet.running for metric in service.measure()]
        waiting = deque(self._taken(self._partition.apply_metrics(self._batch(metrics)), runner))
        while waiting:
            source, record = waiting.popleft()
            positioned = Positioned(self._next(source), record)
            waiting += self._taken(self._partition.apply(source, [positioned]), runner)
        for service in self._fleet.running:
            service.end_step()
            self._tell(service)

    def _taken(self, applied: Applied, runner: asyncio.Runner) -> list[tuple[str, Record]]:
        """What the partition is to be fed next; an action's outcome comes after all else."""
        for emission in applied.emissions:
            self.tally.take(emission.record)
        if applied.rejections:
            raise RuntimeError(f"the engine refuses a record: {applied.rejections[0].detail}")
        back = [(each.topic, each.record) for each in applied.emissions if each.topic in SOURCES]
        outcomes = [runner.run(self._carried_out(each)) for each in applied.dispatches]
        for outcome in outcomes:
            self.tally.take(outcome)
        return [*back, *(("outcomes", outcome) for outcome in outcomes)]

    async def _carried_out(self, dispatch: Dispatch) -> Outcome:
        action = dispatch.action
        handler = self._handlers.find(action.action_type)
        assert handler is not None  # the catalogue has the handlers' own types
        returned = handler.run(dict(action.params), action.goal_id)
        return outcome_for(
            action,
            interpret(await returned if inspect.isawaitable(returned) else returned),
            start_time=action.timestamp,
            end_time=action.timestamp,
            duration_ms=0.0,
            agent_name="autoscaler",
            agent_type="worker",
            run_id=action.plan_id or action.action_id,
        )

    def _batch(self, metrics: Sequence[Metric]) -> MetricBatch:
        return MetricBatch(
            offsets=np.array([self._next("metrics") for _ in metrics], np.int64),
            timestamps=np.array([metric.timestamp for metric in metrics], np.int64),
            values=np.array([metric.value for metric in metrics], np.float64),
            keys=[series_key(metric.entity_id, metric.name) for metric in metrics],
            entity_types=[metric.entity_type for metric in metrics],
            correlation_ids=[metric.correlation_id for metric in metrics],
        )

    def _next(self, source: str) -> int:
        self._offsets[source] += 1
        return self._offsets[source] - 1
