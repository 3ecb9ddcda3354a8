"""What a bank of series says: about a batch it learned, about the future, about its own errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streams.core.kernel.batch import BoolArray, FloatArray


class ModelChange(NamedTuple):
    """An expensive model begins or ends to learn a series."""

    position: int
    """Of the value that brought it about, in the batch."""
    model: str
    trial_status: str
    """on_trial, kept or resting."""
    ratio: float
    """Its error relative to that of the first model, over the same values."""


class Learned(NamedTuple):
    """What came of a batch, one entry per value."""

    predicted: FloatArray
    """One-step forecast made before the value; NaN when none."""
    residual: FloatArray
    """Value minus forecast."""
    score: FloatArray
    """How unusual the series has lately been, in deviations; 0 without a judgement."""
    alarm: BoolArray
    """Whether an anomaly begins: once per incident."""
    drift: BoolArray
    """Whether it has become certain that the size of the error has changed for good."""
    changes: list[ModelChange]
    """Few, if any; not one per value."""


class Detection(NamedTuple):
    """What the models noticed at one value."""

    value: float
    expected: float
    score: float
    """How unusual the series has lately been, in deviations."""
    is_anomaly: bool
    """Whether an anomaly begins here."""
    is_drift: bool
    """Whether it has become certain here that the size of the error has changed for good."""
    changes: tuple[ModelChange, ...] = ()
    """Models that begin or end to learn the series."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesForecast:
    """Expected values of one series at its next steps, with intervals."""

    method: str
    """The model."""
    members: tuple[str, ...]
    """What the model combines, heaviest first; its own name when it is one of a kind."""
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
    """Running share of values inside their interval."""
    promised: float
    """The share that should have been inside."""
    points: int
    """Values learned."""

    @property
    def confidence(self) -> float:
        """0..1, how far the intervals can be taken at their word."""
        return confidence(self.coverage, self.promised)


class AnchorAccuracy(NamedTuple):
    """How forecasts that lie some steps ahead have done."""

    horizon: int
    """Steps ahead."""
    mae: float
    """Running mean absolute error."""
    coverage: float
    """Running share of values between the 10 % and the 90 % quantile."""
    scored: int
    """Forecasts compared with their value."""


@dataclass(frozen=True, slots=True)
class RunningAccuracy:
    """Errors of forecasts made before their values, as running means."""

    points: int
    mae: float | None
    """Of one step; None before the first score."""
    rmse: float | None
    mape: float | None
    """Percent of the value, over values that are not 0; None when there were none."""
    convergence: float | None
    """0..1, how far the errors have settled: the smaller over the larger of the running error and
    that of a ten times longer memory. None before the first score."""
    models: dict[str, float]
    """One-step error of every model that runs for the series."""
    horizons: tuple[AnchorAccuracy, ...]
    """Of the method that forecasts come from; empty when it keeps none."""


class Quality(NamedTuple):
    """What decisions need to know of a forecast, without making one."""

    error: float
    """Running mean absolute one-step error."""
    coverage: float
    """Running share of values inside their interval."""
    promised: float
    """The share that should have been inside."""

    @property
    def confidence(self) -> float:
        """0..1, how far the intervals can be taken at their word."""
        return confidence(self.coverage, self.promised)


def confidence(coverage: float, promised: float) -> float:
    """1 for intervals that hold what they promise, less the relative error of their coverage.

    Intervals that hold too much count as wrong as those that hold too little: both mislead about
    how likely a limit is passed.
    """
    return max(0.0, 1 - abs(coverage - promised) / promised)
