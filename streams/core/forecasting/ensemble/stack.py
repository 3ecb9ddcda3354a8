"""A robust regression on a few experts at each anchor: recursive least squares with Huber weights.

The target is the distance from the fast level in units of the mean step (Huber 1964; recursive
least squares with forgetting: Haykin, Adaptive Filter Theory, ch. 10).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import LEVEL_FAST, REGRESSORS, R
from streams.core.forecasting.jit import compiled

_FORGET = np.float32(0.9995)
_HUBER = np.float32(0.5)
"""Errors beyond so many running errors count less."""
_START = np.float32(0.2)
_MOST_TRACE = np.float32(1e3 * R)
_MOST_COEFFICIENT = np.float32(1e3)


@compiled
def begin_stack(row: Any, j: int) -> None:
    """No coefficients yet: the stack forecasts the fast level."""
    _restart(row, j, _START)


@compiled
def stack_forecast(row: Any, j: int, x: Any) -> Any:
    level = x[LEVEL_FAST]
    forecast = level
    for i in range(R):
        forecast += row.stack[j, i] * (x[REGRESSORS[i]] - level)
    return forecast


@compiled
def learn_stack(row: Any, j: int, slot: Any, z: Any, u: Any, pu: Any) -> None:
    """Learn that the forecast in ``slot`` has come true as ``z``; u and pu are scratch of R."""
    scale = np.float32(1.0 / (row.mean_step + 1e-30))
    level = slot[LEVEL_FAST]
    error = (z - level) * scale
    for i in range(R):
        u[i] = (slot[REGRESSORS[i]] - level) * scale
        error -= row.stack[j, i] * u[i]
    usual = max(np.float32(1e-6), row.contest[j, 1] * scale)
    weight = _HUBER * usual / (abs(error) + np.float32(1e-12))
    weight = min(np.float32(1), max(np.float32(1e-3), weight))
    denominator = _FORGET / weight
    covariance = row.covariance[j]
    for i in range(R):
        total = np.float32(0)
        for q in range(R):
            total += covariance[i, q] * u[q]
        pu[i] = total
    for i in range(R):
        denominator += u[i] * pu[i]
    if np.float32(0) < denominator < np.float32(1e30):
        trace = _update(row, j, error, pu, np.float32(1) / denominator)
    else:
        trace = np.float32(-1)
    if not (np.float32(0) <= trace < np.float32(1e12)):
        _restart(row, j, np.float32(1))
    elif trace > _MOST_TRACE:
        covariance *= _MOST_TRACE / trace


@compiled
def _update(row: Any, j: int, error: Any, pu: Any, inverse: Any) -> Any:
    """Returns the trace of the covariance; negative when it is no covariance any more."""
    covariance = row.covariance[j]
    grow = np.float32(1.0) / _FORGET
    trace = np.float32(0)
    for i in range(R):
        gain = pu[i] * inverse
        row.stack[j, i] += gain * error
        for q in range(R):
            covariance[i, q] = (covariance[i, q] - gain * pu[q]) * grow
        if not (covariance[i, i] > np.float32(0)):
            return np.float32(-1)
        trace += covariance[i, i]
    return trace


@compiled
def _restart(row: Any, j: int, diagonal: Any) -> None:
    for i in range(R):
        for q in range(R):
            row.covariance[j, i, q] = diagonal if i == q else np.float32(0)
        if not (abs(row.stack[j, i]) < _MOST_COEFFICIENT):
            row.stack[j, i] = np.float32(0)
