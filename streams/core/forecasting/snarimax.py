"""River's SNARIMAX for many series, on values in units of their own spread."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from streams.core.forecasting.bounds import clip_limits, clipped, held, not_ready, within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.snarimax_model import Model, ModelState, Orders
from streams.core.forecasting.state import damaged, require, require_finite
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import ConfigError

WARM_UP = 10
"""Values that fix the unit of a series before its model starts."""
LARGEST = 1e30
"""Largest value in units; beyond, values are learned as this one."""
DIVERGED = 1e6
"""A prediction of more units than this shows that the regression has run away."""
SEASON = 24
"""Steps in a season where none is configured."""


class _State(msgspec.Struct, array_like=True):
    lowest: float
    highest: float
    first: list[float]
    center: float
    unit: float
    model: ModelState | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class _Row:
    """One series: its unit, once known, its model and the range of its values."""

    __slots__ = ("ceiling", "center", "first", "floor", "highest", "lowest", "model", "unit")

    def __init__(self) -> None:
        self.lowest = math.inf
        self.highest = -math.inf
        self.floor = self.ceiling = 0.0
        self.first: list[float] = []
        self.center = 0.0
        self.unit = 1.0
        self.model: Model | None = None

    def set_range(self, lowest: float, highest: float) -> None:
        self.lowest, self.highest = lowest, highest
        self.floor, self.ceiling = clip_limits(lowest, highest)

    def widen(self, value: float) -> None:
        """Take a value into the range."""
        if not self.lowest <= value <= self.highest:
            self.set_range(min(self.lowest, value), max(self.highest, value))

    def clip(self, forecast: float) -> float:
        return min(max(forecast, self.floor), self.ceiling)

    def in_own_units(self, value: float) -> float:
        return value * self.unit + self.center

    def in_units(self, value: float) -> float:
        return min(max((value - self.center) / self.unit, -LARGEST), LARGEST)

    @property
    def dumped(self) -> _State:
        model = None if self.model is None else self.model.state
        return _State(self.lowest, self.highest, self.first, self.center, self.unit, model)

    def fix_unit(self) -> None:
        """Center and unit are the mean and standard deviation of the first values.

        Without any spread the unit is the size of the mean, or 1. Neither changes later:
        differences across a change of unit would mean nothing.
        """
        first = self.first
        self.center = sum(first) / len(first)
        variance = sum((value - self.center) ** 2 for value in first) / len(first)
        self.unit = math.sqrt(variance) or abs(self.center) or 1.0


class SnarimaxForecaster:
    """SNARIMAX(ar_order, difference, ma_order) with River's default regressor.

    The first ``WARM_UP`` values, or as many as it takes to have every lag, fix center and unit of
    the series and are then learned; ready after them. (The unit matters only to the limits:
    River standardises the lags by their running mean and deviation, and its weights start at 0.)
    A row whose regression runs away (``DIVERGED``) starts anew with the next values. Forecasts
    are clipped to the range of the values learned, widened on both sides by its width.
    """

    name = "snarimax"
    expensive = True
    """A value costs tens of microseconds: see ``streams.core.forecasting.selection``."""

    def __init__(self, config: ForecastConfig) -> None:
        for name in ("ar_order", "difference", "ma_order"):
            order = getattr(config, name)
            if order < 0:
                raise ConfigError(
                    "setting out of range",
                    field=f"forecasting.{name}",
                    value=order,
                    remedy="use 0 or more",
                )
        self._orders = orders = self._orders_of(config)
        values, differences, errors = orders.lengths
        self._warm_up_values = max(WARM_UP, values + max(differences, errors) + 1)
        self._rows: list[_Row | None] = []

    def _orders_of(self, config: ForecastConfig) -> Orders:
        return Orders(config.ar_order, config.difference, config.ma_order)

    @property
    def state_version(self) -> str:
        return "2/" + ",".join(map(str, self._orders))

    def resize(self, rows: int) -> None:
        self._rows.extend([None] * (rows - len(self._rows)))

    def reset(self, row: int) -> None:
        self._rows[row] = None

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        del timestamps  # steps are taken as equal
        states = self._rows
        each: list[int] = rows.tolist()
        forecasts: list[float] = []
        add = forecasts.append
        for row, value in zip(each, within_magnitude(values).tolist(), strict=True):
            state = states[row] or self._begin(row)
            model = state.model
            if model is None:
                add(math.nan)
                state.widen(value)
                self._warm_up(state, value)
                continue
            predicted, forecast = model.step(state.in_units(value))
            if -DIVERGED <= predicted <= DIVERGED:
                add(state.clip(state.in_own_units(forecast)))
            else:
                add(math.nan)
                self.reset(row)
            state.widen(value)
        return np.array(forecasts)

    def _begin(self, row: int) -> _Row:
        state = self._rows[row] = _Row()
        return state

    def _warm_up(self, state: _Row, value: float) -> None:
        first = state.first
        first.append(value)
        if len(first) < self._warm_up_values:
            return
        state.fix_unit()
        state.model = Model(self._orders)
        for known in first:
            state.model.learn_one(state.in_units(known))
        state.first = []

    def forecast(self, row: int, horizon: int) -> FloatArray:
        state = self._rows[row]
        if state is None or state.model is None:
            return not_ready(horizon)
        if not -DIVERGED <= state.model.predict() <= DIVERGED:
            return not_ready(horizon)
        with np.errstate(over="ignore"):
            means = np.array(state.model.forecast(horizon)) * state.unit + state.center
        return clipped(held(means), state.floor, state.ceiling)

    def dump(self, row: int) -> bytes:
        state = self._rows[row]
        return b"" if state is None else _encode(state.dumped)

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if not state:
            return
        found = self._checked(state)
        restored = self._begin(row)
        restored.set_range(found.lowest, found.highest)
        restored.first = found.first
        restored.center, restored.unit = found.center, found.unit
        if found.model is not None:
            restored.model = Model(self._orders)
            restored.model.restore(found.model)

    def _checked(self, state: bytes) -> _State:
        try:
            found = _decode(state)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, error) from error
        numbers = [found.lowest, found.highest, found.center, found.unit, *found.first]
        model = found.model
        if model is None:
            fits = 0 < len(found.first) < self._warm_up_values
        else:
            numbers += model.numbers
            lengths = (len(model.history), len(model.differences), len(model.errors))
            fits = not found.first and found.unit > 0 and lengths == self._orders.lengths
            lags = len(self._orders.names)
            fits = fits and all(len(mapping) == lags for mapping in model.mappings)
        require(fits, self.name, "its parts have the wrong length")
        require_finite(numbers, self.name)
        return found


class SarimaForecaster(SnarimaxForecaster):
    """SNARIMAX(ar_order, difference - 1, ma_order)(0, 1, 1), seasons of ``season`` or 24 steps.

    The seasonal part is that of the airline model (Box and Jenkins, Time Series Analysis, 1970).
    Its difference counts as one of those configured: a second one makes forecasts that lie far
    ahead worse. Otherwise like ``SnarimaxForecaster``; ready after two seasons and a few values.
    A row keeps two seasons of values and errors.
    """

    name = "sarima"

    def _orders_of(self, config: ForecastConfig) -> Orders:
        differences = max(0, config.difference - 1)
        season = config.season or SEASON
        return Orders(config.ar_order, differences, config.ma_order, season, sp=0, sd=1, sq=1)
