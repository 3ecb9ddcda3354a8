"""All that is learned about the values of many series: models, their errors, drift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from streams.core.batch import BoolArray, FloatArray, IntArray
from streams.core.config import ForecastConfig
from streams.core.forecasting import ensemble
from streams.core.forecasting.bounds import within_magnitude
from streams.core.forecasting.drift import DriftDetectors
from streams.core.forecasting.interval import half_width, margins
from streams.core.forecasting.registry import create
from streams.core.forecasting.state import damaged, require, require_finite, seal, unseal
from streams.core.forecasting.track import MEMORY, RATE, Track, TrackState
from streams.errors import ConfigError

STATE_VERSION = 1
DRIFT = "drift"
"""Name of the drift detector among the parts that ``load`` reports as starting anew."""


class Learned(NamedTuple):
    """What came of a batch, one entry per value."""

    predicted: FloatArray
    """One-step forecast of the first configured model made before the value; NaN when none."""
    residual: FloatArray
    """Value minus forecast."""
    drift: BoolArray
    """Whether the size of the error has changed for good."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesForecast:
    """Expected values of one series at its next steps, with intervals."""

    method: str
    """The model, or ``ensemble(...)`` with those that took part."""
    step_ms: int
    """Time between two steps; 0 when the timestamps do not show one."""
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    """Probability that a value lies between lower and upper."""
    error: float
    """Running mean absolute one-step error."""
    coverage: float
    """Running share of values inside their one-step interval at the configured level."""
    points: int
    """Values learned."""


class _Part(msgspec.Struct, array_like=True, gc=False):
    name: str
    version: str
    state: bytes
    error: float | None


class _Stored(msgspec.Struct, array_like=True, gc=False):
    version: int
    models: list[_Part]
    drift_version: str
    drift: bytes
    track: TrackState | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


