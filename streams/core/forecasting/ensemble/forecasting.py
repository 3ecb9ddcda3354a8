"""Forecasts, intervals and chances of a batch of rows; nothing is changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.breach import breach
from streams.core.forecasting.ensemble.layout import BEST, FINAL, SCRATCH, A, J
from streams.core.forecasting.ensemble.levels import common_experts
from streams.core.forecasting.ensemble.mixing import horizon_experts, mix, profile_weights, shares
from streams.core.forecasting.ensemble.samples import bounds, scored
from streams.core.forecasting.ensemble.season import seasonal_move
from streams.core.forecasting.jit import compiled
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray


@compiled
def forecast_many(bank: Any, rows: IntArray, level: float, out: FloatArray) -> None:
    """Write mean, lower and upper bound of steps 1..h into ``out`` (n, h, 3); NaN for rows that
    have learned nothing.

    A step between two anchors is interpolated, after the forecasts of both were carried along
    the daily and weekly profile from the anchor to the step. So is a step beyond the last anchor
    carried; there the interval widens with the square root of the step, as for a random walk.
    """
    x = np.zeros(SCRATCH, np.float32)
    anchors = np.empty((J, 3))
    profiles = np.empty((J, 3))
    horizon = out.shape[1]
    for i in range(rows.shape[0]):
        row = bank[rows[i]]
        if row.count == 0:
            out[i] = np.nan
            continue
        _at_anchors(row, level, horizon, anchors, profiles, x)
        _expand(row, anchors, profiles, horizon, out[i])


@compiled
def _at_anchors(row: Any, level: float, horizon: int, anchors: Any, profiles: Any, x: Any) -> None:
    """Write the mean and the distances of both bounds from it, and what the mean owes to the
    profiles, of each anchor that the horizon needs."""
    common_experts(row, x)
    weights = np.empty(BEST)
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
        anchors[j, 1] = min(low, 0.0)
        anchors[j, 2] = max(high, 0.0)
        profile_weights(row, j, weights, profiles[j])


@compiled
def _expand(row: Any, anchors: Any, profiles: Any, horizon: int, out: Any) -> None:
    j = 0
    for step in range(1, horizon + 1):
        while j < J - 1 and A[j + 1] <= step:
            j += 1
        mean = anchors[j, 0] + seasonal_move(row, profiles[j], A[j], step)
        low, high = anchors[j, 1], anchors[j, 2]
        if j == J - 1:
            widen = math.sqrt(step / A[j])
            low, high = low * widen, high * widen
        elif step > A[j]:
            w = (step - A[j]) / (A[j + 1] - A[j])
            after = anchors[j + 1, 0] + seasonal_move(row, profiles[j + 1], A[j + 1], step)
            mean += w * (after - mean)
            low += w * (anchors[j + 1, 1] - low)
            high += w * (anchors[j + 1, 2] - high)
        out[step - 1, 0] = mean
        out[step - 1, 1] = mean + low
        out[step - 1, 2] = mean + high


@compiled
def breach_many(
    bank: Any,
    rows: IntArray,
    thresholds: FloatArray,
    horizon: int,
    above: BoolArray,
    move: FloatArray,
    out: FloatArray,
) -> None:
    """Write the chance that one of the next ``horizon`` values passes the threshold (n), of
    forecasts corrected by ``move``."""
    x = np.zeros(SCRATCH, np.float32)
    for i in range(rows.shape[0]):
        out[i] = breach(bank[rows[i]], thresholds[i], horizon, above[i], move, x)


@compiled
def accuracy_of(bank: Any, row: int, out: FloatArray) -> None:
    """Write running error, coverage and number of scores of each anchor into ``out`` (J, 3)."""
    stored: Any = bank[row]
    for j in range(J):
        out[j, 0] = stored.contest[j, 3]
        out[j, 1] = stored.covered[j]
        out[j, 2] = scored(stored, j)


@compiled
def shares_of(bank: Any, row: int, j: int, out: FloatArray) -> None:
    """Write the weight of each expert at anchor ``j`` into ``out`` (K), summing to 1."""
    shares(bank[row], j, out)
