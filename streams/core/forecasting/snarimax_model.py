"""River's SNARIMAX of one series, several times as fast and with a state that can be stored."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from river.linear_model import LinearRegression
from river.preprocessing import StandardScaler
from river.time_series import SNARIMAX
from river.utils import VectorDict

_VECTOR: Any = VectorDict

FARTHEST_LAG = 3.0
"""Running deviations from its mean at which a lag is cut off. One spike would otherwise throw the
weights so far that each step makes it worse, and so would forecasts of a series that has hardly
any noise: they lie many of its deviations off."""


class LagScaler(StandardScaler):
    """River's standard scaler with its output cut to -FARTHEST_LAG..FARTHEST_LAG."""

    def transform_one(self, x: dict[Any, float]) -> dict[Any, float]:
        scaled = cast(dict[Any, float], super().transform_one(x))
        return {name: _near(value) for name, value in scaled.items()}


def regressor() -> Any:
    """What the lags are regressed with: River's default behind a ``LagScaler``."""
    return LagScaler() | LinearRegression()


class Orders(NamedTuple):
    """Orders of a SNARIMAX, by River's names; seasonal ones count seasons of ``m`` steps."""

    p: int
    d: int
    q: int
    m: int = 1
    sp: int = 0
    sd: int = 0
    sq: int = 0

    @property
    def autoregressive(self) -> tuple[int, ...]:
        """Places of the past differences that are regressed on, 0 being the newest."""
        return (*range(self.p), *range(self.m - 1, self.m * self.sp, self.m))

    @property
    def moving_average(self) -> tuple[int, ...]:
        """Places of the past errors that are regressed on."""
        return (*range(self.q), *range(self.m - 1, self.m * self.sq, self.m))

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Past values, differences and errors that a model keeps."""
        p, d, q, m, sp, sd, sq = self
        return d + m * sd, max(p, m * sp), max(q, m * sq)

    @property
    def names(self) -> tuple[str, ...]:
        """River's names of the lags, in its order."""
        lags = [
            ("y", self.p, 1),
            ("sy", self.sp, self.m),
            ("e", self.q, 1),
            ("se", self.sq, self.m),
        ]
        return tuple(f"{kind}-{at * m}" for kind, count, m in lags for at in range(1, count + 1))


class Model(SNARIMAX):
    """River's model of one series, in units, with the lags cut by ``LagScaler``.

    ``step`` gives what River's ``forecast(1)`` and ``learn_one`` give, to the last bit and with
    the same objects changed, but builds, scales and multiplies the lags only once.
    """

    if TYPE_CHECKING:  # River declares none of these with a type
        y_hist: deque[float]
        y_diff: deque[float]
        errors: deque[float]
        differencer: Any
        regressor: Any

        def learn_one(self, y: float, x: Any = None) -> None: ...
        def forecast(self, horizon: int, xs: Any = None) -> Any: ...

    def __init__(self, orders: Orders) -> None:
        super().__init__(*orders, regressor=regressor())
        self._scaler = self.regressor.steps["LagScaler"]
        self._linear = self.regressor.steps["LinearRegression"]
        # constants in the default regressor
        self._rate = self._linear.optimizer.learning_rate
        self._intercept_rate = self._linear.intercept_lr.get(0)
        self._steepest = self._linear.clip_gradient
        self._lag_names = orders.names
        self._places = orders.autoregressive, orders.moving_average
        self._only_first_difference = orders.lengths[0] == 1

    def _lags(self) -> dict[str, float]:
        differences, errors = self.y_diff, self.errors
        of_differences, of_errors = self._places
        lags = [differences[place] for place in of_differences]
        lags += [errors[place] for place in of_errors]
        return dict(zip(self._lag_names, lags, strict=True))

    def predict(self) -> float:
        """The next difference."""
        return self._linear.predict_one(self._scaler.transform_one(self._lags()))

    def step(self, value: float) -> tuple[float, float]:
        """Learn a value; returns the next difference and value as predicted before.

        Only once all lags are there.
        """
        history = self.y_hist
        before, after = self._scale_and_learn()
        predicted = self._linear.predict_one(before)
        if self._only_first_difference:
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
        for name, lag in self._lags().items():
            mean, variance = means[name], variances[name]
            off = lag - mean
            before[name] = _near(off / variance**0.5) if variance else 0.0
            count = counts[name] = counts[name] + 1
            mean += off / count
            variance += (off * (lag - mean) - variance) / count
            means[name], variances[name] = mean, variance
            after[name] = _near((lag - mean) / variance**0.5) if variance else 0.0
        return before, after

    @property
    def state(self) -> ModelState:
        """Copies of what has been learned."""
        linear, scaler = self._linear, self._scaler
        return ModelState(
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

    def restore(self, state: ModelState) -> None:
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


class ModelState(msgspec.Struct, array_like=True):
    """Everything that a ``Model`` has learned."""

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
        """Numbers by lag."""
        return self.means, self.variances, self.weights

    @property
    def numbers(self) -> list[float]:
        """Every number that must be finite."""
        inner = [value for mapping in self.mappings for value in mapping.values()]
        return [*self.history, *self.differences, *self.errors, *inner, self.intercept]


def _near(lag: float) -> float:
    return min(max(lag, -FARTHEST_LAG), FARTHEST_LAG)
