"""Is a series behaving as it usually does? Judged by its values and their one-step forecasts.

Four numbers are each compared with their own long-run distribution in the series:

* ``point``: the size of this error, relative to the running mean error (a spike);
* ``volatility``: logarithm of the mean error of the last dozen values, likewise relative (a burst,
  a broken rhythm, a step);
* ``calm``: the opposite, over the last sixty (a sensor that hangs, a season that stays away);
* ``level``: the mean of the last fifty values, upwards and downwards (a shift, a slow drift).

The score is the largest of the four in deviations. As in Numenta's anomaly likelihood (Ahmad et
al., "Unsupervised real-time anomaly detection for streaming data", Neurocomputing 262, 2017),
what counts is how unusual a short-term mean is for this series. Differently from there, the
deviation is the cubic mean of the excesses on the side in question: for normal numbers the
standard deviation, but larger where excesses are rare and large. So a series that has
spikes now and then needs a larger one to stand out. docs/decisions/anomaly-detection.md has the
measurements.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from streams.core.forecasting.jit import compiled
from streams.core.forecasting.state import require, require_finite
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.errors import ConfigError

THRESHOLD = 3.2
"""Score, in deviations, from which an incident begins."""
QUIET_STEPS = 120
"""Judged values after the begin of an incident in which no other begins."""

STATE_VERSION = "1"
LEARNING = 5
"""Values that only the running means learn: before, an error relative to them means nothing."""
FIRST_JUDGED = 50
"""Values before the first score."""
MEMORY = 8000
"""Values that the distributions look back on: plain means over the first ones, then exponentially
weighted with rate 1 / MEMORY."""
FAST, SLOW, LEVEL = 2 / (12 + 1), 2 / (60 + 1), 2 / (50 + 1)
"""Rates of the short-term means, as exponential ones over 12, 60 and 50 values."""
VOLATILE_OFFSET, CALM_OFFSET = 0.5, 0.1
"""Added to a relative error before its logarithm is taken: what lies below makes no difference."""
POINT_WEIGHT, CALM_WEIGHT = 0.6, 0.75
"""Single errors are many, and calm varies slowly and much: at the usual threshold a single error
counts from five standard deviations in normal noise, calm from four of its deviations."""
FIRST_DEVIATION, FIRST_POINT, FIRST_LEVEL = 1.2, 2.0, 6.0
"""Every distribution starts with one excess of this size, so that the first values do not make
what follows look rare: in units of the logarithm, of the error, and of the error again."""
LEAST_LOG, LEAST_POINT, LEAST_LEVEL = 0.05, 0.05, 0.2
"""Smallest deviations, in the same units: after constant values anything would be infinitely
rare."""
MOST_RELATIVE = 1e6
"""Bound of every ratio, so that scores and cubes stay finite."""
RESOLUTION, TINY = 1e-12, 1e-300
"""Errors are taken to be at least this share of the value, and this, when others are related to
them: the rest is rounding."""
CUBE = math.sqrt(math.pi / 2)
"""Makes the cubic mean of the excesses, half of the values having none, the standard deviation
when they are normal."""


class Detector(Protocol):
    """One series, as the compiled code sees its row. "Over n values" is an exponential mean."""

    seen: int
    """Values with a forecast."""
    quiet: int
    """How many further ones begin no incident."""
    open: int
    """1 while an incident lasts."""
    error: float
    """Mean absolute error over MEMORY values."""
    fast: float
    """Over 12 values."""
    slow: float
    """Over 60 values."""
    level: float
    """Mean value over 50 values."""
    volatility_mean: float
    """Here and below: mean of a number that is judged, and deviation of its excesses."""
    volatility_deviation: float
    calm_mean: float
    calm_deviation: float
    point_mean: float
    point_deviation: float
    level_mean: float
    rise_deviation: float
    """Of the level above its mean."""
    fall_deviation: float
    """Of the level below its mean."""


_KINDS = {"int": "<i8", "float": "<f8"}
DETECTOR = np.dtype([(name, _KINDS[kind]) for name, kind in Detector.__annotations__.items()])
"""Layout of one series, also its stored form: 128 bytes."""


class AnomalyDetectors:
    """One detector per row; an alarm is raised once per incident.

    An incident begins when the score reaches ``threshold`` (deviations, above 0). It lasts
    ``quiet_steps`` judged values (0 or more), and on until the score is below the threshold
    again. Raises ConfigError when a number is out of range.
    """

    def __init__(self, threshold: float = THRESHOLD, quiet_steps: int = QUIET_STEPS) -> None:
        _require(0 < threshold < math.inf, "anomaly_threshold", threshold, "use a positive number")
        _require(
            0 <= quiet_steps < 2**31, "anomaly_quiet_steps", quiet_steps, "use 0 to 2147483647"
        )
        self.state_version = STATE_VERSION
        self._threshold = threshold
        self._quiet_steps = quiet_steps
        self._rows = np.zeros(0, DETECTOR)

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1; new rows are fresh."""
        fresh = np.zeros(rows - len(self._rows), DETECTOR)
        self._rows = np.concatenate([self._rows, fresh])

    def reset(self, row: int) -> None:
        """Make the row fresh."""
        self._rows[row] = np.zeros((), DETECTOR)

    def update_many(
        self, rows: IntArray, timestamps: IntArray, values: FloatArray, forecasts: FloatArray
    ) -> tuple[FloatArray, BoolArray]:
        """Take in values in the given order with the forecasts made before them; rows may repeat.

        Arrays of equal length; values are finite, up to 1e300 in size. A forecast that is not
        finite means no judgement: the value is passed over. Returns the scores (0 or more, finite;
        0 without a judgement) and where an incident begins.
        """
        del timestamps  # steps are taken as equal
        scores = np.zeros(rows.size)
        alarms = np.zeros(rows.size, np.bool_)
        _update_many(
            self._rows,
            rows,
            values,
            forecasts,
            self._threshold,
            self._quiet_steps,
            scores,
            alarms,
        )
        return scores, alarms

    def dump(self, row: int) -> bytes:
        """State of one row: 128 bytes, none when it is fresh."""
        held = self._rows[row]
        return held.tobytes() if held["seen"] else b""

    def load(self, row: int, state: bytes) -> None:
        """Continue from a dump of the same ``state_version`` as if never interrupted, bit for bit.

        Raises StateError when the state is damaged; the row is then fresh.
        """
        self.reset(row)
        if state:
            self._rows[row] = _checked(state)


