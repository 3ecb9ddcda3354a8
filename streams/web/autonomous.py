"""The engine as a whole: how it stands, what it has done, what it has learned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from streams.records import Plan, Prediction, SystemState
from streams.web.answers import SECURITY_HEADERS, Refused, answer
from streams.web.autonomous_goals import open_goals
from streams.web.control_messages import (
    AgentStatistics,
    ExecutorState,
    ForecastingReport,
    LiveCounts,
    LiveRequest,
    ReportAnswer,
    ScopeRequest,
    StatusAnswer,
)
from streams.web.entity_rows import as_record
from streams.web.ingest import now_ms
from streams.web.requests import query_as
from streams.web.source import ViewSource
from streams.web.summaries import (
    control_of,
    counters_of,
    executions_of,
    executor_of,
    forecasting_of,
    goals_of,
    learning_of,
    next_plans,
    patterns_of,
)
from streams.web.sweep import Sweep, Swept, all_complete, all_unavailable

_STATUS = ("goals", "plans", "achievements", "autonomy", "learning", "predictions", "patterns")
_GOALS = ("goals", "achievements")
_FORECASTING = (*_GOALS, "autonomy", "predictions", "patterns", "states")
_LIVE_MAX = 3600.0
_STATES = tuple(SystemState)
_Found = Mapping[str, Swept]


class Autonomous:
    """The routes that only read; those over all entities read up to a bound and say so."""

    def __init__(self, source: ViewSource, sweep: Sweep) -> None:
        self._source = source
        self._sweep = sweep
        self._started = now_ms()

    async def status(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        found, control = await self._read(request, _STATUS, asked.entity_id)
        return answer(self._status(found, control))

    async def report(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        tables = (*_STATUS, "states")
        found, control = await self._read(request, tables, asked.entity_id)
        status = self._status(found, control)
        insights = learning_of(found["learning"], self._source.autonomy())
        plans = [as_record(row, Plan) for row in found["plans"].rows]
        forecasting = self._forecasting(found)
        body = ReportAnswer(
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
        return answer(body)

    async def forecasting_report(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        return answer(
            self._forecasting(await self._sweep.read(request, _FORECASTING, asked.entity_id))
        )

    async def executor_statistics(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        tables = ("autonomy", "plans", "learning")
        return answer(executor_of(await self._sweep.read(request, tables, asked.entity_id)))

    async def executor_insights(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        found = await self._sweep.read(request, ["learning"], asked.entity_id)
        return answer(learning_of(found["learning"], self._source.autonomy()))

    async def live(self, request: Request) -> Response:
        """Server-sent events with the counts of goals, for as long as the reader stays."""
        asked = query_as(request, LiveRequest)
        if not 1 <= asked.seconds <= _LIVE_MAX:
            raise Refused(
                422,
                "out of range",
                field="seconds",
                value=asked.seconds,
                remedy=f"use 1 to {_LIVE_MAX:g}",
            )
        first = await self._counts(request, asked)
        return StreamingResponse(
            self._lines(request, asked, first),
            media_type="text/event-stream",
            headers=SECURITY_HEADERS,
        )

    async def _lines(
        self, request: Request, asked: LiveRequest, counted: LiveCounts
    ) -> AsyncIterator[bytes]:
        while True:
            yield b"data: " + msgspec.json.encode(counted) + b"\n\n"
            await asyncio.sleep(asked.seconds)
            counted = await self._counts(request, asked)

    async def _counts(self, request: Request, asked: LiveRequest) -> LiveCounts:
        found = await self._sweep.read(request, _GOALS, asked.entity_id)
        totals = goals_of(found["goals"], found["achievements"])
        return LiveCounts(
            timestamp=now_ms(),
            active_goals=totals.active_goals,
            goals_created=totals.total_goals,
            goals_achieved=totals.achieved_goals,
            complete=all_complete(found),
        )

    async def _read(
        self, request: Request, tables: tuple[str, ...], entity_id: str | None
    ) -> tuple[_Found, Swept]:
        """The tables, those of one entity when given, and the controls of all partitions."""
        found, control = await asyncio.gather(
            self._sweep.read(request, tables, entity_id),
            self._sweep.read(request, ["control"]),
        )
        return found, control["control"]

    def _status(self, found: _Found, controls: Swept) -> StatusAnswer:
        control = control_of(controls, self._source.autonomy(), self._source.partition_count())
        goals = open_goals(found)
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
            active_goals=goals.total_active_goals,
            goals_by_priority=goals.goals_by_priority,
            forecasting=forecasting,
            executor=executor_of(found),
            last_analysis_time=forecasting.last_analysis_time,
            complete=all_complete(found) and controls.complete,
            unavailable=sorted({*all_unavailable(found), *controls.unavailable}),
        )

    def _forecasting(self, found: _Found) -> ForecastingReport:
        states = found["states"].rows
        parts = {name: found[name] for name in _FORECASTING}
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
