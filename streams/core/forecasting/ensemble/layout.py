"""One series as one row of plain numbers: what each field holds, and the constants of the bank.

Values are kept relative to an offset (``offset``) and mostly in single precision: a row is to
fit into few cache lines, and its bytes are its stored form.
"""

from __future__ import annotations

import numpy as np

# -- horizons -------------------------------------------------------------------------------------

ANCHORS = (1, 3, 6, 12, 24, 72)
"""Steps ahead at which every expert forecasts and is scored; others are interpolated."""
STRIDES = (1, 1, 2, 4, 4, 8)
"""A forecast is made, and scored when its time has come, once in so many steps."""
A = np.array(ANCHORS, np.int64)
S = np.array(STRIDES, np.int64)
J = len(ANCHORS)
_SLOTS_OF_ANCHOR = A // S
assert (A == S * _SLOTS_OF_ANCHOR).all()  # then the forecast that falls due is overwritten next
FIRST_SLOT = np.concatenate([[0], np.cumsum(_SLOTS_OF_ANCHOR)[:-1]])
SLOTS = int(_SLOTS_OF_ANCHOR.sum())
CYCLE = int(np.lcm.reduce(A))
"""Steps after which the plan of what is due repeats: no divisions in the loop."""
DUE = np.array([[t % s == 0 for s in STRIDES] for t in range(CYCLE)])
SLOT = np.array(
    [[FIRST_SLOT[j] + (t // S[j]) % _SLOTS_OF_ANCHOR[j] for j in range(J)] for t in range(CYCLE)],
    np.int64,
)
SHORT = 12
"""Anchors up to here have the experts for short horizons."""
JS = sum(anchor <= SHORT for anchor in ANCHORS)

# -- experts --------------------------------------------------------------------------------------

LAST, LEVEL_FAST, LEVEL_MEDIUM, LEVEL_SLOW = 0, 1, 2, 3
MEDIAN_24, MEDIAN_72, MEDIAN_400 = 4, 5, 6
STATE_VALUES, STATE_RISE = 7, 8
PROFILE_A, PROFILE_B, WEEK = 9, 12, 15
"""Profile a and b take three places each: plain, with fast and with slow residual."""
K = 16
"""Number of experts: one vector register of single precision."""
NAMES = (
    "last_value",
    "level",
    "level",
    "level",
    "median",
    "median",
    "median",
    "state",
    "state",
    "daily_profile",
    "daily_profile",
    "daily_profile",
    "daily_profile",
    "daily_profile",
    "daily_profile",
    "weekly_profile",
)
"""What kind of forecast each expert is."""

# further places of a slot, behind the experts
LEVEL_FASTEST, LAG_1, LAG_2, MIX, STACK, BEST, FINAL = 16, 17, 18, 19, 20, 21, 22
VOLATILITY, CLASS_VALUES, CLASS_RISE, SPREAD, LOWER, UPPER = 23, 24, 25, 26, 27, 28
WIDTH = 29
"""Numbers in a slot: one forecast with all that scoring it will need."""
SCRATCH = 48
"""Numbers in the scratch row: a slot and room to sort five values."""

REGRESSORS = np.array(
    [LAST, LEVEL_FASTEST, LAG_1, LAG_2, LEVEL_MEDIUM, MEDIAN_24, 9, 10, 14, STATE_VALUES], np.int64
)
"""Inputs of the stack; it learns their distance from the fast level."""
R = len(REGRESSORS)

# -- sizes ----------------------------------------------------------------------------------------

BINS = 288
"""Of a day: five minutes each. 96 or 144 cost 7 % at one step."""
WEEK_BINS = 168
WINDOW = 72
SHORT_WINDOW = 24
LONG_EVERY = 8
"""The long median takes each eighth value."""
LONG_WINDOW = 400 // LONG_EVERY
ERRORS = 256
"""Errors kept for each anchor; with 128 the closed loop is worse by a tenth."""
EXTREMES = 192
"""Kept distances of the highest and the lowest of the next 24 values from their forecasts."""
PATH = 24
"""Steps over which an extreme is looked for."""
PATH_EVERY = 4
PATHS = PATH // PATH_EVERY
JP = sum(anchor <= PATH for anchor in ANCHORS)
CLASSES = 5
VALUE_STATES = CLASSES**3
RISE_STEPS = 25
RISE_STATES = RISE_STEPS * CLASSES
GAPS = 20
"""Gaps between timestamps whose median is the step."""

OFF = np.float32(1e30)
"""Error of an expert that takes no part."""
LARGEST = 1e25
"""Distances from the offset are cut to this, so that nothing overflows single precision."""
NEVER = -1

ROW = np.dtype(
    [
        ("count", "<i8"),
        ("timestamp", "<f8"),
        ("step", "<f8"),
        ("season", "<i8"),
        ("bins", "<i8"),
        ("begun", "<i8"),
        ("reweigh_at", "<i8"),
        ("reweighed", "<i8"),
        ("offset", "<f8"),
        ("mean_step", "<f8"),
        ("level_fastest", "<f8"),
        ("level_fast", "<f8"),
        ("level_medium", "<f8"),
        ("level_slow", "<f8"),
        ("level_start", "<f8"),
        ("last", "<f8"),
        ("lag_1", "<f8"),
        ("lag_2", "<f8"),
        ("next", "<f8"),
        ("swing", "<f8"),
        ("long_swing", "<f8"),
        ("volatility", "<f8"),
        ("base", "<f8"),
        ("deviation_a", "<f8"),
        ("deviation_b", "<f8"),
        ("residuals", "<f8", (2, 2)),
        ("week_residual", "<f8"),
        ("long_mean", "<f8"),
        ("long_deviation", "<f8"),
        ("paths", "<i8"),
        ("gap_count", "<i8"),
        ("since_rise", "<i8"),
        ("in_short", "<i8"),
        ("in_window", "<i8"),
        ("in_long", "<i8"),
        ("errors", "<f4", (J, K)),
        ("contest", "<f4", (J, 4)),
        ("covered", "<f4", (J,)),
        ("quantiles", "<f4", (J, 2)),
        ("stack", "<f4", (J, R)),
        ("covariance", "<f4", (J, R, R)),
        ("window", "<f4", (WINDOW,)),
        ("sorted_short", "<f4", (SHORT_WINDOW,)),
        ("sorted_window", "<f4", (WINDOW,)),
        ("long", "<f4", (LONG_WINDOW,)),
        ("sorted_long", "<f4", (LONG_WINDOW,)),
        ("slots", "<f4", (SLOTS, WIDTH)),
        ("path", "<f4", (PATHS, 3)),
        ("daily", "<f4", (2, BINS)),
        ("weekly", "<f4", (WEEK_BINS,)),
        ("by_values", "<i2", (JS, VALUE_STATES)),
        ("by_rise", "<i2", (JS, RISE_STATES)),
        ("sample", "<i2", (J, ERRORS)),
        ("highs", "<i2", (EXTREMES,)),
        ("lows", "<i2", (EXTREMES,)),
    ],
    align=True,
)
"""Layout of a row.

``count``: values learned. ``timestamp``: of the last value, seconds. ``step``: seconds between two
values. ``season``: steps in a day, 0 while none is known; ``bins`` of the daily profile in use.
``begun``: value from which forecasts are scored. ``reweigh_at``: number of values at which old
errors are to be forgotten, ``reweighed`` when they were. ``offset``: what all values are relative
to. ``mean_step``: mean distance of two values. ``level_*``: exponential levels; ``level_start``
is where the base of the profiles starts. ``next``: one-step forecast. ``swing``, ``long_swing``:
mean distance from the medium level, lately and long-run; ``volatility``: root of their ratio.
``base``: level that the profiles are relative to; ``deviation_*``: their mean residual;
``residuals``: of profile a and b, fast and slow. ``long_mean``, ``long_deviation``: for the paths.
``paths``: begun ones. ``gap_count``: gaps seen while the step is looked for (they are kept in the
daily profile until then). ``since_rise``: values since the last rise. ``in_*``: values in the
sorted windows. ``errors``: running absolute error of each expert; ``contest``: of mix, stack, best
and final forecast. ``covered``: running share of values between the quantiles. ``quantiles``:
10 % and 90 % of the sample. ``stack``, ``covariance``: coefficients and inverse covariance of the
regression. ``path``: highest and lowest forecast and volatility of each begun path.
``sample``, ``highs``, ``lows``: sorted codes of relative errors.
"""
