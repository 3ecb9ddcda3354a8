"""River's Holt-Winters for many series."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from river.time_series import HoltWinters

from streams.core.batch import FloatArray, IntArray
from streams.core.config import ForecastConfig
from streams.core.forecasting.bounds import (
    MAGNITUDE,
    clip_limits,
    clipped,
    not_ready,
    within_magnitude,
)
from streams.core.forecasting.state import damaged, require, require_finite

DIVERGED = 1e20 * MAGNITUDE
"""A forecast beyond shows an unstable choice of smoothing factors; the row then starts anew with
the next value."""


class _Model(HoltWinters):
    """River's model of one series and the range of the values that it learned."""

    if TYPE_CHECKING:  # River declares none of these with a type
        level: deque[float]
        trend: deque[float]
        season: Any
        seasonality: int
        _first_values: list[float]
        _initialized: bool

        def learn_one(self, y: float, x: Any = None) -> None: ...
        def forecast(self, horizon: int, xs: Any = None) -> list[float]: ...

    def __init__(self, alpha: float, beta: float, gamma: float | None, seasonality: int) -> None:
        base: Any = super()  # River declares no types here
        base.__init__(alpha, beta, gamma, seasonality)
        self.ready = False
        self.lowest = math.inf
        self.highest = -math.inf
        self.floor = 0.0
        self.ceiling = 0.0

    def widen(self, value: float) -> None:
        """Take a value into the range."""
        self.set_range(min(self.lowest, value), max(self.highest, value))

    def set_range(self, lowest: float, highest: float) -> None:
        self.lowest, self.highest = lowest, highest
        self.floor, self.ceiling = clip_limits(lowest, highest)

    def begin(self, value: float) -> None:
        """Learn one of the values that the components start from.

        River starts an additive season at value / level, which is wrong by the level and fails
        at level 0, and takes its trend from one season, which cannot tell the two apart. With a
        season it starts here at value - level and a trend of 0; without one River does it.
        """
        self.widen(value)
        if not self.seasonality:
            self.learn_one(value)
        else:
            first = self._first_values
            first.append(value)
            if len(first) >= max(2, self.seasonality):
                level = math.fsum(first) / len(first)
                self.restore([level], [0.0], [value - level for value in first])
        self.ready = self._initialized

    def collect(self, first: list[float]) -> None:
        """Set the values that the components will start from."""
        self._first_values.extend(first)

    def restore(self, level: list[float], trend: list[float], season: list[float]) -> None:
        """Set the components."""
        self.level.extend(level)
        self.trend.extend(trend)
        if self.season is not None:
            self.season.extend(season)
        self._initialized = self.ready = True

    @property
    def state(self) -> _State:
        if not self.ready:
            return _State(self.lowest, self.highest, first=self._first_values)
        return _State(
            self.lowest, self.highest, list(self.level), list(self.trend), list(self.season or ())
        )


class _State(msgspec.Struct, array_like=True, gc=False):
    lowest: float
    highest: float
    level: list[float] = []
    trend: list[float] = []
    season: list[float] = []
    first: list[float] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class HoltWintersForecaster:
    """Additive Holt-Winters: level, trend and, when ``season`` is set, a season.

    Ready after max(2, season) values. Forecasts are clipped to the range of the values learned,
    widened on both sides by its width (the trend is not damped and would run away at long
    horizons). A row takes about 2 KB and 8 bytes a season step.
    """

    name = "holt_winters"

    def __init__(self, config: ForecastConfig) -> None:
        self._alpha, self._beta = config.alpha, config.beta
        self._season = config.season
        self._gamma = config.gamma if config.season else None
        self._models: list[_Model | None] = []

    @property
    def state_version(self) -> str:
        return f"1/{self._season}"

    def resize(self, rows: int) -> None:
        self._models.extend([None] * (rows - len(self._models)))

    def reset(self, row: int) -> None:
        self._models[row] = None

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        del timestamps  # steps are taken as equal
        models, season = self._models, self._season
        each: list[int] = rows.tolist()
        forecasts: list[float] = []
        add = forecasts.append
        for row, value in zip(each, within_magnitude(values).tolist(), strict=True):
            model = models[row] or self._begin(row)
            if model.ready:
                # River's forecast(1) without the lists that it builds
                forecast = model.level[-1] + model.trend[-1]
                if season:
                    forecast += model.season[-season]
                if model.floor <= forecast <= model.ceiling:
                    add(forecast)
                else:
                    add(min(max(forecast, model.floor), model.ceiling))
                    if not -DIVERGED <= forecast <= DIVERGED:
                        self.reset(row)
                if not model.lowest <= value <= model.highest:
                    model.widen(value)
                model.learn_one(value)
            else:
                add(math.nan)
                model.begin(value)
        return np.array(forecasts)

    def _begin(self, row: int) -> _Model:
        model = _Model(self._alpha, self._beta, self._gamma, self._season)
        self._models[row] = model
        return model

    def forecast(self, row: int, horizon: int) -> FloatArray:
        model = self._models[row]
        if model is None or not model.ready:
            return not_ready(horizon)
        return clipped(np.array(model.forecast(horizon)), model.floor, model.ceiling)

    def dump(self, row: int) -> bytes:
        model = self._models[row]
        return b"" if model is None else _encode(model.state)

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            found = self._checked(state)
            model = self._begin(row)
            model.set_range(found.lowest, found.highest)
            if found.level:
                model.restore(found.level, found.trend, found.season)
            else:
                model.collect(found.first)

    def _checked(self, state: bytes) -> _State:
        try:
            found = _decode(state)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, error) from error
        numbers = (found.lowest, found.highest, *found.level, *found.trend, *found.season)
        require_finite((*numbers, *found.first), self.name)
        size, season = len(found.level), len(found.season)
        if size:
            fits = size <= 2 and len(found.trend) == size and not found.first
            fits = fits and season == (self._season + size - 1 if self._season else 0)
        else:
            fits = 0 < len(found.first) < max(2, self._season) and not found.trend and not season
        require(fits, self.name, "its parts have the wrong length")
        return found
