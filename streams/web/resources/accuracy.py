"""How good the forecasts of one series were, by the worker that owns it."""

from __future__ import annotations

import msgspec

from streams.core.kernel.model_results import RunningAccuracy
from streams.web.group.relay import Relay, SeriesRequest
from streams.web.group.source import SeriesSource
from streams.web.http.requests import query_of
from streams.web.http.routing import FORECASTING, at

PATH = f"{FORECASTING}/accuracy"


class HorizonAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    horizon: int
    """Steps ahead."""
    mae: float
    coverage: float
    """Share of values between the 10 % and the 90 % quantile."""
    scored: int
    """Forecasts compared with their value."""


class AccuracyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Running errors of forecasts that were made before their values."""

    entity_id: str
    metric_name: str
    points: int
    """Values learned."""
    mae: float | None
    """One step ahead; null before the first score."""
    rmse: float | None
    mape: float | None
    """Percent, over values that are not 0; null when there were none."""
    convergence: float | None
    """0..1, near 1 when the errors have settled."""
    horizon_evaluated: int | None
    """The farthest step ahead with a scored forecast; null when there is none."""
    models: dict[str, float]
    """One-step mean absolute error of every model that runs for the series."""
    horizons: list[HorizonAccuracy]


class Accuracy:
    """The routes that tell of past forecasts of a series."""

    def __init__(self, source: SeriesSource, relay: Relay) -> None:
        self._source = source
        self._relay = relay

    @at("GET", PATH)
    async def accuracy(self, query: SeriesRequest, local: bool) -> AccuracyAnswer:
        """Running errors of past forecasts of a series."""
        return await self._accuracy(query, local)

    @at("GET", f"{PATH}/{{entity_id}}/{{metric_name:path}}")
    async def accuracy_of(self, path: SeriesRequest, local: bool) -> AccuracyAnswer:
        """The same, of the series that the path names."""
        return await self._accuracy(path, local)

    async def _accuracy(self, asked: SeriesRequest, local: bool) -> AccuracyAnswer:
        there = await self._relay.ask(
            asked.entity_id, PATH, query_of(asked), AccuracyAnswer, local=local
        )
        return there or self._accuracy_here(asked)

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
            horizons=[
                HorizonAccuracy(**each._asdict()) for each in accuracy.horizons if each.scored
            ],
        )


def _evaluated(accuracy: RunningAccuracy) -> int | None:
    scored = [each.horizon for each in accuracy.horizons if each.scored]
    if accuracy.mae is not None:
        scored.append(1)
    return max(scored, default=None)
