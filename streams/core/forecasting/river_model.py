"""The default forecaster for those who work with River: one series at a time, River's interface."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from river.time_series.base import Forecaster

from streams.core.forecasting.bounds import within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import CompiledEnsemble
from streams.errors import ConfigError


class EnsembleForecaster(Forecaster):
    """The forecaster ``ensemble`` as a River model of one series.

    River hands over values without timestamps, so they are taken as evenly spaced: the first at
    midnight on a Monday, each next one ``step_seconds`` later. A daily season is found when a day
    has 4 to 1440 steps. Exogenous variables are accepted and ignored. Values that are not finite
    are left out, but time goes on over them.

    Parameters
    ----------
    step_seconds
        Seconds between two values.
    """

    def __init__(self, step_seconds: float = 3600.0) -> None:
        if not (math.isfinite(step_seconds) and step_seconds > 0):
            raise ConfigError(
                "setting out of range",
                field="step_seconds",
                value=step_seconds,
                remedy="use a positive number of seconds",
            )
        self.step_seconds = step_seconds
        self._seen = 0
        self._bank = CompiledEnsemble(ForecastConfig())
        self._bank.resize(1)

    def learn_one(self, y: float, x: dict[str, Any] | None = None) -> None:
        """Learn the next value."""
        timestamp = _MONDAY_MS + round(1000 * self.step_seconds * self._seen)
        self._seen += 1
        if math.isfinite(y):
            values = within_magnitude(np.array([y], np.float64))
            self._bank.learn_many(_ROW, np.array([timestamp], np.int64), values)

    def forecast(self, horizon: int, xs: list[dict[str, Any]] | None = None) -> list[float]:
        """Expected values of the next ``horizon`` steps; zeros before the first value."""
        if not self._bank.recent(0).size:
            return [0.0] * horizon
        return self._bank.forecast(0, horizon).tolist()


_ROW = np.zeros(1, np.int64)
_MONDAY_MS = 4 * 86_400_000
"""1970-01-05."""
