"""All that is learned about the values of many series: models, their errors, drift, anomalies."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from streams.core.forecasting.anomaly import AnomalyDetectors
from streams.core.forecasting.bounds import within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.drift import DriftDetectors
from streams.core.forecasting.interval import NORMAL_MAE, half_width, margins
from streams.core.forecasting.protocol import ProbabilisticForecaster
from streams.core.forecasting.registry import create
from streams.core.forecasting.selection import OnTrial, is_expensive
from streams.core.forecasting.stored import Part, Stored, decode_bank, encode_bank
from streams.core.forecasting.track import (
    MEMBER,
    TRACK,
    observe_many,
    score_member,
    step_of,
    tracks,
)
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.core.kernel.columns import group
from streams.core.kernel.model_results import (
    Learned,
    ModelChange,
    Quality,
    RunningAccuracy,
    SeriesForecast,
)
from streams.errors import ConfigError, UnknownName

DRIFT = "drift"
ANOMALY = "anomaly"
"""Names of the detectors among the parts that ``load`` reports as starting anew."""
REWEIGH_AFTER = 16
"""Values of a series between a drift and the re-weighting that it brings about. A batch is
learned in pieces with at most so many values of one series: then no piece contains both, and
results do not depend on how values were cut into batches."""
CLEARLY_BETTER = 0.8
FEWEST_SCORES = 5
"""Compared forecasts that a model needs before it can be preferred."""


class SeriesBank:
    """Models, detectors and error statistics of many series, one per row.

    Forecasts come from the first configured model, unless another one's running one-step error
    is below ``CLEARLY_BETTER`` times its own, or it is not ready. Drift and anomalies describe the
    one-step forecasts of the first that is ready.
    """

    def __init__(self, config: ForecastConfig) -> None:
        self._config = config
        self._models = [create(name, config) for name in config.models]
        self._models[1:] = [
            OnTrial(model) if is_expensive(model) else model for model in self._models[1:]
        ]
        self._informed = [
            model if isinstance(model, ProbabilisticForecaster) else None for model in self._models
        ]
        """The same models, where they know their own intervals."""
        self._names = [model.name for model in self._models]
        if len(set(self._names)) < len(self._names):
            raise ConfigError(
                "a forecaster is configured twice",
                field="forecasting.models",
                value=config.models,
                remedy="name each forecaster once",
            )
        self._drift = DriftDetectors(config.drift_delta)
        self._anomalies = AnomalyDetectors(config.anomaly_threshold, config.anomaly_quiet_steps)
        self._detectors = {DRIFT: self._drift, ANOMALY: self._anomalies}
        self._tracks = tracks(0)
        self._members = np.zeros((0, len(self._models)), MEMBER)

    @property
    def names(self) -> tuple[str, ...]:
        """Models that run, in the order in which they are asked."""
        return tuple(self._names)

    # -- rows ---------------------------------------------------------------------------------

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1. New rows are fresh and cost nothing until they learn."""
        for part in (*self._models, self._drift, self._anomalies):
            part.resize(rows)
        extra = rows - len(self._tracks)
        self._tracks = np.concatenate([self._tracks, tracks(extra)])
        fresh = np.zeros((extra, len(self._models)), MEMBER)
        self._members = np.concatenate([self._members, fresh])

    def reset(self, row: int) -> None:
        """Make the row fresh: its slot goes to another series."""
        for part in (*self._models, self._drift, self._anomalies):
            part.reset(row)
        self._tracks[row] = tracks(1)[0]
        self._members[row] = np.zeros((), MEMBER)

    def points(self, row: int) -> int:
        """Values that the row has learned."""
        return int(self._tracks["points"][row])

    def step_ms(self, row: int) -> int:
        """Time between two values; 0 when the timestamps do not show one."""
        return step_of(self._tracks[row])

    # -- learning -----------------------------------------------------------------------------

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> Learned:
        """Learn values in the given order; rows may repeat. Arrays of equal length.

        ``timestamps`` (ms) tell time step and season: out of order, a value is learned as it
        comes.
        """
        values = within_magnitude(values)
        pieces = _pieces(rows)
        if pieces is None:
            return self._learn_piece(rows, timestamps, values)
        return _joined(
            pieces, [self._learn_piece(rows[at], timestamps[at], values[at]) for at in pieces]
        )

    def _learn_piece(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> Learned:
        predicted = np.full(rows.size, math.nan)
        changes: list[ModelChange] = []
        level = self._config.level
        width = half_width(level) * NORMAL_MAE
        first = predicted
        for member, model in enumerate(self._models):
            if isinstance(model, OnTrial):
                forecasts = model.learn_many(rows, timestamps, values, first)
                changes += [
                    ModelChange(
                        change.position, model.name, change.trial_status.name.lower(), change.ratio
                    )
                    for change in model.take_changes()
                ]
            else:
                forecasts = model.learn_many(rows, timestamps, values)
            if member == 0:
                first = forecasts
            predicted = _first_ready(predicted, forecasts)
            score_member(self._members, member, rows, values, forecasts, width, level)
        residual = values - predicted
        relative = np.empty(rows.size)
        observe_many(self._tracks, rows, timestamps, values, residual, relative)
        drift = self._drift.update_many(rows, relative)
        if drift.any():
            self._reweigh(rows, drift)
        score, alarm = self._anomalies.update_many(rows, timestamps, values, predicted)
        return Learned(predicted, residual, score, alarm, drift, changes)

    def _reweigh(self, rows: IntArray, drift: BoolArray) -> None:
        for position in np.flatnonzero(drift).tolist():
            row = rows[position]
            later = np.count_nonzero(rows[position + 1 :] == row)
            for model, informed in zip(self._models, self._informed, strict=True):
                if informed is not None:
                    informed.reweigh(int(row), int(later), REWEIGH_AFTER)
                elif isinstance(model, OnTrial):
                    model.wake(int(row), int(later), REWEIGH_AFTER)

    # -- forecasting --------------------------------------------------------------------------

    def forecast(
        self, row: int, horizon: int, level: float, method: str = ""
    ) -> SeriesForecast | None:
        """Forecast of the next ``horizon`` steps with intervals that hold ``level``, 0..1.

        By ``method``, or by the preferred model. None before ``min_points`` values, and
        while no model is ready. Changes nothing. A model without intervals of its own gets normal
        ones, from its running error times sqrt(h): zero wide after constant values, never
        infinite. Raises ConfigError for a level or horizon out of range, UnknownName for a method
        that does not run.
        """
        _require(0 < level < 1, "level", level, "use a number between 0 and 1")
        _require(horizon >= 1, "horizon", horizon, "use 1 or more")
        for member in self._candidates(row, method):
            if self.points(row) < self._config.min_points:
                return None
            found = self._forecast_of(row, member, horizon, level)
            if found is not None:
                return found
        return None

    def _candidates(self, row: int, method: str) -> list[int]:
        """Models in the order in which they are asked."""
        if not method:
            return self._preferred(row)
        if method not in self._names:
            raise UnknownName(
                "this method does not run",
                field="method",
                value=method,
                remedy=f"use one of {', '.join(self._names)}, or add it to forecasting.models",
            )
        return [self._names.index(method)]

    def _preferred(self, row: int) -> list[int]:
        order = list(range(len(self._models)))
        if len(order) == 1:
            return order
        scores = self._members[row]
        rivals = [member for member in order[1:] if scores["scored"][member] >= FEWEST_SCORES]
        best = min(rivals, key=lambda member: scores["error"][member], default=0)
        if scores["error"][best] < CLEARLY_BETTER * scores["error"][0]:
            order.remove(best)
            order.insert(0, best)
        return order

    def _forecast_of(
        self, row: int, member: int, horizon: int, level: float
    ) -> SeriesForecast | None:
        """The forecast of one model; None while it is not ready."""
        informed, quality = self._informed[member], self._quality(row, member)
        if informed is not None:
            mean, lower, upper = informed.quantiles(row, horizon, level)
            members = informed.members(row, horizon)
        else:
            mean = self._models[member].forecast(row, horizon)
            margin = margins(NORMAL_MAE * quality.error, level, horizon)
            lower, upper, members = mean - margin, mean + margin, (self._names[member],)
        if not np.isfinite(mean).all():
            return None
        return SeriesForecast(
            method=self._names[member],
            members=members,
            step_ms=self.step_ms(row),
            mean=mean,
            lower=lower,
            upper=upper,
            level=level,
            error=quality.error,
            coverage=quality.coverage,
            promised=quality.promised,
            points=self.points(row),
        )

    def breach(
        self,
        row: int,
        threshold: float,
        horizon: int,
        *,
        above: bool,
        move: FloatArray | None = None,
    ) -> float | None:
        """Probability that one of the next ``horizon`` values passes the threshold, of a forecast
        that is corrected by ``move`` (steps).

        None when the model that forecasts keeps no record of how far extremes of the values lie
        from its forecasts, or none yet: the caller then has the intervals alone.
        """
        member = self._ready_member(row)
        model = None if member is None else self._informed[member]
        chance = math.nan if model is None else model.breach(row, threshold, horizon, above, move)
        return None if math.isnan(chance) else chance

    def _ready_member(self, row: int) -> int | None:
        if self.points(row) < self._config.min_points:
            return None
        for member in self._preferred(row):
            if math.isfinite(self._models[member].forecast(row, 1)[0]):
                return member
        return None

    # -- how good it is -----------------------------------------------------------------------

    def quality(self, row: int) -> Quality | None:
        """Error and coverage of what ``forecast`` gives; None when it gives nothing."""
        member = self._ready_member(row)
        return None if member is None else self._quality(row, member)

    def _quality(self, row: int, member: int) -> Quality:
        score, model = self._members[row, member], self._informed[member]
        if model is not None:
            return Quality(float(score["error"]), *model.coverage(row))
        return Quality(float(score["error"]), float(score["coverage"]), self._config.level)

    def accuracy(self, row: int) -> RunningAccuracy:
        """Errors of the forecasts so far, each made before its value was known."""
        track = self._tracks[row]
        scored = bool(track["scored"])
        member = self._ready_member(row)
        model = None if member is None else self._informed[member]
        anchors = () if model is None else model.accuracy(row)
        known = dict(zip(self._names, self._members[row].tolist(), strict=True))
        return RunningAccuracy(
            points=self.points(row),
            mae=float(track["error"]) if scored else None,
            rmse=math.sqrt(track["variance"]) if scored else None,
            mape=100 * float(track["percentage"]) if track["percentages"] else None,
            convergence=_settled(track["error"], track["long_error"]) if scored else None,
            models={name: error for name, (scored, error, _) in known.items() if scored},
            horizons=tuple(anchors),
        )

    def recent(self, row: int) -> FloatArray:
        """The newest values, oldest first; empty when no model keeps them."""
        model = next((model for model in self._informed if model is not None), None)
        return np.empty(0) if model is None else model.recent(row)

    # -- storing ------------------------------------------------------------------------------

    def dump(self, row: int) -> bytes:
        """State of one row; the same for equal states. Its largest parts are the ensemble's row
        and ADWIN's window."""
        models = zip(self._names, self._models, self._members[row].tolist(), strict=True)
        parts = [
            Part(name, model.state_version, model.dump(row), score) for name, model, score in models
        ]
        for name, detector in self._detectors.items():
            parts.append(Part(name, detector.state_version, detector.dump(row)))
        return encode_bank(Stored(parts, self._tracks[row].tobytes()))

    def load(self, row: int, data: bytes) -> list[str]:
        """Continue from a dump as if never interrupted, bit for bit.

        Returns the names of parts that could not be used and start anew: models that are newly
        configured or whose stored form has changed, ``drift`` and ``anomaly``. Raises StateError
        when the bytes are damaged or the form of the whole has changed; the row is then fresh.
        """
        self.reset(row)
        stored = decode_bank(data)
        track = np.frombuffer(stored.track, TRACK)[0]
        if not track["points"]:
            return []
        try:
            anew = self._load_parts(row, {part.name: part for part in stored.parts})
        except Exception:
            self.reset(row)
            raise
        self._tracks[row] = track
        return anew

    def _load_parts(self, row: int, parts: dict[str, Part]) -> list[str]:
        anew: list[str] = []
        models = dict(zip(self._names, self._models, strict=True))
        for name, model in (models | self._detectors).items():
            part = parts.get(name)
            if part is None or part.version != model.state_version:
                anew.append(name)
                continue
            model.load(row, part.state)
            if part.score is not None:
                self._members[row, self._names.index(name)] = part.score
        return anew


def _pieces(rows: IntArray) -> list[IntArray] | None:
    """Positions in pieces with at most REWEIGH_AFTER of one row each; None when all fit in one."""
    if rows.size <= REWEIGH_AFTER or np.bincount(rows).max() <= REWEIGH_AFTER:
        return None
    groups = group(rows)
    rank = np.empty(rows.size, np.int64)
    rank[groups.order] = np.arange(rows.size) - np.repeat(groups.starts, groups.counts)
    piece = rank // REWEIGH_AFTER
    return [np.flatnonzero(piece == number) for number in range(int(piece.max()) + 1)]


def _joined(pieces: list[IntArray], parts: list[Learned]) -> Learned:
    """What came of the pieces, in the order of the batch."""
    order = np.argsort(np.concatenate(pieces))
    return Learned(
        np.concatenate([part.predicted for part in parts])[order],
        np.concatenate([part.residual for part in parts])[order],
        np.concatenate([part.score for part in parts])[order],
        np.concatenate([part.alarm for part in parts])[order],
        np.concatenate([part.drift for part in parts])[order],
        [
            change._replace(position=int(at[change.position]))
            for at, part in zip(pieces, parts, strict=True)
            for change in part.changes
        ],
    )


def _settled(lately: float, long: float) -> float:
    larger = max(lately, long)
    return float(min(lately, long) / larger) if larger else 1.0


def _first_ready(forecasts: FloatArray, others: FloatArray) -> FloatArray:
    return cast(FloatArray, np.where(np.isnan(forecasts), others, forecasts))


def _require(condition: bool, name: str, value: float, remedy: str) -> None:
    if not condition:
        raise ConfigError("argument out of range", field=name, value=value, remedy=remedy)
