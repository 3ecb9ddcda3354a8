"""Learning a batch: each value settles what was forecast of it, then new forecasts are made."""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.breach import learn_path
from streams.core.forecasting.ensemble.layout import (
    CYCLE,
    DUE,
    FINAL,
    JP,
    LARGEST,
    LOWER,
    SCRATCH,
    SLOT,
    SLOTS,
    UPPER,
    VOLATILITY,
    WIDTH,
    WINDOW,
    A,
    J,
    R,
    S,
)
from streams.core.forecasting.ensemble.levels import common_experts, follow, follow_swing
from streams.core.forecasting.ensemble.mixing import horizon_experts, mix, open_anchor, score
from streams.core.forecasting.ensemble.samples import add_error, lottery, outer_bounds
from streams.core.forecasting.ensemble.season import find_season, learn_season
from streams.core.forecasting.ensemble.stack import begin_stack, learn_stack
from streams.core.forecasting.jit import compiled
from streams.core.kernel.batch import FloatArray, IntArray

_REBASE_EVERY = 256
_REBASE_DISTANCE = 2e4
"""Mean steps between offset and values at which single precision would lose the small ones."""


@compiled
def learn_many(
    bank: Any, rows: IntArray, timestamps: IntArray, values: FloatArray, predicted: FloatArray
) -> None:
    """Learn finite values (timestamps in ms) into ``bank[rows]``, one after the other.

    Writes the one-step forecast that was made before each value into ``predicted``; NaN before
    the first.
    """
    x = np.zeros(SCRATCH, np.float32)
    u = np.zeros(R, np.float32)
    pu = np.zeros(R, np.float32)
    for i in range(rows.shape[0]):
        row = bank[rows[i]]
        predicted[i] = row.next + row.offset if row.count > 0 else np.nan
        _learn(row, timestamps[i] * 1e-3, values[i], x, u, pu)


@compiled
def _learn(row: Any, timestamp: float, value: float, x: Any, u: Any, pu: Any) -> None:
    t = row.count
    if t == 0:
        _begin(row, timestamp, value)
    elif find_season(row, timestamp):
        _open_all(row, t)
        row.daily[:] = np.float32(0)
    row.timestamp = timestamp
    z = min(max(value - row.offset, -LARGEST), LARGEST)
    follow(row, t, z)
    if row.season > 0:
        learn_season(row, t, z)
    if t + 1 == row.reweigh_at:
        row.reweighed = t
    lot = lottery(t)
    _settle(row, t, np.float32(z), lot, u, pu)
    follow_swing(row, t, z)
    row.count = t + 1
    highest, lowest = _forecast(row, t, x)
    learn_path(row, t, highest, lowest, lot)
    if t % _REBASE_EVERY == _REBASE_EVERY - 1 and (
        abs(row.level_slow) > _REBASE_DISTANCE * row.mean_step
    ):
        _rebase(row)


@compiled
def _begin(row: Any, timestamp: float, value: float) -> None:
    row.offset = value
    row.volatility = 1.0
    row.timestamp = timestamp
    _open_all(row, 0)
    for j in range(J):
        begin_stack(row, j)


@compiled
def _open_all(row: Any, t: int) -> None:
    row.begun = t
    for j in range(J):
        open_anchor(row, j)


@compiled
def _settle(row: Any, t: int, z: Any, lot: int, u: Any, pu: Any) -> None:
    """Score the forecasts of this value."""
    age = t - row.begun
    for j in range(J):
        if DUE[t % CYCLE, j] and age >= A[j]:
            slot = row.slots[SLOT[t % CYCLE, j]]
            scores = (age - A[j]) // S[j] + 1
            score(row, j, slot, z, t, scores)
            add_error(row, j, slot, z, scores, lot)
            learn_stack(row, j, slot, z, u, pu)


@compiled
def _forecast(row: Any, t: int, x: Any) -> tuple[Any, Any]:
    """Make the forecasts that are due; returns the highest and the lowest of the next day part."""
    common_experts(row, x)
    x[VOLATILITY] = row.volatility
    highest, lowest = np.float32(-1e38), np.float32(1e38)
    for j in range(J):
        if DUE[t % CYCLE, j]:
            horizon_experts(row, j, t, x)
            mix(row, j, x)
            low, high = outer_bounds(row, j)
            x[LOWER] = x[FINAL] + low
            x[UPPER] = x[FINAL] + high
            slot = row.slots[SLOT[t % CYCLE, j]]
            for k in range(WIDTH):
                slot[k] = x[k]
            if j == 0:
                row.next = x[FINAL]
            if j < JP:
                highest, lowest = max(highest, x[FINAL]), min(lowest, x[FINAL])
    return highest, lowest


@compiled
def _rebase(row: Any) -> None:
    """Move the offset to the slow level: a series that has drifted far keeps its digits."""
    d = row.level_slow
    row.offset += d
    row.level_fastest -= d
    row.level_fast -= d
    row.level_medium -= d
    row.level_slow -= d
    row.level_start -= d
    row.base -= d
    row.last -= d
    row.lag_1 -= d
    row.lag_2 -= d
    row.next -= d
    row.long_mean -= d
    short = np.float32(d)
    for i in range(WINDOW):
        row.window[i] -= short
        row.sorted_window[i] -= short
    row.sorted_short[:] -= short
    row.long[:] -= short
    row.sorted_long[:] -= short
    for i in range(SLOTS):
        for k in range(VOLATILITY):
            row.slots[i, k] -= short
        row.slots[i, LOWER] -= short
        row.slots[i, UPPER] -= short
    for i in range(row.path.shape[0]):
        row.path[i, 0] -= short
        row.path[i, 1] -= short
