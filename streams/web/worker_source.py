"""A worker as the views see it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from streams.core.capacity.capacity_report import CapacityReport, capacity_report
from streams.core.features import build_features
from streams.core.forecasting.registry import create
from streams.core.kernel.commands import CommandSpec
from streams.core.kernel.model_results import RunningAccuracy, SeriesForecast
from streams.core.patterns.learner import Analysis, PatternLearner
from streams.records import Event, Record
from streams.runtime.publisher import Written
from streams.runtime.results import Result
from streams.runtime.views import PARTITION
from streams.runtime.worker import Worker
from streams.web.group.source import AutonomyFacts, Health, History, Page, TableInfo


class WorkerSource:
    """``ViewSource`` over a running worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._views = worker.views
        self._core = worker.core
        self._learner = PatternLearner(self._core.patterns, self._core.zone)
        self._commands = build_features(self._core).commands
        forecasting = self._core.forecasting
        self._methods = [create(name, forecasting).name for name in forecasting.models]

    def known_commands(self) -> Mapping[str, CommandSpec[Any]]:
        return self._commands

    def live(self) -> Health:
        failure = self._worker.failure
        return Health(failure is None, "" if failure is None else str(failure))

    def ready(self) -> Health:
        worker = self._worker
        phase = worker.phase
        detail: dict[str, object] = {"phase": phase, "partitions": sorted(worker.owned())}
        if phase == "recovering":
            changelogs = worker.changelogs
            detail |= {"restored": changelogs.restored, "to_restore": changelogs.expected}
        reason = worker.unready()
        return Health(not reason, reason, detail)

    def tables(self) -> Sequence[TableInfo]:
        return [
            TableInfo(view.name, view.description, view.key, view.key != PARTITION)
            for view in self._views.list()
        ]

    def get(self, table: str, key: str) -> object | None:
        return self._views.get(table, key)

    def scan(self, table: str, after: str, limit: int) -> Page:
        items, more = self._views.scan(table, after, limit)
        return Page(items, items[-1][0] if more else None)

    def order(self, table: str, key: str) -> tuple[str, ...]:
        return self._views.order(table, key)

    def partition_count(self) -> int:
        return self._worker.topology.partitions

    def partition_of(self, entity_id: str) -> int:
        return self._views.partition_of(entity_id)

    def owned(self) -> frozenset[int]:
        return self._worker.owned()

    def entity_of(self, table: str, key: str) -> str | None:
        return self._views.entity_of(table, key)

    def methods(self) -> Sequence[str]:
        return self._methods

    def min_points(self) -> int:
        return self._core.forecasting.min_points

    def history(self, entity: str, metric: str) -> History:
        views = self._views
        return History(
            views.points(entity, metric),
            views.newest(entity, metric),
            views.recent(entity, metric),
        )

    def forecast(
        self, entity: str, metric: str, horizon: int, level: float, method: str
    ) -> SeriesForecast | None:
        return self._views.forecast(entity, metric, horizon, level, method)

    def accuracy(self, entity: str, metric: str) -> RunningAccuracy:
        return self._views.accuracy(entity, metric)

    def capacity_report(self) -> CapacityReport:
        return capacity_report(self._core.known, self._core.states, time.time_ns() // 1_000_000)

    def analyse(self, events: Sequence[Event]) -> Analysis:
        return self._learner.analyse(events)

    def autonomy(self) -> AutonomyFacts:
        core = self._core
        limits = {name: known.limit for name, known in core.metrics.items()}
        return AutonomyFacts(
            autonomous=core.safety.autonomous,
            mode=core.safety.mode.value,
            auto_goal_setting=core.goals.auto_goal_setting,
            analysis_ms=core.forecasting.interval_ms,
            breach_probability=core.goals.breach_probability,
            limits={name: limit for name, limit in limits.items() if limit is not None},
            learning=core.learning.enabled,
            min_samples=core.learning.min_samples,
            actions=frozenset(name for name, spec in core.actions.items() if not spec.agent),
            handlers=frozenset(self._worker.handlers.names()),
        )

    def halted(self) -> str:
        return self._worker.kill_switch.reason()

    def halt(self, reason: str) -> None:
        self._worker.kill_switch.pull(reason)

    def release(self) -> None:
        self._worker.kill_switch.release()

    async def result(
        self, logical: str, partition: int, offset: int, seconds: float
    ) -> Result | None:
        return await self._worker.engine.results.of(logical, partition, offset, seconds)

    async def broadcast(self, logical: str, record: Record) -> Sequence[Written]:
        return await self._worker.publisher.broadcast(logical, record)

    async def publish(self, logical: str, records: Sequence[Record]) -> Sequence[Written]:
        return await self._worker.publisher.publish(logical, records)
