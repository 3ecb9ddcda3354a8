"""Forecasts corrected by what else is known: other metrics of the entity, and the calendar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.bounds import within_magnitude
from streams.core.forecasting.calendar import Calendar
from streams.core.forecasting.linear_correction import LinearCorrection
from streams.core.forecasting.regression_memory import History, Scales, Waiting, bounded
from streams.core.forecasting.state import damaged, require, seal, unseal
from streams.core.forecasting.terms import (
    RESERVED,
    Holiday,
    HourOfDay,
    Itself,
    OtherMetric,
    Situation,
    Term,
    TermScore,
    Weekday,
)
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.errors import ConfigError

MOST_STEPS = 168
"""Largest anchor and lag."""
VERSION = 1
WHAT = "regression"


@dataclass(frozen=True, slots=True)
class RegressorConfig:
    """What the forecasts of a metric may be corrected by."""

    metrics: tuple[str, ...] = ()
    """Other metrics of the same entity."""
    hour: bool = False
    weekday: bool = False
    holidays: bool = False
    lags: tuple[int, ...] = (0, 1, 2, 3, 6, 12)
    """How many values ago another metric may have told something, ascending, 0..MOST_STEPS."""
    anchors: tuple[int, ...] = (1, 6, 24)
    """Steps ahead for which errors are learned, ascending, 1..MOST_STEPS; between them
    corrections are interpolated."""
    forgetting: float = 0.999
    """Weight of a value relative to the next one, above 0 to 1."""
    ratio: float = 0.98
    """Error with a correction over that without, above 0 to 1, below which it is used."""

    def __post_init__(self) -> None:
        names = self.metrics
        unique = len(set(names)) == len(names) and not set(names) & set(RESERVED)
        _require(unique, "metrics", names, f"name each once, and none of {', '.join(RESERVED)}")
        for field, least in (("lags", 0), ("anchors", 1)):
            steps: tuple[int, ...] = getattr(self, field)
            fits = bool(steps) and list(steps) == sorted(set(steps))
            fits = fits and steps[0] >= least and steps[-1] <= MOST_STEPS
            _require(fits, field, steps, f"use {least} to {MOST_STEPS}, each once, ascending")
        _require(0 < self.forgetting <= 1, "forgetting", self.forgetting, "use above 0 to 1")
        _require(0 < self.ratio <= 1, "ratio", self.ratio, "use above 0 to 1")


class Regression:
    """Learns what the forecasts of one series get wrong, and corrects the next ones.

    For each term and each anchor a linear model of its own predicts the error from what is known
    when the forecast is made. A term learns what those before it have left over, and is heeded
    only while it has lately made the forecasts better: what is useless does no lasting harm.
    State has a size fixed by the configuration. Raises ConfigError when holidays are wanted and
    the calendar has none.
    """

    def __init__(self, config: RegressorConfig, calendar: Calendar | None = None) -> None:
        self._config = config
        self._terms = _terms(config, calendar or Calendar())
        self._start()

    def _start(self) -> None:
        config, sizes = self._config, [term.size for term in self._terms]
        self._models = [
            LinearCorrection(
                [term.trial(anchor) for anchor in config.anchors],
                term.size,
                forgetting=config.forgetting,
                ratio=config.ratio,
            )
            for term in self._terms
        ]
        ends = np.cumsum(sizes).tolist()
        self._columns = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        self._scales = Scales(1 + len(config.metrics))
        self._history = History(len(config.metrics), config.lags)
        self._observed: IntArray = np.zeros(3, np.int64)
        """Number of values, time of the first, time of the newest."""
        self._waiting = [Waiting(each, sum(sizes), len(sizes)) for each in config.anchors]

    @property
    def state_version(self) -> str:
        """Changes whenever a dump can no longer be read by this code and configuration."""
        config = self._config
        names = ",".join(term.name for term in self._terms)
        return f"{VERSION}:{names}:{config.lags}:{config.anchors}"

    # -- learning -----------------------------------------------------------------------------

    def observe(
        self,
        timestamp: int,
        step_ms: int,
        value: float,
        forecasts: Sequence[float] | FloatArray,
        regressors: Mapping[str, float],
    ) -> None:
        """Learn a value (finite, at ``timestamp`` in ms), and what is forecast from it on.

        ``forecasts`` are those made after the value, uncorrected, one for each anchor; not finite
        where there is none. ``regressors`` are the newest values of other metrics by their name;
        those that are missing, not finite or not configured say nothing. ``step_ms`` is the time
        between two values; without it (0) nothing can be learned.
        """
        value = bounded(value)
        if not self._observed[0]:
            self._observed[1] = timestamp
        self._observed[2] = timestamp
        for horizon in range(len(self._waiting)):
            self._learn(horizon, timestamp, step_ms, value)
        self._scales.observe(0, value)
        known = [bounded(regressors.get(name, math.nan)) for name in self._config.metrics]
        for metric, other in enumerate(known, start=1):
            if not math.isnan(other):
                self._scales.observe(metric, other)
        self._history.take(np.array(known, np.float64))
        self._wait(timestamp, step_ms, np.array(forecasts, np.float64))
        self._observed[0] += 1

    def _learn(self, horizon: int, timestamp: int, step_ms: int, value: float) -> None:
        waiting = self._waiting[horizon]
        place = int(self._observed[0]) % waiting.horizon
        if not waiting.fits(place, timestamp, step_ms):
            return
        error = value - float(waiting.forecasts[place])
        for number, model in enumerate(self._models):
            features = waiting.features[place, self._columns[number]]
            model.learn(horizon, features, error, float(waiting.predicted[place, number]))
            error -= float(waiting.applied[place, number])

    def _wait(self, timestamp: int, step_ms: int, forecasts: FloatArray) -> None:
        usable = np.isfinite(forecasts) & (step_ms > 0 and self._scales.mature)
        forecasts = np.where(usable, within_magnitude(forecasts), math.nan)
        targets = [timestamp + anchor * step_ms for anchor in self._config.anchors]
        situation = self._situation(timestamp, targets, forecasts, {})
        parts = [term.features(situation) for term in self._terms]
        features = np.hstack([*parts, np.empty((len(targets), 0))])
        predicted = np.zeros((len(targets), len(parts)))
        applied = np.zeros_like(predicted)
        for number, (model, part) in enumerate(zip(self._models, parts, strict=True)):
            predicted[:, number] = model.predict(part).diagonal()
            applied[:, number] = predicted[:, number] * self._heeded(number)
        for horizon, waiting in enumerate(self._waiting):
            place = int(self._observed[0]) % waiting.horizon
            waiting.targets[place] = targets[horizon]
            waiting.forecasts[place] = forecasts[horizon]
            waiting.features[place] = features[horizon]
            waiting.predicted[place] = predicted[horizon]
            waiting.applied[place] = applied[horizon]

    def _heeded(self, number: int) -> BoolArray:
        """Anchors at which the term is heeded."""
        watched = int(self._observed[2]) - int(self._observed[1])
        return self._models[number].heeded & (watched >= self._terms[number].patience_ms)

    def _situation(
        self,
        timestamp: int,
        targets: Sequence[int],
        forecasts: FloatArray,
        regressors: Mapping[str, float],
    ) -> Situation:
        metrics: dict[str, FloatArray] = {}
        for metric, name in enumerate(self._config.metrics):
            values = self._history.lagged(metric)
            newest = bounded(regressors.get(name, math.nan))
            if self._config.lags[0] == 0 and not math.isnan(newest):
                values[0] = newest
            metrics[name] = self._scales.standardised(metric + 1, values)
        return Situation(timestamp, targets, self._scales.standardised(0, forecasts), metrics)

    # -- correcting ---------------------------------------------------------------------------

    def correct(
        self, timestamp: int, step_ms: int, mean: FloatArray, regressors: Mapping[str, float]
    ) -> FloatArray:
        """The forecast (steps 1..n after ``timestamp``, ms) corrected by what is heeded.

        At an anchor it is what was scored, between anchors interpolated. Beyond the last one
        the calendar counts as there, and what other metrics say fades with the distance.
        ``regressors`` may be newer than those observed. Changes nothing.
        """
        usable = step_ms > 0 and bool(np.isfinite(mean).all())
        heeded = [self._heeded(number) for number in range(len(self._models))]
        if not usable or not any(each.any() for each in heeded):
            return mean.copy()
        targets = [timestamp + step * step_ms for step in range(1, mean.size + 1)]
        situation = self._situation(timestamp, targets, within_magnitude(mean), regressors)
        corrected = mean.copy()
        for term, model, used in zip(self._terms, self._models, heeded, strict=True):
            if used.any():
                weights = _weights(self._config.anchors, mean.size, term.ahead)
                expected = model.predict(term.features(situation))
                corrected += (weights * used * expected).sum(axis=1)
        return within_magnitude(corrected)

    def report(self) -> tuple[TermScore, ...]:
        """What helps, and how much: each term at each anchor, relative to those before it."""
        return tuple(
            TermScore(self._terms[number].name, anchor, float(ratio), int(scored), bool(heeded))
            for number, model in enumerate(self._models)
            for anchor, ratio, scored, heeded in zip(
                self._config.anchors, model.ratios, model.scored, self._heeded(number), strict=True
            )
        )

    # -- storing ------------------------------------------------------------------------------

    def _arrays(self) -> list[NDArray[np.generic]]:
        parts = (*self._models, self._scales, self._history, *self._waiting)
        return [self._observed, *(array for part in parts for array in part.state)]

    def dump(self) -> bytes:
        """All that was learned; the same for equal states."""
        return seal(_encode([array.tobytes() for array in self._arrays()]))

    def load(self, data: bytes) -> None:
        """Continue from a dump of the same ``state_version``, bit for bit.

        Raises StateError when it is damaged or does not fit; the regression is then fresh.
        """
        self._start()
        try:
            stored = _decode(unseal(data, WHAT))
        except msgspec.MsgspecError as error:
            raise damaged(WHAT, error) from error
        arrays = self._arrays()
        fits = [len(each) for each in stored] == [array.nbytes for array in arrays]
        require(fits, WHAT, "its parts have another size")
        for array, each in zip(arrays, stored, strict=True):
            array[...] = np.frombuffer(each, array.dtype).reshape(array.shape)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


def _terms(config: RegressorConfig, calendar: Calendar) -> list[Term]:
    """The calendar first: it is never wrong about the future."""
    if config.holidays and not calendar.has_holidays:
        raise ConfigError(
            "the calendar has no holidays",
            field="holidays",
            value=True,
            remedy="configure the calendar's country",
        )
    terms: list[Term] = []
    if config.holidays:
        terms.append(Holiday(calendar))
    if config.weekday:
        terms.append(Weekday(calendar))
    if config.hour:
        terms.append(HourOfDay(calendar))
    if config.metrics:
        terms.append(Itself())
    terms += [OtherMetric(name, len(config.lags)) for name in config.metrics]
    return terms


@lru_cache(maxsize=64)
def _weights(anchors: tuple[int, ...], steps: int, ahead: bool) -> FloatArray:
    """How much each anchor counts at steps 1..n, shape (n, anchors)."""
    at = np.arange(1, steps + 1, dtype=np.float64)
    weights = np.column_stack([np.interp(at, anchors, each) for each in np.eye(len(anchors))])
    if not ahead:
        weights *= np.minimum(1.0, anchors[-1] / at)[:, np.newaxis]
    weights.flags.writeable = False
    return weights


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError("setting out of range", field=name, value=value, remedy=remedy)
