"""Simple exponential smoothing for many series: the next values are the smoothed last one."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from streams.core.forecasting.bounds import within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.state import damaged, require_finite
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import ConfigError

ALPHA = 0.3
"""Weight of the newest value where none is set."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(float).decode


class ExponentialSmoothingForecaster:
    """Flat forecast at a level that moves towards each value by ``alpha`` of the distance.

    ``alpha`` is 0..1, and 0 stands for the configured one. The level starts at the first value
    and always lies within the range of the values. Ready after one value. A row takes 8 bytes.
    (Brown, Statistical Forecasting for Inventory Control, 1959.)
    """

    name = "exponential_smoothing"

    def __init__(self, config: ForecastConfig, alpha: float = 0.0) -> None:
        self._alpha = alpha or config.alpha or ALPHA
        if not 0 < self._alpha <= 1:
            raise ConfigError(
                "setting out of range",
                field="alpha",
                value=alpha,
                remedy=f"use a number between 0 and 1, or 0 for {config.alpha or ALPHA}",
            )
        self._levels = np.empty(0)

    @property
    def state_version(self) -> str:
        return "1"

    def resize(self, rows: int) -> None:
        fresh = np.full(rows - len(self._levels), math.nan)
        self._levels = np.concatenate([self._levels, fresh])

    def reset(self, row: int) -> None:
        self._levels[row] = math.nan

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        del timestamps  # steps are taken as equal
        alpha, levels = self._alpha, self._levels
        forecasts = np.empty(rows.size)
        learned = zip(rows.tolist(), within_magnitude(values).tolist(), strict=True)
        for position, (row, value) in enumerate(learned):
            level = forecasts[position] = float(levels[row])
            levels[row] = value if level != level else level + alpha * (value - level)
        return forecasts

    def forecast(self, row: int, horizon: int) -> FloatArray:
        return np.full(horizon, self._levels[row])

    def dump(self, row: int) -> bytes:
        level = float(self._levels[row])
        return b"" if math.isnan(level) else _encode(level)

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            try:
                level = _decode(state)
            except msgspec.MsgspecError as error:
                raise damaged(self.name, error) from error
            require_finite([level], self.name)
            self._levels[row] = level
