"""The loads: two recorded series, and two made of day, week, noise, flash crowds and one shift.

All have a value every five minutes and are given in one unit: UNIT is what one unit of capacity
can do, and the mean load needs what the closed loop of ``benchmarks.quality`` says it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.quality import closed_loop, data
from benchmarks.quality.closed_loop import Trace

UNIT = 100.0
"""Requests per step that one unit can do at 100 % load."""
STEP_MS = 300_000
DATA = Path(__file__).parents[1] / "data"
RECORDED = {
    "elb_request_count": "elb_request_count_8c0756.csv",
    "twitter_volume": "Twitter_volume_AAPL.csv",
}
"""Entity to file. The load is what the service is asked for at each step."""
BEGIN_MS = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)
"""A Monday. The made loads begin here; the recorded ones are moved by whole days to this day."""
DAY_MS = 24 * 3_600_000
DAY = DAY_MS // STEP_MS
"""Steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What one service is asked for."""

    name: str
    timestamps: np.ndarray
    """Event times, ms, ascending."""
    trace: Trace
    """The demand in requests per step, from which step on it counts, and UNIT."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a made load. Sizes are relative to the mean of a quiet workday."""

    seed: int
    peaks: tuple[tuple[float, float, float], ...]
    """Of a day: hour, height, width in hours."""
    weekend: float
    """Level on Saturdays and Sundays."""
    noise: float
    """Deviation of the slow part of the noise; each value is a Poisson count besides."""
    crowds: int
    """Flash crowds, at any time."""
    crowd_height: tuple[float, float]
    """Least and largest."""
    crowd_rise: int
    """Steps from nothing to the top."""
    crowd_decay: float
    """Steps after which 1/e is left."""
    shift: float
    """Factor that lasts from ``shift_at`` on."""
    shift_at: int
    """Step."""
    requests: float = 600.0
    """Per step at level 1, before all is brought to UNIT."""


MADE = {
    # One broad peak in the evening; sales that begin within a quarter of an hour; half as many
    # customers more from the third week on.
    "made_shop": Shape(
        seed=1,
        peaks=((13.0, 0.5, 3.0), (20.0, 1.0, 2.5)),
        weekend=1.25,
        noise=0.06,
        crowds=10,
        crowd_height=(0.8, 2.0),
        crowd_rise=3,
        crowd_decay=9.0,
        shift=1.5,
        shift_at=15 * DAY + 130,
    ),
    # Office hours; bursts that are there at once; a client that leaves for good.
    "made_office": Shape(
        seed=2,
        peaks=((10.0, 1.2, 1.5), (15.0, 1.0, 2.0)),
        weekend=0.35,
        noise=0.12,
        crowds=14,
        crowd_height=(0.5, 1.5),
        crowd_rise=1,
        crowd_decay=4.0,
        shift=0.6,
        shift_at=17 * DAY + 40,
    ),
}
"""Chosen before anything was steered by them. The rule's settings are tuned on these alone."""
_BASE = 0.35
"""Level between the peaks of a day."""
_MEMORY = 0.92
"""Of the slow part of the noise, from one step to the next."""


def loads(names: Sequence[str] = (), steps: int = data.LENGTH) -> list[Load]:
    """The named loads, or all of them, cut after so many steps.

    Raises KeyError for an unknown name.
    """
    return [_load(name, steps) for name in names or (*RECORDED, *MADE)]


def made(shape: Shape, steps: int) -> np.ndarray:
    """Requests at each step, whole numbers of 0 or more; the same for the same shape."""
    rng = np.random.default_rng(shape.seed)
    # Drawn in full whatever the length, so that a shorter load is the begin of the longer one.
    whole = np.arange(data.LENGTH)
    level = _seasons(shape, whole) * _slow_noise(shape, rng)
    level[shape.shift_at :] *= shape.shift
    level += _crowds(shape, rng)
    return rng.poisson(shape.requests * level)[:steps].astype(np.float64)


def _load(name: str, steps: int) -> Load:
    if name in MADE:
        values = made(MADE[name], steps)
        return _scaled(name, BEGIN_MS + STEP_MS * np.arange(len(values)), values)
    series = data.load(DATA, RECORDED[name])
    moments = np.array([round(1000 * second) for second in series.seconds[:steps]], np.int64)
    days = (BEGIN_MS - moments[0] // DAY_MS * DAY_MS) // DAY_MS
    return _scaled(name, moments + days * DAY_MS, series.values[:steps])


def _scaled(name: str, timestamps: np.ndarray, values: np.ndarray) -> Load:
    """The demand with which one unit can do UNIT."""
    warm_up = int(np.ceil(data.WARM_UP * len(values)))
    raw = closed_loop.trace(values, warm_up)
    if raw is None:
        raise ValueError(f"{name} is no demand: it is constant or below 0 somewhere")
    return Load(name, timestamps, Trace(values * (UNIT / raw.unit), warm_up, UNIT))


def _seasons(shape: Shape, steps: np.ndarray) -> np.ndarray:
    hours = (steps % DAY) * 24 / DAY
    level = np.full(len(steps), _BASE)
    for hour, height, width in shape.peaks:
        away = np.minimum(np.abs(hours - hour), 24 - np.abs(hours - hour))
        level += height * np.exp(-0.5 * (away / width) ** 2)
    workday = (steps // DAY) % 7 < 5
    return level * np.where(workday, 1.0, shape.weekend)


def _slow_noise(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    shocks = rng.normal(0.0, shape.noise * np.sqrt(1 - _MEMORY**2), data.LENGTH)
    state, path = 0.0, np.empty(data.LENGTH)
    for step, shock in enumerate(shocks.tolist()):
        state = _MEMORY * state + shock
        path[step] = state
    return np.exp(path)


def _crowds(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    total = np.zeros(data.LENGTH)
    after = np.arange(data.LENGTH)
    for _ in range(shape.crowds):
        begin = int(rng.integers(DAY, data.LENGTH - DAY))
        height = rng.uniform(*shape.crowd_height)
        since = after - begin
        rise = np.clip((since + 1) / shape.crowd_rise, 0.0, 1.0)
        fall = np.exp(-np.maximum(since - shape.crowd_rise + 1, 0) / shape.crowd_decay)
        total += height * rise * fall
    return total
