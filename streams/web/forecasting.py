"""Forecasts of one series and their accuracy, by the worker that owns it, whichever is asked."""

from __future__ import annotations

import math
import time
from functools import cached_property
from urllib.parse import unquote

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from streams.core.kernel.batch import IntArray
from streams.core.kernel.model_results import RunningAccuracy, SeriesForecast
from streams.web.answers import Refused, Shortfall, answer
from streams.web.forecast_messages import (
    HORIZON_DEFAULT,
    HORIZON_MAX,
    AccuracyAnswer,
    ForecastAnswer,
    ForecastMetadata,
    ForecastRequest,
    HealthAnswer,
    HorizonAccuracy,
    SeriesRequest,
)
from streams.web.forecast_methods import Methods
from streams.web.peers import PeerDirectory, is_hop
from streams.web.relay import Relay
from streams.web.requests import body_as, message_of, query, query_as, query_of
from streams.web.source import ViewSource, status_of

PREFIX = "/api/forecasting"
STEPS_MAX = 10_080
"""Longest horizon in steps, however few hours they are: a week of minutes."""
RECENT = 72
_HOUR_MS = 3_600_000


class Forecasting:
    """The routes that tell of the future of a series; none of them changes anything."""

    def __init__(self, source: ViewSource, peers: PeerDirectory | None, *, writable: bool) -> None:
        """``writable`` is what the health answer says of the routes that write."""
        self._source = source
        self._relay = Relay(source, peers)
        self._writable = writable

    @cached_property
    def _methods(self) -> Methods:
        return Methods(self._source.methods())

    async def health(self, request: Request) -> Response:
        query(request, ())
        live = self._source.live()
        body = HealthAnswer(
            status=status_of(live, self._source.ready()),
            timestamp=time.time_ns() // 1_000_000,
            methods=list(self._methods.running),
            writable=self._writable,
        )
        return answer(body, 200 if live.ok else 503)

    async def methods(self, request: Request) -> Response:
        query(request, ())
        return answer(self._methods.answer())

    async def capacity(self, request: Request) -> Response:
        query(request, ())
        return answer(self._source.capacity_report())

    async def forecast(self, request: Request) -> Response:
        return await self._forecast(request, query_as(request, ForecastRequest))

    async def post_forecast(self, request: Request) -> Response:
        query(request, ())
        return await self._forecast(request, await body_as(request, ForecastRequest))

    async def accuracy(self, request: Request) -> Response:
        return await self._accuracy(request, query_as(request, SeriesRequest))

    async def accuracy_of(self, request: Request) -> Response:
        """The path names the series; a slash inside the entity stands as %2F, as in keys."""
        query(request, ())
        named = {name: unquote(part) for name, part in request.path_params.items()}
        return await self._accuracy(request, message_of(named, SeriesRequest, strict=True))

    async def _forecast(self, request: Request, asked: ForecastRequest) -> Response:
        if asked.horizon is not None and asked.horizon_hours is not None:
            raise Refused(
                422,
                "two horizons",
                field="horizon_hours",
                value=asked.horizon_hours,
                remedy="give horizon (steps) or horizon_hours, not both",
            )
        there = await self._relay.ask(
            asked.entity_id,
            f"{PREFIX}/forecast",
            query_of(asked),
            ForecastAnswer,
            local=is_hop(request),
        )
        return answer(there or self._forecast_here(asked))

    def _forecast_here(self, asked: ForecastRequest) -> ForecastAnswer:
        entity, metric, level = asked.entity_id, asked.metric_name, asked.confidence_level
        method = self._methods.forecaster(asked.method)
        history = self._source.history(entity, metric)
        usual = self._source.forecast(entity, metric, 1, level, "")
        if usual is None:
            raise _too_short(asked, self._source.min_points(), history.points)
        steps = _steps(asked, usual.step_ms)
        forecast = self._source.forecast(entity, metric, steps, level, method)
        if forecast is None:
            raise _not_ready(asked)
        accuracy = self._source.accuracy(entity, metric)
        shown = _shown(steps)
        bounds = zip(forecast.lower[shown].tolist(), forecast.upper[shown].tolist(), strict=True)
        step_ms = forecast.step_ms
        return ForecastAnswer(
            entity_id=entity,
            metric_name=metric,
            method=forecast.method,
            forecast_horizon=steps,
            predictions=forecast.mean[shown].tolist(),
            confidence_intervals=list(bounds),
            prediction_timestamps=(
                (history.newest + (shown + 1) * step_ms).tolist() if step_ms else []
            ),
            confidence_level=level,
            mae=accuracy.models.get(forecast.method),
            rmse=accuracy.rmse if forecast.method == usual.method else None,
            recent=list(history.recent)[-RECENT:],
            metadata=_metadata(forecast, _stride(steps), history.newest),
        )

    async def _accuracy(self, request: Request, asked: SeriesRequest) -> Response:
        there = await self._relay.ask(
            asked.entity_id,
            f"{PREFIX}/accuracy",
            query_of(asked),
            AccuracyAnswer,
            local=is_hop(request),
        )
        return answer(there or self._accuracy_here(asked))

    def _accuracy_here(self, asked: SeriesRequest) -> AccuracyAnswer:
        accuracy = self._source.accuracy(asked.entity_id, asked.metric_name)
        return AccuracyAnswer(
            entity_id=asked.entity_id,
            metric_name=asked.metric_name,
            points=accuracy.points,
            mae=accuracy.mae,
            rmse=accuracy.rmse,
            mape=accuracy.mape,
            convergence=accuracy.convergence,
            horizon_evaluated=_evaluated(accuracy),
            models=accuracy.models,
            horizons=[HorizonAccuracy(**at._asdict()) for at in accuracy.horizons if at.scored],
        )


