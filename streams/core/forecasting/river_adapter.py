"""Any forecaster of River as one for many series, with a state that can be stored."""

from __future__ import annotations

import contextlib
import copy
import math
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from river.compose import Pipeline
from river.time_series.base import Forecaster as RiverModel

from streams.core.forecasting.bounds import clip_limits, clipped, held, not_ready, within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.object_state import ObjectState
from streams.core.forecasting.protocol import ForecasterFactory
from streams.core.forecasting.state import damaged, require, require_finite, seal, unseal
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import ConfigError

WARM_UP = 10
DIVERGED = 1e6
"""A one-step forecast that is so many times as large as any value, and as 1, shows that the model
has run away."""
TRIED = 400
"""Values that a model must learn before it is taken: what it is made of then is what it may be
made of."""
_FORM = 1
_RIVER = version("river")

_NOT_READY = (IndexError, KeyError)
"""What River's models raise when asked too early."""
_FAILED = (ArithmeticError, ValueError)
"""What numbers that a model cannot take end in."""


def from_river(model: Any, *, name: str, warm_up: int = WARM_UP) -> ForecasterFactory:
    """A forecaster of the engine whose rows are clones of a model of River.

    ``model`` is a ``river.time_series`` forecaster or a pipeline that ends in one; what it has
    learned is left behind. ``name`` stands in forecast records and requests. A row forecasts from
    ``warm_up`` values on (1 or more), or once the model itself can.

    The result is what ``forecasting.models`` or an entry point in ``streams.forecasters`` names.
    Raises ConfigError when the model is no forecaster, when its clones differ (it needs a seed),
    or when its state cannot be stored.
    """
    last: Any = next(reversed(model.steps.values())) if _is_pipeline(model) else model
    _demand(isinstance(last, RiverModel), "not a forecaster of River", "model", _name(model))
    _demand(bool(name), "a forecaster needs a name", "name", name)
    _demand(warm_up >= 1, "too few values", "warm_up", warm_up)
    template, tried = model.clone(), model.clone()
    _try(tried, 0, TRIED)
    state = ObjectState([template, tried])
    same = state.take_apart(template) == state.take_apart(model.clone())
    _demand(same, "no two clones are equal: give it a seed", "model", _name(model))
    again = state.put_together(state.take_apart(tried))
    same = _try(tried, TRIED, TRIED + 100) == _try(again, TRIED, TRIED + 100)
    same = same and state.take_apart(tried) == state.take_apart(again)
    _demand(same, "it goes on differently from its stored state", "model", _name(model))
    return lambda config: RiverForecaster(config, template, state, name, warm_up)


class _State(msgspec.Struct, array_like=True):
    learned: int
    lowest: float
    highest: float
    model: Any


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class _Row:
    """The model of one series, and the range of the values that it has learned."""

    __slots__ = ("highest", "learned", "lowest", "model")

    def __init__(self, model: Any) -> None:
        self.model = model
        self.learned = 0
        self.lowest = math.inf
        self.highest = -math.inf

    def learn(self, value: float) -> None:
        self.learned += 1
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        self.model.learn_one(y=value, x={})

    def has_run_away(self, forecast: float) -> bool:
        largest = max(1.0, abs(self.lowest), abs(self.highest))
        return not abs(forecast) <= DIVERGED * largest


