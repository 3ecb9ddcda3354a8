"""River's SNARIMAX for many series, on values in units of their own spread."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from river.time_series import SNARIMAX
from river.utils import VectorDict

from streams.core.batch import FloatArray, IntArray
from streams.core.config import ForecastConfig
from streams.core.forecasting.bounds import clip_limits, clipped, not_ready, within_magnitude
from streams.core.forecasting.state import damaged, require, require_finite
from streams.errors import ConfigError

_VECTOR: Any = VectorDict

WARM_UP = 10
"""Values that fix the unit of a series before its model starts."""
LARGEST = 1e30
"""Largest value in units; beyond, values are learned as this one."""
DIVERGED = 1e6
"""A prediction of more units than this shows that the regression has run away."""


class _Model(SNARIMAX):
    """River's model of one series, in units.

    ``step`` gives what River's ``forecast(1)`` and ``learn_one`` give, to the last bit and with
    the same objects changed, but builds, scales and multiplies the lags only once.
    """

    if TYPE_CHECKING:  # River declares none of these with a type
        y_hist: deque[float]
        y_diff: deque[float]
        errors: deque[float]
        differencer: Any
        regressor: Any
        d: int

        def learn_one(self, y: float, x: Any = None) -> None: ...
        def forecast(self, horizon: int, xs: Any = None) -> Any: ...

    def __init__(self, p: int, d: int, q: int) -> None:
        super().__init__(p, d, q)
        self._scaler = self.regressor.steps["StandardScaler"]
        self._linear = self.regressor.steps["LinearRegression"]
        # constants in the default regressor
        self._rate = self._linear.optimizer.learning_rate
        self._intercept_rate = self._linear.intercept_lr.get(0)
        self._steepest = self._linear.clip_gradient
        names = [f"y-{lag + 1}" for lag in range(p)] + [f"e-{lag + 1}" for lag in range(q)]
        self._lag_names = tuple(names)

    def predict(self) -> float:
        """The next difference."""
        lags = dict(zip(self._lag_names, (*self.y_diff, *self.errors), strict=True))
        return self._linear.predict_one(self._scaler.transform_one(lags))

    def step(self, value: float) -> tuple[float, float]:
        """Learn a value; returns the next difference and value as predicted before.

        Only once all lags are there.
        """
        history = self.y_hist
        before, after = self._scale_and_learn()
        predicted = self._linear.predict_one(before)
        if self.d == 1:
            forecast, difference = predicted + history[0], value - history[0]
        else:
            forecast = self.differencer.undiff(predicted, history)
            difference = self.differencer.diff(value, history)
        self.y_diff.appendleft(difference)
        self.errors.appendleft(difference - predicted)
        self._regress(after, difference)
        history.appendleft(value)
        return predicted, forecast

    def _regress(self, lags: dict[str, float], difference: float) -> None:
        """One step of stochastic gradient descent on the squared error, as River's."""
        linear = self._linear
        weights = linear._weights
        gradient = 2 * (weights.dot(lags) + linear.intercept - difference)
        gradient = min(max(gradient, -self._steepest), self._steepest)
        linear.intercept -= self._intercept_rate * gradient
        weights.isub_scaled(_VECTOR.from_scaled(lags, gradient), self._rate)
        linear.optimizer.n_iterations += 1

    def _scale_and_learn(self) -> tuple[dict[str, float], dict[str, float]]:
        """The lags as River's scaler gives them before and after learning them, in one loop."""
        counts, means, variances = self._scaler.counts, self._scaler.means, self._scaler.vars
        before: dict[str, float] = {}
        after: dict[str, float] = {}
        for name, lag in zip(self._lag_names, (*self.y_diff, *self.errors), strict=True):
            mean, variance = means[name], variances[name]
            off = lag - mean
            before[name] = off / variance**0.5 if variance else 0.0
            count = counts[name] = counts[name] + 1
            mean += off / count
            variance += (off * (lag - mean) - variance) / count
            means[name], variances[name] = mean, variance
            after[name] = (lag - mean) / variance**0.5 if variance else 0.0
        return before, after

    @property
    def state(self) -> _ModelState:
        linear, scaler = self._linear, self._scaler
        return _ModelState(
            list(self.y_hist),
            list(self.y_diff),
            list(self.errors),
            dict(scaler.counts),
            dict(scaler.means),
            dict(scaler.vars),
            linear._weights.to_dict(),
            float(linear.intercept),
            linear.optimizer.n_iterations,
        )

    def restore(self, state: _ModelState) -> None:
        """Continue from a state; only on a new model."""
        self.y_hist.extend(state.history)
        self.y_diff.extend(state.differences)
        self.errors.extend(state.errors)
        self._scaler.counts.update(state.counts)
        self._scaler.means.update(state.means)
        self._scaler.vars.update(state.variances)
        self._linear._weights.update(state.weights)
        self._linear.intercept = state.intercept
        self._linear.optimizer.n_iterations = state.iterations


class _ModelState(msgspec.Struct, array_like=True):
    history: list[float]
    differences: list[float]
    errors: list[float]
    counts: dict[str, int]
    means: dict[str, float]
    variances: dict[str, float]
    weights: dict[str, float]
    intercept: float
    iterations: int

    @property
    def mappings(self) -> tuple[dict[str, float], ...]:
        """By lag."""
        return self.means, self.variances, self.weights

    @property
    def numbers(self) -> list[float]:
        inner = [value for mapping in self.mappings for value in mapping.values()]
        return [*self.history, *self.differences, *self.errors, *inner, self.intercept]


class _State(msgspec.Struct, array_like=True):
    lowest: float
    highest: float
    first: list[float]
    center: float
    unit: float
    model: _ModelState | None


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
        self.model: _Model | None = None

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

    The first ``WARM_UP`` values fix center and unit of the series and are then learned; ready
    after them. A row whose regression runs away (``DIVERGED``) starts anew with the next
    values. Forecasts are clipped to the range of the values learned, widened on both sides by
    its width.
    """

    name = "snarimax"

    def __init__(self, config: ForecastConfig) -> None:
        self._orders = (config.ar_order, config.difference, config.ma_order)
        for name, order in zip(("ar_order", "difference", "ma_order"), self._orders, strict=True):
            if order < 0:
                raise ConfigError(
                    "setting out of range",
                    field=f"forecasting.{name}",
                    value=order,
                    remedy="use 0 or more",
                )
        self._warm_up_values = max(WARM_UP, sum(self._orders) + 1)
        self._rows: list[_Row | None] = []

    @property
    def state_version(self) -> str:
        return "1/" + ",".join(map(str, self._orders))

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
        state.model = _Model(*self._orders)
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
        return clipped(_held(means), state.floor, state.ceiling)

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
            restored.model = _Model(*self._orders)
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
            p, d, q = self._orders
            lengths = (len(model.differences), len(model.history), len(model.errors))
            fits = not found.first and found.unit > 0 and lengths == (p, d, q)
            fits = fits and all(len(mapping) == p + q for mapping in model.mappings)
        require(fits, self.name, "its parts have the wrong length")
        require_finite(numbers, self.name)
        return found


def _held(means: FloatArray) -> FloatArray:
    """Means with the last finite one repeated from where they overflow."""
    overflown = np.flatnonzero(~np.isfinite(means))
    if overflown.size:
        means[overflown[0] :] = means[max(overflown[0] - 1, 0)]
    return means
