"""What is known of a series besides its models: its time step and how well it is forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.jit import compiled
from streams.core.kernel.batch import FloatArray, IntArray

MEMORY = 100
"""Forecasts that the running errors, deviation and coverage look back on: plain means over the
first ones, then exponentially weighted with rate 1 / MEMORY."""
LONG_MEMORY = 1000
"""The same of the error that convergence is judged by."""
STEP_SAMPLE = 19
"""Gaps between the first timestamps whose median is the time step."""
STEP_CHECK = 32
"""Values between two looks at whether the time step still holds."""
STEP_TOLERANCE = 2.0
"""Factor by which the mean gap must be off, twice in a row, before the step is found anew."""
NEVER = -(2**63)
"""In place of a timestamp before the first one."""

TRACK = np.dtype(
    [
        ("points", "<i8"),
        ("scored", "<i8"),
        ("error", "<f8"),
        ("long_error", "<f8"),
        ("variance", "<f8"),
        ("percentage", "<f8"),
        ("percentages", "<i8"),
        ("step_ms", "<i8"),
        ("mark", "<i8"),
        ("check_at", "<i8"),
        ("odd", "<i8"),
        ("gap_count", "<i8"),
        ("gaps", "<i8", (STEP_SAMPLE,)),
    ]
)
"""Layout of one series' statistics, also their stored form.

``points``: values learned. ``scored``: forecasts compared with their value, at most LONG_MEMORY.
``error``, ``variance``: running means of the absolute and the squared one-step error;
``long_error``: the former over LONG_MEMORY forecasts.
``percentage``: running mean of |error / value| over values that are not 0; ``percentages`` counts
them, at most MEMORY. ``step_ms``: median gap, 0 while it is sampled for the first time. ``mark``:
timestamp of the last value seen while sampling, or of the last look at the step. ``check_at``:
number of points at which the next look is taken. ``odd``: looks in a row that found the step
wrong. ``gaps``: the sample.
"""

MEMBER = np.dtype([("scored", "<i8"), ("error", "<f8"), ("coverage", "<f8")])
"""How one model does: forecasts compared with their value, at most MEMORY; running mean of the
absolute one-step error; running share of values inside a normal interval of that error."""

FRESH = np.zeros((), TRACK)
FRESH["mark"] = NEVER


def tracks(rows: int) -> NDArray[Any]:
    """Statistics of that many series without values."""
    return np.full(rows, FRESH, TRACK)


@compiled
def observe_many(
    tracks: NDArray[Any],
    rows: IntArray,
    timestamps: IntArray,
    values: FloatArray,
    residuals: FloatArray,
    relative: FloatArray,
) -> None:
    """Take in values (timestamps in ms) and their one-step residuals, NaN where none was made.

    Writes into ``relative`` each error relative to the running one, or NaN: it
    is e / (e + running e), thus 0..1 and 0.5 for one as large as usual, since the drift detector
    wants bounded numbers and needs no clipping this way.

    The step is the median of the first ``STEP_SAMPLE`` gaps. Gaps of zero or less (records out
    of order) do not count. Every ``STEP_CHECK`` values the mean gap is compared with the step;
    when it is off by more than ``STEP_TOLERANCE`` twice in a row, which a single outage does not
    bring about, the sample is taken again and the old step stands until it is full.
    """
    for i in range(rows.shape[0]):
        track: Any = tracks[rows[i]]
        track.points += 1
        if track.points >= track.check_at:
            if track.check_at:
                _check_step(track, timestamps[i])
            else:
                _sample_step(track, timestamps[i])
            track.mark = timestamps[i]
        residual = residuals[i]
        if residual != residual:
            relative[i] = np.nan
            continue
        size = abs(residual)
        relative[i] = (
            np.nan if track.scored == 0 else 0.0 if size == 0 else (size / (size + track.error))
        )
        _score(track, values[i], size)


@compiled
def _score(track: Any, value: float, size: float) -> None:
    square = size * size
    if value != 0:
        track.percentages = min(track.percentages + 1, MEMORY)
        # a tiny value must not overflow the mean
        share = min(size / abs(value), 1e12)
        track.percentage += (share - track.percentage) / track.percentages
    track.scored = min(track.scored + 1, LONG_MEMORY)
    recent = min(track.scored, MEMORY)
    track.error += (size - track.error) / recent
    track.long_error += (size - track.long_error) / track.scored
    track.variance += (square - track.variance) / recent


@compiled
def _sample_step(track: Any, timestamp: int) -> None:
    if track.mark != NEVER and timestamp > track.mark:
        track.gaps[track.gap_count] = timestamp - track.mark
        track.gap_count += 1
    if track.gap_count == STEP_SAMPLE:
        track.step_ms = np.sort(track.gaps)[STEP_SAMPLE // 2]
        track.gaps[:] = 0
        track.gap_count = 0
        track.check_at = track.points + STEP_CHECK


@compiled
def _check_step(track: Any, timestamp: int) -> None:
    mean_gap = (timestamp - track.mark) / STEP_CHECK
    steady = track.step_ms / STEP_TOLERANCE <= mean_gap <= track.step_ms * STEP_TOLERANCE
    track.odd = 0 if steady else track.odd + 1
    if track.odd == 2:
        track.odd = 0
        track.check_at = 0
    else:
        track.check_at = track.points + STEP_CHECK


@compiled
def score_member(
    members: NDArray[Any],
    member: int,
    rows: IntArray,
    values: FloatArray,
    forecasts: FloatArray,
    width: float,
    level: float,
) -> None:
    """Take one model's one-step forecasts into ``members[row, member]``; NaN is passed over.

    ``width`` is the half width, in running errors, of the interval that should hold ``level``.
    """
    for i in range(rows.shape[0]):
        size = abs(values[i] - forecasts[i])
        if size == size:
            known: Any = members[rows[i], member]
            if known.scored == 0:
                # there was no interval yet, so coverage starts as promised
                known.coverage = level
            else:
                hit = 1.0 if size <= width * known.error else 0.0
                known.coverage += (hit - known.coverage) / min(known.scored + 1, MEMORY)
            known.scored = min(known.scored + 1, MEMORY)
            known.error += (size - known.error) / known.scored


def step_of(track: Any) -> int:
    """Best known time step, ms; 0 before two timestamps in order."""
    count = int(track["gap_count"])
    if track["step_ms"] or not count:
        return int(track["step_ms"])
    return int(np.sort(track["gaps"][:count])[count // 2])