class RiverForecaster:
    """One River model a row; see ``from_river``.

    Every value is forecast one step ahead and then learned, in River's way and with its results
    to the last bit. Exogenous variables are empty. Forecasts are clipped to the range of the
    values learned, widened on both sides by its width. A row whose model fails at a value or runs
    away (``DIVERGED``) starts anew with the next one. ``dump`` raises ConfigError should a model
    have parts of a class that it had not when it was tried.
    """

    expensive = True
    """See ``streams.core.forecasting.selection``."""

    def __init__(
        self, config: ForecastConfig, template: Any, state: ObjectState, name: str, warm_up: int
    ) -> None:
        del config  # the model has its own
        self.name = name
        self._template, self._state, self._warm_up = template, state, warm_up
        self._rows: list[_Row | None] = []

    @property
    def state_version(self) -> str:
        return f"{_FORM}/{_RIVER}/{self._state.fingerprint}"

    def resize(self, rows: int) -> None:
        self._rows.extend([None] * (rows - len(self._rows)))

    def reset(self, row: int) -> None:
        self._rows[row] = None

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        del timestamps  # steps are taken as equal
        each: list[int] = rows.tolist()
        pairs = zip(each, within_magnitude(values).tolist(), strict=True)
        return np.array([self._learn(row, value) for row, value in pairs], np.float64)

    def _learn(self, row: int, value: float) -> float:
        """Learn one value; returns what was forecast for it."""
        state = self._rows[row]
        if state is None:
            state = self._rows[row] = _Row(copy.deepcopy(self._template))
        forecast = self._ahead(state, state.model, 1)
        if forecast is not None and state.has_run_away(forecast[0]):
            self.reset(row)
            return math.nan
        limits = clip_limits(state.lowest, state.highest)
        try:
            state.learn(value)
        except _FAILED:
            self.reset(row)
        return math.nan if forecast is None else float(clipped(forecast, *limits)[0])

    def forecast(self, row: int, horizon: int) -> FloatArray:
        state = self._rows[row]
        if state is None:
            return not_ready(horizon)
        # River's scaler adds a feature that it is asked about, which is a change
        means = self._ahead(state, copy.deepcopy(state.model), horizon)
        if means is not None and math.isnan(means[0]) and horizon > 1:
            return np.full(horizon, self.forecast(row, 1)[0])
        if means is None or state.has_run_away(means[0]):
            return not_ready(horizon)
        return clipped(held(means), *clip_limits(state.lowest, state.highest))

    def _ahead(self, state: _Row, model: Any, horizon: int) -> FloatArray | None:
        """Forecasts as the model gives them, NaN where it fails; None while it is not ready."""
        if state.learned < self._warm_up:
            return None
        try:
            return _forecast(model, horizon)
        except _NOT_READY:
            return None
        except _FAILED:
            return not_ready(horizon)

    def dump(self, row: int) -> bytes:
        state = self._rows[row]
        if state is None:
            return b""
        model = self._state.take_apart(state.model)
        return seal(_encode(_State(state.learned, state.lowest, state.highest, model)))

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if not state:
            return
        try:
            found = _decode(unseal(state, self.name))
            model = self._state.put_together(found.model)
        except Exception as error:  # whatever the model's classes say to it
            raise damaged(self.name, error) from error
        fits = type(model) is type(self._template) and found.learned > 0
        require(fits, self.name, "it is not of this model")
        require_finite((found.lowest, found.highest), self.name)
        restored = self._rows[row] = _Row(model)
        restored.learned = found.learned
        restored.lowest, restored.highest = found.lowest, found.highest


def _is_pipeline(model: object) -> bool:
    return isinstance(model, Pipeline)


def _forecast(model: Any, horizon: int) -> FloatArray:
    return np.array(model.forecast(horizon, xs=[{} for _ in range(horizon)]), np.float64)


def _try(model: Any, start: int, stop: int) -> list[bytes]:
    """Have the model forecast and learn a season with some noise; returns the forecasts."""
    given: list[bytes] = []
    for step in range(start, stop):
        value = 100 + 10 * math.sin(step * math.tau / 24) + math.sin(1.7 * step * step)
        with contextlib.suppress(*_NOT_READY):
            given.append(_forecast(model, 1).tobytes())
        model.learn_one(y=value, x={})
    return given


def _name(model: object) -> str:
    return f"{type(model).__module__}:{type(model).__qualname__}"


def _demand(fits: bool, message: str, field: str, value: object) -> None:
    if not fits:
        raise ConfigError(message, field=field, value=value, remedy=_REMEDIES[field])


_REMEDIES = {
    "model": "use a river.time_series forecaster, or a pipeline that ends in one",
    "name": "use a text such as 'daily_snarimax'",
    "warm_up": "use 1 or more",
}
