"""The engine as a whole: how it stands, what it has done, what it has learned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec

from streams.core.capacity.capacity_report import CapacityReport
from streams.core.safety.modes import Mode
from streams.records import GoalStatus, Plan, Prediction, Priority, SystemState
from streams.web.group.records import as_record
from streams.web.group.rows import ScopeRequest
from streams.web.group.source import ViewSource
from streams.web.group.summaries import (
    Control,
    Execution,
    ExecutorStatistics,
    ForecastingSummary,
    GoalTotals,
    LearningInsights,
    PatternTotals,
    control_of,
    counters_of,
    counts,
    executions_of,
    executor_of,
    forecasting_of,
    goals_of,
    learning_of,
    next_plans,
    patterns_of,
)
from streams.web.group.sweep import Sweep, Swept, all_complete, all_unavailable
from streams.web.http.answers import Events
from streams.web.http.requests import now_ms, out_of_range
from streams.web.http.routing import AUTONOMOUS, FORECASTING, at

_STATUS = ("goals", "plans", "achievements", "autonomy", "learning", "predictions", "patterns")
_GOALS = ("goals", "achievements")
_FORECAST = (*_GOALS, "autonomy", "predictions", "patterns", "states")
_LIVE_MAX = 3600.0
_STATES = tuple(SystemState)
_Found = Mapping[str, Swept]


class AgentStatistics(msgspec.Struct, frozen=True, kw_only=True):
    uptime_seconds: float
    """Of the worker that answers."""
    goals_created: int
    goals_executed: int
    """Plans that were carried out and ended."""
    goals_achieved: int
    total_predictions: int
    """Predictions made so far."""
    total_actions: int
    """Actions of plans that ended, whatever came of them."""
    start_time: int
    """Of the worker that answers, ms."""


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The engine at a glance."""

    running: bool
    autonomous_mode: bool
    mode: Mode
    control: Control
    halted: str
    """Why no action of a plan starts on the worker that answers; empty when they do."""
    uptime_seconds: float
    statistics: AgentStatistics
    active_goals: int
    goals_by_priority: dict[str, int]
    forecasting: ForecastingSummary
    executor: ExecutorStatistics
    last_analysis_time: int | None
    """Event time, ms; null before the first."""
    complete: bool
    """Whether nothing is missing."""
    unavailable: list[str]


class ForecastingReport(msgspec.Struct, frozen=True, kw_only=True):
    timestamp: int
    statistics: ForecastingSummary
    patterns: PatternTotals
    prediction: object
    """The worst predicted state, of all entities or of the one asked for; null without any."""
    goals: GoalTotals
    capacity_report: CapacityReport
    complete: bool
    unavailable: list[str]


class ExecutorState(msgspec.Struct, frozen=True, kw_only=True):
    statistics: ExecutorStatistics
    scheduled_plans: list[Plan]
    """The next ones, 20 at most."""
    recent_executions: list[Execution]
    """The latest first, 20 at most."""
    learning_insights: LearningInsights
    running: bool


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at once."""

    agent_status: StatusAnswer
    goals: GoalTotals
    forecasting_report: ForecastingReport
    executor_state: ExecutorState
    learning_insights: LearningInsights
    complete: bool
    unavailable: list[str]


class LiveCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the live view."""

    timestamp: int
    active_goals: int
    goals_created: int
    goals_achieved: int
    complete: bool


class LiveRequest(ScopeRequest, frozen=True, kw_only=True):
    """How often the live view says something."""

    seconds: float = 10.0
    """Between two lines, 1 to 3600."""


