"""What a forecast may be corrected by: the parts of a regression and their features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from streams.core.forecasting.calendar import Calendar
from streams.core.kernel.batch import FloatArray

HARMONICS = 2
"""Waves of the day: one and two a day."""


TRIAL, TRIAL_PER_STEP = 100, 10
"""Errors to be scored before a term is heeded: more for longer horizons, whose errors overlap
and so tell less."""
DAY_MS = 86_400_000
HOUR_PATIENCE, WEEKDAY_PATIENCE = 3 * DAY_MS, 21 * DAY_MS
"""What happened once at an hour or a weekday may have been any change: it must have come back."""
FEW = 8
"""The same where there are few: a year has about ten holidays."""


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What is known when forecasts are made, and what they are for; n forecasts."""

    now: int
    """Time of the newest value, ms."""
    targets: Sequence[int]
    """Times that the forecasts are for, ms."""
    forecasts: FloatArray
    """How far the forecasts lie from the slow level of the series, in its deviations."""
    metrics: Mapping[str, FloatArray]
    """The same of the other metrics, one number for each lag; 0 where nothing is known."""


class Term(Protocol):
    """One reason for which values may differ from a forecast."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def size(self) -> int:
        """Number of features."""
        ...

    @property
    def ahead(self) -> bool:
        """Whether it knows about any time ahead, as a calendar does."""
        ...

    @property
    def patience_ms(self) -> int:
        """Time to have watched before it is heeded."""
        ...

    def trial(self, horizon: int) -> int:
        """Errors that are scored before it is heeded that many steps ahead."""
        ...

    def features(self, situation: Situation) -> FloatArray:
        """Numbers of size 1, shape (n, size); all 0 where the term has nothing to say."""
        ...


def usual_trial(horizon: int) -> int:
    """Errors to be scored for a term that concerns every value."""
    return TRIAL + TRIAL_PER_STEP * horizon


class Itself:
    """The forecast alone: corrects one that is usually too bold or too timid.

    It comes before the other metrics, so that nothing is ascribed to them which needs none.
    """

    name, size, ahead, patience_ms = "itself", 1, False, 0
    trial = staticmethod(usual_trial)

    def features(self, situation: Situation) -> FloatArray:
        return situation.forecasts[:, np.newaxis]


class OtherMetric:
    """Another metric of the same entity, now and some values ago."""

    ahead, patience_ms = False, 0
    trial = staticmethod(usual_trial)

    def __init__(self, name: str, lags: int) -> None:
        self.name = name
        self.size = lags + 1

    def features(self, situation: Situation) -> FloatArray:
        found = np.zeros((len(situation.targets), self.size))
        found[:, :-1] = situation.metrics[self.name]
        if found.any():
            # what the metric tells may be in the forecast already
            found[:, -1] = situation.forecasts
        return found


class HourOfDay:
    """Time of the day, as waves."""

    name, size, ahead, patience_ms = "hour", 2 * HARMONICS, True, HOUR_PATIENCE
    trial = staticmethod(usual_trial)

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def features(self, situation: Situation) -> FloatArray:
        hours = np.array([self._calendar.hour(target) for target in situation.targets])
        angles = np.outer(hours * (2 * math.pi / 24), np.arange(1, HARMONICS + 1))
        return np.hstack([np.sin(angles), np.cos(angles)])


class Weekday:
    """Day of the week, each by itself."""

    name, size, ahead, patience_ms = "weekday", 7, True, WEEKDAY_PATIENCE
    trial = staticmethod(usual_trial)

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def features(self, situation: Situation) -> FloatArray:
        return np.eye(7)[[self._calendar.weekday(target) for target in situation.targets]]


class Holiday:
    """Public holidays: one ahead, one that goes on, and one that is now and over by then, which
    misleads forecasts about the days after it.

    Each as a shift, and in proportion to how far the forecast lies from the slow level: on a day
    off the daily wave may be missing. Only forecasts that a holiday concerns are scored.
    """

    name, size, ahead, patience_ms = "holiday", 6, True, 0

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def trial(self, horizon: int) -> int:
        return FEW

    def features(self, situation: Situation) -> FloatArray:
        now = bool(self._calendar.holiday(situation.now))
        then = np.array([bool(self._calendar.holiday(at)) for at in situation.targets], np.bool_)
        cases = np.column_stack([then & (not now), then & now, ~then & now]).astype(np.float64)
        return np.hstack([cases, cases * situation.forecasts[:, np.newaxis]])


RESERVED = ("itself", "hour", "weekday", "holiday")
"""Names of terms that no metric may have."""


class TermScore(NamedTuple):
    """How much one term helps at one horizon."""

    term: str
    """Metric name, ``itself``, ``hour``, ``weekday`` or ``holiday``."""
    horizon: int
    """Steps ahead."""
    ratio: float
    """Running error with the term over that without it; below 1 it helps."""
    scored: int
    """Forecasts compared, of those that the term concerns."""
    heeded: bool
    """Whether forecasts are corrected by it."""
