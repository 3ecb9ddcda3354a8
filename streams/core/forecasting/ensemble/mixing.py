"""From experts to one forecast: weights near to following the best, and a contest at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import (
    BEST,
    CLASS_RISE,
    CLASS_VALUES,
    FINAL,
    JS,
    LAST,
    LEVEL_SLOW,
    MEDIAN_72,
    MIX,
    OFF,
    PROFILE_A,
    PROFILE_B,
    REGRESSORS,
    SPREAD,
    STACK,
    STATE_RISE,
    STATE_VALUES,
    WEEK,
    A,
    K,
    R,
    S,
)
from streams.core.forecasting.ensemble.levels import median_of_five
from streams.core.forecasting.ensemble.season import seasonal_experts
from streams.core.forecasting.ensemble.stack import stack_forecast
from streams.core.forecasting.jit import compiled

_DECAY, _NEXT_DECAY = 0.996, 0.99
"""Of old errors, per step; the latter of forecasts of the next value."""
_RATE = np.array([1 - (_NEXT_DECAY if a == 1 else _DECAY) ** s for a, s in zip(A, S, strict=True)])
_FIXED_POINT = np.float32(1024.0)
"""Unit of the state tables."""
_STATE_RATE = np.float32(0.1)
_REMEMBERED = 8.0
"""Scores that old errors count for after a reweighing."""


@compiled
def open_anchor(row: Any, j: int) -> None:
    """No errors yet; experts that cannot say anything about the anchor take no part."""
    for k in range(K):
        row.errors[j, k] = np.float32(0)
    _shut_idle(row, j)
    for i in range(4):
        row.contest[j, i] = np.float32(0)


@compiled
def _shut_idle(row: Any, j: int) -> None:
    if row.season == 0:
        for k in range(PROFILE_A, WEEK + 1):
            row.errors[j, k] = OFF
    if j >= JS:
        row.errors[j, STATE_VALUES] = OFF
        row.errors[j, STATE_RISE] = OFF


@compiled
def sixteenth_power(w: Any) -> Any:
    w *= w
    w *= w
    w *= w
    return w * w


@compiled
def tolerance(row: Any) -> Any:
    """Errors closer together than this count as equal."""
    return np.float32(1e-30 + 1e-7 * row.mean_step)


@compiled
def horizon_experts(row: Any, j: int, t: int, x: Any) -> None:
    """Write the experts that depend on the horizon into ``x``; ``t`` numbers the newest value."""
    if j < JS:
        x[LEVEL_SLOW] = median_of_five(row, t, x)
        unit = x[SPREAD] / _FIXED_POINT
        x[STATE_VALUES] = x[MEDIAN_72] + unit * row.by_values[j, int(x[CLASS_VALUES])]
        x[STATE_RISE] = x[MEDIAN_72] + unit * row.by_rise[j, int(x[CLASS_RISE])]
    else:
        x[LEVEL_SLOW] = row.level_slow
        x[STATE_VALUES] = x[MEDIAN_72]
        x[STATE_RISE] = x[MEDIAN_72]
    if row.season > 0:
        seasonal_experts(row, j, x)


@compiled
def contest_weights(row: Any, j: int) -> tuple[Any, Any, Any]:
    """Weights of mean, stack and best expert at anchor ``j``, by their errors."""
    eps = tolerance(row)
    mean, stack, best = row.contest[j, 0] + eps, row.contest[j, 1] + eps, row.contest[j, 2] + eps
    least = min(mean, stack, best)
    return (
        sixteenth_power(least / mean),
        sixteenth_power(least / stack),
        sixteenth_power(least / best),
    )


@compiled
def mix(row: Any, j: int, x: Any) -> None:
    """Write weighted mean, stack, best expert and the final forecast of anchor ``j`` into ``x``.

    An expert weighs (best error / its error)^16; so do mean, stack and best against each other.
    """
    errors = row.errors[j]
    eps = tolerance(row)
    least, best = errors[0], 0
    for k in range(1, K):
        if errors[k] < least:
            least, best = errors[k], k
    least += eps
    total, shift = np.float32(0), np.float32(0)
    for k in range(K):
        w = sixteenth_power(least / (errors[k] + eps))
        total += w
        shift += w * (x[k] - x[LAST])
    x[MIX] = x[LAST] + shift / total
    x[STACK] = stack_forecast(row, j, x)
    x[BEST] = x[best]
    w1, w2, w3 = contest_weights(row, j)
    shift = w2 * (x[STACK] - x[MIX]) + w3 * (x[BEST] - x[MIX])
    final = x[MIX] + shift / (w1 + w2 + w3)
    x[FINAL] = final if abs(final) < OFF else x[MIX]


@compiled
def score(row: Any, j: int, slot: Any, z: Any, t: int, scores: int) -> None:
    """The forecast in ``slot`` has come true as ``z``: running errors and state tables learn it.

    ``scores`` counts those of the anchor, this one included.
    """
    rate = max(_RATE[j], 1.0 / scores)
    if row.reweighed > 0:
        since = (t - row.reweighed) / S[j] + 1.0
        rate = max(rate, 1.0 / (since + _REMEMBERED))
    r = np.float32(rate)
    for k in range(K):
        row.errors[j, k] += r * (abs(slot[k] - z) - row.errors[j, k])
    _shut_idle(row, j)
    for i in range(3):
        row.contest[j, i] += r * (abs(slot[MIX + i] - z) - row.contest[j, i])
    row.contest[j, 3] += r * (abs(slot[FINAL] - z) - row.contest[j, 3])
    if j < JS:
        distance = (z - slot[MEDIAN_72]) / slot[SPREAD] * _FIXED_POINT
        _learn_state(row.by_values[j], int(slot[CLASS_VALUES]), distance)
        _learn_state(row.by_rise[j], int(slot[CLASS_RISE]), distance)


@compiled
def _learn_state(table: Any, state: int, distance: Any) -> None:
    known = np.float32(table[state])
    change = min(max(distance - known, -_FIXED_POINT), _FIXED_POINT)
    moved = round(known + _STATE_RATE * change)
    table[state] = np.int16(min(max(moved, -32767), 32767))


@compiled
def shares(row: Any, j: int, out: Any) -> None:
    """Write the weight of each expert at anchor ``j`` into ``out`` (K), summing to 1."""
    eps = tolerance(row)
    least = row.errors[j, 0]
    for k in range(1, K):
        least = min(least, row.errors[j, k])
    total = 0.0
    for k in range(K):
        out[k] = sixteenth_power((least + eps) / (row.errors[j, k] + eps))
        total += out[k]
    for k in range(K):
        out[k] /= total


@compiled
def profile_weights(row: Any, j: int, weights: Any, out: Any) -> None:
    """Write into ``out`` (3) by how much the forecast of anchor ``j`` moves when the daily profile
    a, b or the weekly one moves by 1. ``weights`` is scratch of at least ``BEST``.
    """
    shares(row, j, weights)
    w1, w2, w3 = contest_weights(row, j)
    total = w1 + w2 + w3
    best = 0
    for k in range(K):
        if row.errors[j, k] < row.errors[j, best]:
            best = k
        weights[k] *= w1 / total
    for i in range(R):
        weights[REGRESSORS[i]] += w2 / total * row.stack[j, i]
    weights[best] += w3 / total
    for which in range(2):
        first = PROFILE_A if which == 0 else PROFILE_B
        out[which] = weights[first] + weights[first + 1] + weights[first + 2]
    out[2] = weights[WEEK]