class Reports:
    """The routes that only read; those over all entities read up to a bound and say so."""

    def __init__(self, source: ViewSource, sweep: Sweep) -> None:
        self._source = source
        self._sweep = sweep
        self._started = now_ms()

    @at("GET", f"{AUTONOMOUS}/status")
    async def status(self, query: ScopeRequest, local: bool) -> StatusAnswer:
        """How it stands."""
        found, control = await self._read(_STATUS, query.entity_id, local)
        return self._status(found, control)

    @at("GET", f"{AUTONOMOUS}/report")
    async def report(self, query: ScopeRequest, local: bool) -> ReportAnswer:
        """Everything at once."""
        found, control = await self._read((*_STATUS, "states"), query.entity_id, local)
        status = self._status(found, control)
        insights = learning_of(found["learning"], self._source.autonomy())
        plans = [as_record(row, Plan) for row in found["plans"].rows]
        forecasting = self._forecasting(found)
        return ReportAnswer(
            agent_status=status,
            goals=forecasting.goals,
            forecasting_report=forecasting,
            executor_state=ExecutorState(
                statistics=status.executor,
                scheduled_plans=next_plans(plans),
                recent_executions=executions_of(plans),
                learning_insights=insights,
                running=status.running,
            ),
            learning_insights=insights,
            complete=status.complete and forecasting.complete,
            unavailable=all_unavailable(found),
        )

    @at("GET", f"{FORECASTING}/report")
    async def forecasting_report(self, query: ScopeRequest, local: bool) -> ForecastingReport:
        """Forecasts, patterns and goals in one."""
        return self._forecasting(await self._sweep.read(_FORECAST, query.entity_id, local=local))

    @at("GET", f"{AUTONOMOUS}/executor/statistics")
    async def executor_statistics(self, query: ScopeRequest, local: bool) -> ExecutorStatistics:
        """Plans carried out."""
        tables = ("autonomy", "plans", "learning")
        return executor_of(await self._sweep.read(tables, query.entity_id, local=local))

    @at("GET", f"{AUTONOMOUS}/executor/insights")
    async def executor_insights(self, query: ScopeRequest, local: bool) -> LearningInsights:
        """What was learned."""
        found = await self._sweep.read(["learning"], query.entity_id, local=local)
        return learning_of(found["learning"], self._source.autonomy())

    @at("GET", f"{AUTONOMOUS}/live")
    async def live(self, query: LiveRequest, local: bool) -> Events[LiveCounts]:
        """Counts of goals as they change."""
        if not 1 <= query.seconds <= _LIVE_MAX:
            raise out_of_range("seconds", query.seconds, f"use 1 to {_LIVE_MAX:g}")
        return Events(self._counted(query, await self._counts(query, local), local))

    async def _counted(
        self, asked: LiveRequest, first: LiveCounts, local: bool
    ) -> AsyncIterator[LiveCounts]:
        yield first
        while True:
            await asyncio.sleep(asked.seconds)
            yield await self._counts(asked, local)

    async def _counts(self, asked: LiveRequest, local: bool) -> LiveCounts:
        found = await self._sweep.read(_GOALS, asked.entity_id, local=local)
        totals = goals_of(found["goals"], found["achievements"])
        return LiveCounts(
            timestamp=now_ms(),
            active_goals=totals.active_goals,
            goals_created=totals.total_goals,
            goals_achieved=totals.achieved_goals,
            complete=all_complete(found),
        )

    async def _read(
        self, tables: tuple[str, ...], entity_id: str | None, local: bool
    ) -> tuple[_Found, Swept]:
        """The tables, those of one entity when given, and the controls of all partitions."""
        found, control = await asyncio.gather(
            self._sweep.read(tables, entity_id, local=local),
            self._sweep.read(["control"], local=local),
        )
        return found, control["control"]

    def _status(self, found: _Found, controls: Swept) -> StatusAnswer:
        control = control_of(controls, self._source.autonomy(), self._source.partition_count())
        pursued = [row for row in found["goals"].rows if GoalStatus(row["status"]).is_open]
        totals = goals_of(found["goals"], found["achievements"])
        counted, forecasting = counters_of(found["autonomy"]), forecasting_of(found)
        uptime = (now_ms() - self._started) / 1000
        return StatusAnswer(
            running=control.running,
            autonomous_mode=control.autonomous,
            mode=control.mode,
            control=control,
            halted=self._source.halted(),
            uptime_seconds=uptime,
            statistics=AgentStatistics(
                uptime_seconds=uptime,
                goals_created=totals.total_goals,
                goals_executed=counted.executions,
                goals_achieved=totals.achieved_goals,
                total_predictions=counted.predictions,
                total_actions=counted.actions_done + counted.actions_failed,
                start_time=self._started,
            ),
            active_goals=len(pursued),
            goals_by_priority=counts(Priority, (row["priority"] for row in pursued)),
            forecasting=forecasting,
            executor=executor_of(found),
            last_analysis_time=forecasting.last_analysis_time,
            complete=all_complete(found) and controls.complete,
            unavailable=sorted({*all_unavailable(found), *controls.unavailable}),
        )

    def _forecasting(self, found: _Found) -> ForecastingReport:
        states = found["states"].rows
        parts = {name: found[name] for name in _FORECAST}
        return ForecastingReport(
            timestamp=now_ms(),
            statistics=forecasting_of(found),
            patterns=patterns_of(found["patterns"]),
            prediction=max(states, key=_badness, default=None),
            goals=goals_of(found["goals"], found["achievements"]),
            capacity_report=self._source.capacity_report(),
            complete=all_complete(parts),
            unavailable=all_unavailable(parts),
        )


def _badness(row: object) -> tuple[int, float]:
    """What predicted states are ordered by: the worst is the largest."""
    prediction = msgspec.convert(row, Prediction)
    return _STATES.index(SystemState(prediction.predicted_state)), prediction.probability
