"""River's Holt-Winters for many series."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import msgspec
import numpy as np
from river.time_series import HoltWinters

from streams.core.forecasting.bounds import (
    MAGNITUDE,
    clip_limits,
    clipped,
    not_ready,
    within_magnitude,
)
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.state import damaged, require, require_finite
from streams.core.kernel.batch import FloatArray, IntArray

DIVERGED = 1e20 * MAGNITUDE
"""A forecast beyond shows an unstable choice of smoothing factors; the row then starts anew with
the next value."""


class _Row:
    """The components of one River model, and the range of the values that it learned.

    A River object holds each component in a deque of its own: 2.6 KB a series against 0.3 KB
    here. ``HoltWintersForecaster.model`` makes the River object of a row.
    """

    __slots__ = ("ceiling", "first", "floor", "highest", "level", "lowest", "season", "trend")

    def __init__(self) -> None:
        self.level = math.nan
        self.trend = math.nan
        self.season: deque[float] | None = None
        """One value a step of the season; the first belongs to the next value."""
        self.first: list[float] | None = []
        """Values that the components will start from; None once they have."""
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

    def begin(self, value: float, season: int) -> None:
        """Learn one of the values that the components start from.

        Without a season this is what River does, less its exact fractions, which take 50 µs.
        River starts an additive season at value / level, which is wrong by the level and fails
        at level 0, and takes its trend from one season, which cannot tell the two apart. With a
        season it starts here at value - level and a trend of 0.
        """
        self.widen(value)
        first = self.first = self.first or []
        first.append(value)
        if len(first) < max(2, season):
            return
        level = math.fsum(first) / len(first)
        trend = 0.0 if season else first[1] - first[0]
        self.restore(level, trend, [value - level for value in first[-season:]] if season else [])

    def restore(self, level: float, trend: float, season: list[float]) -> None:
        """Set the components."""
        self.level, self.trend = level, trend
        self.season = deque(season, maxlen=len(season)) if season else None
        self.first = None

    @property
    def state(self) -> _State:
        if self.first is not None:
            return _State(self.lowest, self.highest, first=self.first)
        season = list(self.season or ())
        return _State(self.lowest, self.highest, [self.level, self.trend], season)


class _State(msgspec.Struct, array_like=True, gc=False):
    lowest: float
    highest: float
    components: list[float] = []
    """Level and trend."""
    season: list[float] = []
    first: list[float] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class HoltWintersForecaster:
    """Additive Holt-Winters: level, trend and, when ``season`` is set, a season.

    Learns by River's own equations on values instead of objects, with the same result to the
    last bit. Ready after max(2, season) values. Forecasts are clipped to the range of the values
    learned, widened on both sides by its width (the trend is not damped and would run away at
    long horizons). A row takes about 0.3 KB and 8 bytes a season step.
    """

    name = "holt_winters"

    def __init__(self, config: ForecastConfig) -> None:
        self._alpha, self._beta = config.alpha, config.beta
        self._season = config.season
        self._gamma = config.gamma if config.season else None
        self._rows: list[_Row | None] = []

    @property
    def state_version(self) -> str:
        return f"2/{self._season}"

    def resize(self, rows: int) -> None:
        self._rows.extend([None] * (rows - len(self._rows)))

    def reset(self, row: int) -> None:
        self._rows[row] = None

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        del timestamps  # steps are taken as equal
        held, alpha, beta, gamma = self._rows, self._alpha, self._beta, self._gamma or 0.0
        each: list[int] = rows.tolist()
        forecasts: list[float] = []
        add = forecasts.append
        for number, value in zip(each, within_magnitude(values).tolist(), strict=True):
            row = held[number] or self._begin(number)
            if row.first is not None:
                add(math.nan)
                row.begin(value, self._season)
                continue
            level, trend, season = row.level, row.trend, row.season
            forecast = base = level + trend
            now = 0.0
            if season is not None:
                now = season[0]
                forecast += now
            if row.floor <= forecast <= row.ceiling:
                add(forecast)
            else:
                add(min(max(forecast, row.floor), row.ceiling))
                if not -DIVERGED <= forecast <= DIVERGED:
                    self.reset(number)
            if not row.lowest <= value <= row.highest:
                row.widen(value)
            row.level = new_level = alpha * (value - now) + (1 - alpha) * base
            row.trend = beta * (new_level - level) + (1 - beta) * trend
            if season is not None:
                season.append(gamma * (value - level - trend) + (1 - gamma) * now)
        return np.array(forecasts)

    def _begin(self, number: int) -> _Row:
        row = self._rows[number] = _Row()
        return row

    def model(self, row: int) -> Any:
        """The ``river.time_series.HoltWinters`` of a row, as if it had learned the row's values;
        None before it is ready. A copy: what it learns from then on stays with it."""
        held = self._rows[row]
        if held is None or held.first is not None:
            return None
        model: Any = HoltWinters(self._alpha, self._beta, self._gamma, self._season)
        model.level.append(held.level)
        model.trend.append(held.trend)
        if held.season is not None:
            model.season.extend(held.season)
        model._initialized = True
        return model

    def forecast(self, row: int, horizon: int) -> FloatArray:
        held, model = self._rows[row], self.model(row)
        if held is None or model is None:
            return not_ready(horizon)
        return clipped(np.array(model.forecast(horizon)), held.floor, held.ceiling)

    def dump(self, row: int) -> bytes:
        held = self._rows[row]
        return b"" if held is None else _encode(held.state)

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            found = self._checked(state)
            held = self._begin(row)
            held.set_range(found.lowest, found.highest)
            if found.components:
                level, trend = found.components
                held.restore(level, trend, found.season)
            else:
                held.first = found.first

    def _checked(self, state: bytes) -> _State:
        try:
            found = _decode(state)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, error) from error
        numbers = (found.lowest, found.highest, *found.components, *found.season, *found.first)
        require_finite(numbers, self.name)
        if found.components:
            fits = len(found.components) == 2 and not found.first
            fits = fits and len(found.season) == self._season
        else:
            fits = 0 < len(found.first) < max(2, self._season) and not found.season
        require(fits, self.name, "its parts have the wrong length")
        return found
