"""Forecasts of one series, by the worker that owns it, whichever is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from streams.core.capacity.capacity_report import CapacityReport
from streams.core.forecasting.methods import CATALOGUE, NEEDS_LIBRARY, methods, resolve
from streams.core.kernel.batch import IntArray
from streams.core.kernel.model_results import SeriesForecast
from streams.errors import UnknownName
from streams.web.group.relay import Relay, SeriesRequest
from streams.web.group.rows import HORIZON_MAX, Hours
from streams.web.group.source import ViewSource, status_of
from streams.web.http.answers import Answer
from streams.web.http.errors import Refused, Shortfall
from streams.web.http.requests import now_ms, query_of
from streams.web.http.routing import FORECASTING, at

HORIZON_DEFAULT = 24
STEPS_MAX = 10_080
"""Longest horizon in steps, however few hours they are: a week of minutes."""
RECENT = 72
_HOUR_MS = 3_600_000

Steps = Annotated[int, Meta(ge=1, le=HORIZON_MAX)]
Level = Annotated[float, Meta(gt=0, lt=1)]


class ForecastRequest(SeriesRequest, frozen=True, kw_only=True):
    """Which series is to be forecast, how, and how far."""

    method: str = ""
    """One of GET /api/forecasting/methods. Empty: the first configured one that is ready, which
    is the ensemble unless configured otherwise."""
    horizon: Steps | None = None
    """In steps of the series; 24 when neither this nor horizon_hours is given."""
    horizon_hours: Hours | None = None
    """In hours instead: converted with the time step of the series."""
    confidence_level: Level = 0.95
    """Share of the values that the intervals hold."""


class ForecastMetadata(msgspec.Struct, frozen=True, kw_only=True):
    members: tuple[str, ...]
    """What the method combines, heaviest first."""
    step_ms: int
    """Time between two steps; 0 when the timestamps do not show one."""
    stride: int
    """Steps between two predictions."""
    points: int
    """Values learned."""
    newest_timestamp: int
    """Event time of the newest value, ms."""
    coverage: float
    """Running share of values inside the interval that was given for them."""
    promised_coverage: float
    """The share that should have been inside."""
    confidence: float
    """0..1, how far the intervals can be taken at their word."""


class ForecastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Expected values of one series with their intervals, nearest first."""

    entity_id: str
    metric_name: str
    method: str
    """The forecaster that was asked."""
    forecast_horizon: int
    """Steps up to the last prediction."""
    predictions: list[float]
    confidence_intervals: list[tuple[float, float]]
    """Lower and upper bound of each prediction."""
    prediction_timestamps: list[int]
    """Of each prediction, ms; empty when the time step is not known."""
    confidence_level: float
    mae: float | None
    """Running mean absolute one-step error of the method; null before the first score."""
    rmse: float | None
    """Running root mean square one-step error of the default method; null for others."""
    recent: list[float]
    """The newest values, oldest first, 72 at most."""
    metadata: ForecastMetadata


class MethodAnswer(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Name in requests."""
    runs: str
    """The forecaster that it stands for; empty when there is none."""
    running: bool
    """Whether it can be asked now."""
    about: str = ""
    reason: str = ""
    """Why it does not run."""
    remedy: str = ""


class MethodsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The forecasting methods that can be named, and which of them run."""

    default: str
    methods: list[MethodAnswer]


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    """ok, not_ready or failing."""
    timestamp: int
    """Now, ms."""
    methods: list[str]
    """Forecasters that run."""
    writable: bool
    """Whether metrics and events may be posted: only with a token."""


class Methods:
    """Method names of requests over the forecasters that run. Made once: they do not change."""

    def __init__(self, running: Sequence[str]) -> None:
        self.running = tuple(running)
        self._about = {method.name: method.about for method in CATALOGUE}
        names = dict.fromkeys([*running, *self._about, *methods(), *NEEDS_LIBRARY])
        self._known = {name: self._described(name) for name in names}

    def answer(self) -> MethodsAnswer:
        """All that are known, those that run by default first."""
        return MethodsAnswer(default=self.running[0], methods=list(self._known.values()))

    def forecaster(self, method: str) -> str:
        """The running forecaster that a requested method stands for; "" for the default.

        Raises Refused, listing the methods that can be asked.
        """
        known = self._known.get(method)
        if not method:
            return ""
        if known is not None and known.running:
            return known.runs
        usable = ", ".join(name for name, found in self._known.items() if found.running)
        raise Refused(
            400,
            known.reason if known else "no such method",
            field="method",
            value=method,
            remedy=f"use one of {usable}" + (f"; or {known.remedy}" if known else ""),
        )

    def _described(self, name: str) -> MethodAnswer:
        about = self._about.get(name, "")
        try:
            runs = resolve(name, self.running)
        except UnknownName as error:
            return MethodAnswer(
                name=name,
                runs="",
                running=False,
                about=about,
                reason=error.message,
                remedy=error.remedy,
            )
        if runs in self.running:
            return MethodAnswer(name=name, runs=runs, running=True, about=about)
        return MethodAnswer(
            name=name,
            runs=runs,
            running=False,
            about=about,
            reason="this method does not run",
            remedy=f"add {runs} to forecasting.models",
        )


class Forecasts:
    """The routes that tell of the future of a series; none of them changes anything."""

    def __init__(self, source: ViewSource, relay: Relay, *, writable: bool) -> None:
        """``writable`` is what the health answer says of the routes that write."""
        self._source = source
        self._relay = relay
        self._writable = writable

    @cached_property
    def _methods(self) -> Methods:
        return Methods(self._source.methods())

    @at("GET", f"{FORECASTING}/health", 200, 503)
    async def health(self) -> Answer[HealthAnswer]:
        """State of the API."""
        live = self._source.live()
        body = HealthAnswer(
            status=status_of(live, self._source.ready()),
            timestamp=now_ms(),
            methods=list(self._methods.running),
            writable=self._writable,
        )
        return Answer(body, 200 if live.ok else 503)

    @at("GET", f"{FORECASTING}/methods")
    async def methods(self) -> MethodsAnswer:
        """Methods by name."""
        return self._methods.answer()

    @at("GET", f"{FORECASTING}/capacity")
    async def capacity(self) -> CapacityReport:
        """What every resource can carry."""
        return self._source.capacity_report()

    @at("GET", f"{FORECASTING}/forecast")
    async def forecast(self, query: ForecastRequest, local: bool) -> ForecastAnswer:
        """Forecast of one series."""
        return await self._forecast(query, local)

    @at("POST", f"{FORECASTING}/forecast")
    async def post_forecast(self, body: ForecastRequest, local: bool) -> ForecastAnswer:
        """The same, asked for in a body."""
        return await self._forecast(body, local)

    async def _forecast(self, asked: ForecastRequest, local: bool) -> ForecastAnswer:
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
            f"{FORECASTING}/forecast",
            query_of(asked),
            ForecastAnswer,
            local=local,
        )
        return there or self._forecast_here(asked)

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