def _checked(state: bytes) -> np.void:
    what = "anomaly detector"
    require(len(state) == DETECTOR.itemsize, what, "its length is wrong")
    held = np.frombuffer(state, DETECTOR)[0]
    counts, numbers = held.item()[:3], held.item()[3:]
    require_finite(numbers, what)
    require(counts[0] > 0 and counts[1] >= 0 and counts[2] in (0, 1), what, "a count is wrong")
    sizes = [held[name] for name in DETECTOR.names or () if name.endswith("deviation")]
    require(min(*sizes, *numbers[:3]) >= 0, what, "a size is negative")
    return held


def _require(condition: bool, name: str, value: float, remedy: str) -> None:
    if not condition:
        raise ConfigError(
            "argument out of range", field=f"forecasting.{name}", value=value, remedy=remedy
        )


@compiled
def _update_many(
    detectors: Any,
    rows: IntArray,
    values: FloatArray,
    forecasts: FloatArray,
    threshold: float,
    quiet_steps: int,
    scores: FloatArray,
    alarms: BoolArray,
) -> None:
    for i in range(rows.shape[0]):
        error = abs(values[i] - forecasts[i])
        if not math.isfinite(error):
            continue
        row: Detector = detectors[rows[i]]
        score = _judge(row, values[i], error)
        scores[i] = score
        if row.quiet > 0:
            row.quiet -= 1
        elif row.open:
            row.open = 1 if score >= threshold else 0
        elif score >= threshold:
            alarms[i] = True
            row.open = 1
            row.quiet = quiet_steps


@compiled
def _judge(row: Detector, value: float, error: float) -> float:
    """Score of a value; the row learns it."""
    usual = max(row.error, RESOLUTION * abs(value) + TINY)
    _average(row, value, error)
    if row.seen <= LEARNING:
        return 0.0
    if row.seen == LEARNING + 1:
        _begin(row)
    rate = max(1 / MEMORY, 1 / (row.seen - LEARNING + 1))

    number = math.log(min(row.fast / usual, MOST_RELATIVE) + VOLATILE_OFFSET)
    volatility, row.volatility_deviation = _compare(
        number - row.volatility_mean, row.volatility_deviation, rate, LEAST_LOG
    )
    row.volatility_mean += rate * (number - row.volatility_mean)

    number = -math.log(min(row.slow / usual, MOST_RELATIVE) + CALM_OFFSET)
    calm, row.calm_deviation = _compare(number - row.calm_mean, row.calm_deviation, rate, LEAST_LOG)
    row.calm_mean += rate * (number - row.calm_mean)

    number = min(error / usual, MOST_RELATIVE)
    point, row.point_deviation = _compare(
        number - row.point_mean, row.point_deviation, rate, LEAST_POINT
    )
    row.point_mean += rate * (number - row.point_mean)

    excess, least = row.level - row.level_mean, LEAST_LEVEL * usual
    rise, row.rise_deviation = _compare(excess, row.rise_deviation, rate, least)
    fall, row.fall_deviation = _compare(-excess, row.fall_deviation, rate, least)
    row.level_mean += rate * excess

    if row.seen <= FIRST_JUDGED:
        return 0.0
    return max(volatility, rise, fall, POINT_WEIGHT * point, CALM_WEIGHT * calm)


@compiled
def _average(row: Detector, value: float, error: float) -> None:
    row.seen += 1
    # plain means until a rate would be smaller than that of the exponential one
    once = 1 / row.seen
    row.error += max(1 / MEMORY, once) * (error - row.error)
    row.fast += max(FAST, once) * (error - row.fast)
    row.slow += max(SLOW, once) * (error - row.slow)
    row.level += max(LEVEL, once) * (value - row.level)


@compiled
def _begin(row: Detector) -> None:
    """Start the distributions where errors are as large as usual."""
    row.volatility_mean = math.log(1 + VOLATILE_OFFSET)
    row.calm_mean = -math.log(1 + CALM_OFFSET)
    row.point_mean = 1.0
    row.level_mean = row.level
    row.volatility_deviation = row.calm_deviation = FIRST_DEVIATION
    row.point_deviation = FIRST_POINT
    row.rise_deviation = row.fall_deviation = FIRST_LEVEL * row.error


@compiled
def _compare(excess: float, deviation: float, rate: float, least: float) -> tuple[float, float]:
    """An excess in deviations, 0 when there is none, and the deviation with the excess taken in.

    The deviation is a cubic mean; only a ratio is cubed, so that nothing overflows.
    """
    if excess <= 0:
        return 0.0, deviation * np.cbrt(1 - rate)
    surprise = min(excess / max(deviation, least), MOST_RELATIVE)
    if deviation <= 0:
        return surprise, excess * np.cbrt(rate * CUBE)
    ratio = min(excess / deviation, MOST_RELATIVE)
    return surprise, deviation * np.cbrt(1 + rate * (CUBE * ratio**3 - 1))
