"""How likely one of the next values lies beyond a threshold.

The quantiles of single steps understate it: the highest of 24 values lies above each of them. So
the distance of the highest (and the lowest) of the next 24 values from the highest (lowest)
forecast is kept as a sample, in units of the volatility then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import (
    EXTREMES,
    FINAL,
    JP,
    PATH,
    PATH_EVERY,
    PATHS,
    A,
    J,
)
from streams.core.forecasting.ensemble.levels import common_experts, path_volatility
from streams.core.forecasting.ensemble.mixing import horizon_experts, mix
from streams.core.forecasting.ensemble.samples import outer_bounds
from streams.core.forecasting.ensemble.windows import encode, first_at_least, place
from streams.core.forecasting.jit import compiled

_FEWEST = 20
"""Values needed before a threshold is judged."""
_UNSETTLED = 3
"""The first paths are left out: twelve values tell the volatility, and they had fewer."""
_PRIOR = 5.0
"""Weight, in observations, of the steps' answer within that of the paths."""
_Z80 = 1.2815515655446004
_FLOOR = 2e-3
"""Keeps the odds of a sure thing finite."""


@compiled
def learn_path(row: Any, t: int, highest: Any, lowest: Any, lot: int) -> None:
    """Every fourth value: the path that began 24 values ago is over, a new one begins."""
    if t % PATH_EVERY:
        return
    path = row.path[row.paths % PATHS]
    over = row.paths - PATHS - _UNSETTLED
    if over >= 0:
        top = row.sorted_short[row.in_short - 1]
        bottom = row.sorted_short[0]
        _keep(row.highs, over, encode((top - path[0]) / path[2]), lot >> 11)
        _keep(row.lows, over, encode((bottom - path[1]) / path[2]), lot >> 11)
    path[0], path[1] = highest, lowest
    path[2] = np.float32(path_volatility(row, t))
    row.paths += 1


@compiled
def _keep(sample: Any, known: int, code: Any, lot: int) -> None:
    if known < EXTREMES:
        place(sample, known + 1, known, code)
    else:
        place(sample, EXTREMES, lot % EXTREMES, code)


@compiled
def breach(row: Any, threshold: float, horizon: int, above: bool, move: Any, x: Any) -> float:
    """Probability that one of the next ``horizon`` values passes the threshold.

    ``move`` is what the forecast is corrected by at each step, the last one repeating; empty
    without a correction.

    For 24 steps: the share of kept paths that would carry the present forecast over. For fewer:
    the largest chance of a single step; to its log-odds comes what the paths have beyond single
    steps, times log(horizon) / log(24): nothing at one step. For more: at least the chance of
    that many independent paths of 24. NaN before twenty values.
    """
    if row.count < _FEWEST:
        return np.nan
    t = row.count - 1
    z = min(max(threshold - row.offset, -1e30), 1e30)
    within, path_step = 0.0, 0.0
    highest, lowest = -1e300, 1e300
    common_experts(row, x)
    for j in range(J):
        if j > 0 and A[j] > horizon and A[j] > PATH:
            break
        horizon_experts(row, j, t, x)
        mix(row, j, x)
        mean = float(x[FINAL])
        if move.size:
            mean += move[min(A[j], move.size) - 1]
        chance = _step_chance(row, j, z, mean, above)
        if j == 0 or A[j] <= horizon:
            within = max(within, chance)
        if j < JP:
            path_step = max(path_step, chance)
            highest, lowest = max(highest, mean), min(lowest, mean)
    path = _path_chance(row, t, z, highest if above else lowest, above, path_step)
    excess = _log_odds(path) - _log_odds(path_step)
    scale = min(1.0, math.log(horizon) / math.log(PATH))
    chance = _probability(_log_odds(within) + scale * excess)
    if horizon <= PATH:
        return chance
    once = _probability(_log_odds(path_step) + excess)
    return max(chance, 1.0 - (1.0 - once) ** (horizon / PATH))


@compiled
def _step_chance(row: Any, j: int, z: float, mean: float, above: bool) -> float:
    low, high = outer_bounds(row, j)
    deviation = (high if z >= mean else -low) / _Z80
    if deviation <= 1e-12 * abs(z) + 1e-30:
        # on a constant series only what is certain passes; to be at the threshold is not enough
        return 1.0 if (mean > z if above else mean < z) else 0.0
    score = (z - mean) / deviation / math.sqrt(2.0)
    return 0.5 * math.erfc(score if above else -score)


@compiled
def _path_chance(row: Any, t: int, z: float, extreme: float, above: bool, prior: float) -> float:
    known = min(max(0, row.paths - PATHS - _UNSETTLED), EXTREMES)
    if known == 0:
        return prior
    code = encode((z - extreme) / path_volatility(row, t))
    if above:
        beyond = known - first_at_least(row.highs, known, code + 1)
    else:
        beyond = first_at_least(row.lows, known, code)
    return (beyond + _PRIOR * prior + 0.05) / (known + _PRIOR + 0.5)


@compiled
def _log_odds(chance: float) -> float:
    return math.log((chance + _FLOOR) / (1 - chance + _FLOOR))


@compiled
def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
