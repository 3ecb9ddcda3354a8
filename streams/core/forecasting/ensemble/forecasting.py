"""Forecasts, intervals and chances of a batch of rows; nothing is changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streams.core.batch import BoolArray, FloatArray, IntArray
from streams.core.forecasting.ensemble.breach import breach
from streams.core.forecasting.ensemble.layout import FINAL, SCRATCH, A, J
from streams.core.forecasting.ensemble.levels import common_experts
from streams.core.forecasting.ensemble.mixing import horizon_experts, mix
from streams.core.forecasting.ensemble.samples import bounds
from streams.core.forecasting.jit import compiled


@compiled
def forecast_many(bank: Any, rows: IntArray, level: float, out: FloatArray) -> None:
    """Write mean, lower and upper bound of steps 1..h into ``out`` (n, h, 3); NaN for rows that
    have learned nothing. Between the anchors all three are interpolated; beyond the last the
    mean stays and the interval widens with the square root of the step, as for a random walk.
    """
    x = np.zeros(SCRATCH, np.float32)
    anchors = np.empty((J, 3))
    horizon = out.shape[1]
    for i in range(rows.shape[0]):
        row = bank[rows[i]]
        if row.count == 0:
            out[i] = np.nan
            continue
        _at_anchors(row, level, horizon, anchors, x)
        _expand(anchors, horizon, out[i])


@compiled
def _at_anchors(row: Any, level: float, horizon: int, anchors: Any, x: Any) -> None:
    common_experts(row, x)
    for j in range(J):
        if j > 0 and A[j - 1] >= horizon:
            break
        if j == 0:
            # what learning the next value is going to be compared with, to the last bit
            mean = row.next + row.offset
        else:
            horizon_experts(row, j, row.count - 1, x)
            mix(row, j, x)
            mean = x[FINAL] + row.offset
        low, high = bounds(row, j, level)
        anchors[j, 0] = mean
        anchors[j, 1] = mean + min(low, 0.0)
        anchors[j, 2] = mean + max(high, 0.0)


@compiled
def _expand(anchors: Any, horizon: int, out: Any) -> None:
    j = 0
    for step in range(1, horizon + 1):
        while j < J - 1 and A[j + 1] <= step:
            j += 1
        if j == J - 1:
            widen = math.sqrt(step / A[j])
            out[step - 1, 0] = anchors[j, 0]
            for c in range(1, 3):
                out[step - 1, c] = anchors[j, 0] + widen * (anchors[j, c] - anchors[j, 0])
        elif A[j] == step:
            for c in range(3):
                out[step - 1, c] = anchors[j, c]
        else:
            w = (step - A[j]) / (A[j + 1] - A[j])
            for c in range(3):
                out[step - 1, c] = anchors[j, c] + w * (anchors[j + 1, c] - anchors[j, c])


@compiled
def breach_many(
    bank: Any,
    rows: IntArray,
    thresholds: FloatArray,
    horizon: int,
    above: BoolArray,
    out: FloatArray,
) -> None:
    """Write the chance that one of the next ``horizon`` values passes the threshold (n)."""
    x = np.zeros(SCRATCH, np.float32)
    for i in range(rows.shape[0]):
        out[i] = breach(bank[rows[i]], thresholds[i], horizon, above[i], x)