class SeriesBank:
    """Models, drift detector and error statistics of many series, one per row.

    Error, coverage and drift describe what ``forecast`` gives: the only model, or the ensemble of
    several weighed by recent error. Results do not depend on how values are cut into batches.
    """

    def __init__(self, config: ForecastConfig) -> None:
        self._config = config
        self._models = [create(name, config) for name in config.models]
        self._names = [model.name for model in self._models]
        self._versions = [model.state_version for model in self._models]
        if len(set(self._names)) < len(self._names):
            raise ConfigError(
                "a forecaster is configured twice",
                field="forecasting.models",
                value=config.models,
                remedy="name each forecaster once",
            )
        self._drift = DriftDetectors(config.drift_delta)
        self._tracks: list[Track | None] = []
        self._member_errors: list[list[float] | None] = []

    # -- rows ---------------------------------------------------------------------------------

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1. New rows are fresh and cost nothing until they learn."""
        for part in (*self._models, self._drift):
            part.resize(rows)
        extra = rows - len(self._tracks)
        self._tracks.extend([None] * extra)
        self._member_errors.extend([None] * extra)

    def reset(self, row: int) -> None:
        """Make the row fresh: its slot goes to another series."""
        for part in (*self._models, self._drift):
            part.reset(row)
        self._tracks[row] = self._member_errors[row] = None

    def points(self, row: int) -> int:
        """Values that the row has learned."""
        track = self._tracks[row]
        return 0 if track is None else track.points

    # -- learning -----------------------------------------------------------------------------

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> Learned:
        """Learn values in the given order; rows may repeat. Arrays of equal length.

        ``timestamps`` (ms) only tell the time step: out of order, a value is learned as it comes.
        """
        values = within_magnitude(values)
        forecasts = [model.learn_many(rows, timestamps, values) for model in self._models]
        predicted = forecasts[0]
        residual = values - predicted
        if len(forecasts) == 1:
            relative = self._score(rows, timestamps, residual)
        else:
            mixed = self._mix_many(rows, values, forecasts)
            relative = self._score(rows, timestamps, values - mixed)
        return Learned(predicted, residual, self._drift.update_many(rows, relative))

    def _score(self, rows: IntArray, timestamps: IntArray, residuals: FloatArray) -> FloatArray:
        """Update the tracks; returns each error relative to the running one, 0..1, or NaN.

        The relative error is e / (e + running e), 0.5 for one as large as usual: the detector
        wants numbers between 0 and 1 and needs no clipping this way.
        """
        tracks, level, isnan = self._tracks, self._config.level, math.isnan
        inside = half_width(level) ** 2
        each: list[int] = rows.tolist()
        relative: list[float] = []
        add = relative.append
        for row, timestamp, residual in zip(
            each, timestamps.tolist(), residuals.tolist(), strict=True
        ):
            track = tracks[row] or self._begin(row)
            points = track.points = track.points + 1
            if points >= track.check_at:
                track.observe(timestamp)
            scored = track.scored
            if isnan(residual):
                add(residual)
                continue
            if not scored:
                add(math.nan)
                track.first_score(residual, level)
                continue
            if scored < MEMORY:
                track.scored = scored = scored + 1
                rate = 1 / scored
            else:
                rate = RATE
            size, square = abs(residual), residual * residual
            error, variance, coverage = track.error, track.variance, track.coverage
            add(size / (size + error) if size else 0.0)
            track.error = error + rate * (size - error)
            track.variance = variance + rate * (square - variance)
            track.coverage = coverage + rate * ((square <= inside * variance) - coverage)
        return np.array(relative)

    def _begin(self, row: int) -> Track:
        track = self._tracks[row] = Track()
        return track

    def _mix_many(
        self, rows: IntArray, values: FloatArray, forecasts: list[FloatArray]
    ) -> FloatArray:
        """One-step forecasts of the ensemble; the members' errors learn the values."""
        known = self._member_errors
        all_ready = [True] * len(forecasts)
        each: list[int] = rows.tolist()
        mixed: list[float] = []
        columns = zip(*(forecast.tolist() for forecast in forecasts), strict=True)
        for row, value, members in zip(each, values.tolist(), columns, strict=True):
            errors = known[row] or self._begin_errors(row)
            ready = all_ready
            if any(map(math.isnan, members)):
                ready = [not math.isnan(member) for member in members]
            if any(ready):
                mixed.append(ensemble.mix(members, ensemble.weights(errors, ready)))
                ensemble.update(errors, members, value)
            else:
                mixed.append(math.nan)
        return np.array(mixed)

    def _begin_errors(self, row: int) -> list[float]:
        errors = self._member_errors[row] = [math.nan] * len(self._models)
        return errors

    # -- forecasting --------------------------------------------------------------------------

    def forecast(self, row: int, horizon: int, level: float) -> SeriesForecast | None:
        """Forecast of the next ``horizon`` steps with intervals that hold ``level``, 0..1.

        None before ``min_points`` values, and while no model is ready. Changes nothing. Intervals
        are normal, from the running one-step deviation times sqrt(h): zero wide after constant
        values, never infinite. Raises ConfigError for a level or horizon out of range.
        """
        _require(0 < level < 1, "level", level, "use a number between 0 and 1")
        _require(horizon >= 1, "horizon", horizon, "use 1 or more")
        track = self._tracks[row]
        if track is None or track.points < self._config.min_points:
            return None
        members = [model.forecast(row, horizon) for model in self._models]
        ready = [bool(np.isfinite(member).all()) for member in members]
        if not any(ready):
            return None
        method, mean = self._combined(row, members, ready)
        margin = margins(track.variance, level, horizon)
        return SeriesForecast(
            method=method,
            step_ms=track.step,
            mean=mean,
            lower=mean - margin,
            upper=mean + margin,
            level=level,
            error=track.error,
            coverage=track.coverage,
            points=track.points,
        )

    def _combined(
        self, row: int, members: list[FloatArray], ready: list[bool]
    ) -> tuple[str, FloatArray]:
        if len(members) == 1:
            return self._names[0], members[0]
        errors = self._member_errors[row] or [math.nan] * len(members)
        weight = ensemble.weights(errors, ready)
        used = [name for name, w in zip(self._names, weight, strict=True) if w]
        method = used[0] if len(used) == 1 else f"ensemble({','.join(used)})"
        return method, ensemble.mix(members, weight)

    # -- storing ------------------------------------------------------------------------------

    def dump(self, row: int) -> bytes:
        """State of one row; the same for equal states. Its largest part is ADWIN's window."""
        track, errors = self._tracks[row], self._member_errors[row]
        models = [
            (name, self._versions[member], self._models[member].dump(row), _error(errors, member))
            for member, name in enumerate(self._names)
        ]
        drift = self._drift.dump(row)
        return seal(_encode((STATE_VERSION, models, *drift, track and track.state)))

    def load(self, row: int, data: bytes) -> list[str]:
        """Continue from a dump as if never interrupted, bit for bit.

        Returns the names of parts that could not be used and start anew: models that are newly
        configured or whose stored form has changed, and ``drift``. Raises StateError when the
        bytes are damaged or the form of the whole has changed; the row is then fresh.
        """
        self.reset(row)
        stored = _checked(data)
        if stored.track is None:
            return []
        try:
            anew = self._load_models(row, {part.name: part for part in stored.models})
        except Exception:
            self.reset(row)
            raise
        if not self._drift.load(row, stored.drift_version, stored.drift):
            anew.append(DRIFT)
        self._tracks[row] = Track.restored(stored.track)
        return anew

    def _load_models(self, row: int, parts: dict[str, _Part]) -> list[str]:
        anew: list[str] = []
        errors = [math.nan] * len(self._models)
        for member, (name, model) in enumerate(zip(self._names, self._models, strict=True)):
            part = parts.get(name)
            if part is None or part.version != self._versions[member]:
                anew.append(name)
            else:
                model.load(row, part.state)
                errors[member] = math.nan if part.error is None else part.error
        if len(errors) > 1:
            self._member_errors[row] = errors
        return anew


def _require(condition: bool, name: str, value: float, remedy: str) -> None:
    if not condition:
        raise ConfigError("argument out of range", field=name, value=value, remedy=remedy)


def _error(errors: list[float] | None, member: int) -> float | None:
    return None if errors is None or math.isnan(errors[member]) else errors[member]


def _checked(data: bytes) -> _Stored:
    try:
        stored = _decode(unseal(data, "series"))
    except msgspec.MsgspecError as error:
        raise damaged("series", error) from error
    require(stored.version == STATE_VERSION, "series", f"version {stored.version} is not known")
    if stored.track is not None:
        track = stored.track
        require_finite((track.error, track.variance, track.coverage), "series")
    return stored