def _steps(asked: ForecastRequest, step_ms: int) -> int:
    """The horizon in steps of the series."""
    hours = asked.horizon_hours
    if hours is None:
        return asked.horizon or HORIZON_DEFAULT
    if not step_ms:
        raise Refused(
            409,
            "the time step of this series is not known: its timestamps show none",
            field="horizon_hours",
            value=hours,
            remedy="use horizon, which counts steps",
        )
    steps = math.ceil(hours * _HOUR_MS / step_ms)
    if steps > STEPS_MAX:
        raise Refused(
            422,
            f"too far: {steps} steps of {step_ms} ms",
            field="horizon_hours",
            value=hours,
            remedy=f"use at most {STEPS_MAX} steps ({STEPS_MAX * step_ms / _HOUR_MS:.3g} h), "
            "or horizon, which counts steps",
        )
    return steps


def _stride(steps: int) -> int:
    return math.ceil(steps / HORIZON_MAX)


def _shown(steps: int) -> IntArray:
    """Which of the steps (from 0) are given: evenly spaced, at most HORIZON_MAX, the last one
    always."""
    return np.arange(steps - 1, -1, -_stride(steps), dtype=np.int64)[::-1]


def _metadata(forecast: SeriesForecast, stride: int, newest: int) -> ForecastMetadata:
    return ForecastMetadata(
        members=forecast.members,
        step_ms=forecast.step_ms,
        stride=stride,
        points=forecast.points,
        newest_timestamp=newest,
        coverage=forecast.coverage,
        promised_coverage=forecast.promised,
        confidence=forecast.confidence,
    )


def _evaluated(accuracy: RunningAccuracy) -> int | None:
    scored = [at.horizon for at in accuracy.horizons if at.scored]
    if accuracy.mae is not None:
        scored.append(1)
    return max(scored, default=None)


def _too_short(asked: ForecastRequest, need: int, have: int) -> Refused:
    if have >= need:
        return _not_ready(asked)
    return Refused(
        409,
        f"insufficient history: a forecast needs {need} values, there are {have}",
        field="metric_name",
        value=asked.metric_name,
        remedy=f"send {need - have} more",
        history=Shortfall(need, have),
    )


def _not_ready(asked: ForecastRequest) -> Refused:
    return Refused(
        409,
        "the method has not learned enough of this series yet",
        field="method",
        value=asked.method,
        remedy="send more values, or leave the method out: the first that is ready answers then",
    )
