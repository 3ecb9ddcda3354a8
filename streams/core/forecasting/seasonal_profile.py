"""A daily profile for many series: what is usual at this time of the day, and how far from it
the series is now."""

from __future__ import annotations

import math
from array import array
from collections import deque

import msgspec
import numpy as np

from streams.core.forecasting.bounds import not_ready, within_magnitude
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.state import damaged, require, require_finite
from streams.core.kernel.batch import FloatArray, IntArray

DAY_MS = 86_400_000
MOST_BINS = 288
"""Times of the day that a profile tells apart at most: every five minutes."""
FEWEST_BINS = 4
"""With a longer step there is no profile."""
STEP_SAMPLE = 15
"""Gaps between timestamps, the newest, whose median is the step."""
FIRST_DAYS = 2
"""Days whose means the profile starts from, once ``FILLED`` of its bins have had a value."""
FILLED = 0.75
BIN_RATE = 0.25
"""Share of a day's distance from the profile that a bin learns."""
LEVEL_RATE = 0.25
"""Share of its distance from the values that the level learns in a day."""
BIN_CLIP, LEVEL_CLIP = 2.0, 3.0
"""Mean absolute deviations at which a distance is cut before bin and level learn it."""
DEVIATION_RATE = 0.01
RECENT_RATE = 0.5
"""Rate of the recent distance from the profile."""
RECENT_DECAY = 0.9
"""What is expected to be left of the recent distance after another step."""
HOLD_MS = DAY_MS // 4
"""Age to which a value is held as the yardstick of the profile."""


class _Row:
    """One series. ``bins`` is empty until the step is known; ``seen`` (values of each bin, as
    long as bins hold plain means) is empty once the profile has started."""

    __slots__ = (
        "bins",
        "gaps",
        "held",
        "highest",
        "last",
        "level",
        "lowest",
        "newest",
        "recent",
        "scored",
        "seen",
        "since",
        "spread",
        "stale",
        "step",
    )

    def __init__(self) -> None:
        self.newest = math.nan
        self.last = 0
        """Timestamp of the newest value."""
        self.gaps: deque[int] = deque(maxlen=STEP_SAMPLE)
        self.step = 0
        self.since = 0
        """Timestamp at which the bins began."""
        self.bins: array[float] = array("d")
        self.seen: array[int] = array("q")
        self.level = self.recent = 0.0
        self.held = 0.0
        """Value at the first record in this part of the day."""
        self.spread = self.stale = 0.0
        """Mean absolute distances from level and profile, and from the held value."""
        self.scored = 0
        self.lowest, self.highest = math.inf, -math.inf

    # -- time ---------------------------------------------------------------------------------

    def see_time(self, timestamp: int) -> None:
        """Keep step and held value up to date; gaps of records out of order do not count."""
        gap = min(timestamp - self.last, DAY_MS)
        if timestamp // HOLD_MS != self.last // HOLD_MS:
            self.held = self.newest
        self.last = timestamp
        if gap <= 0:
            return
        self.gaps.append(gap)
        # a gap as long as the median does not move it
        if gap != self.step and len(self.gaps) == STEP_SAMPLE:
            self.step = sorted(self.gaps)[STEP_SAMPLE // 2]
            self.fit_bins(timestamp)

    def fit_bins(self, timestamp: int) -> None:
        """Have a bin for each step of the day; bins are split when the step becomes shorter."""
        wanted, present = min(round(DAY_MS / self.step), MOST_BINS), len(self.bins)
        if wanted < FEWEST_BINS or wanted <= present:
            return
        if not present:
            self.since = timestamp
            self.bins, self.seen = array("d", bytes(8 * wanted)), array("q", bytes(8 * wanted))
            return
        old = [at * present // wanted for at in range(wanted)]
        self.bins = array("d", [self.bins[at] for at in old])
        if self.seen:
            self.seen = array("q", [self.seen[at] for at in old])

    def bin_at(self, timestamp: int) -> int:
        return timestamp % DAY_MS * len(self.bins) // DAY_MS

    # -- values -------------------------------------------------------------------------------

    @property
    def has_season(self) -> bool:
        """Whether the profile is known and comes closer than the held value."""
        return self.scored > len(self.bins) // 2 and self.spread < self.stale

    def expected(self, ahead: int) -> float:
        """The value that many steps ahead."""
        if not self.has_season:
            return self.newest
        usual = self.level + self.bins[self.bin_at(self.last + ahead * self.step)]
        width = self.highest - self.lowest
        now = usual + RECENT_DECAY**ahead * self.recent
        return min(max(now, self.lowest - width), self.highest + width)

    def learn(self, timestamp: int, value: float) -> None:
        if self.newest != self.newest:
            self.last, self.newest = timestamp, value
        self.see_time(timestamp)
        self.newest = value
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        if self.seen:
            self.collect(timestamp, value)
        elif self.bins:
            self.adapt(timestamp, value)

    def collect(self, timestamp: int, value: float) -> None:
        """Learn one of the values whose means the profile starts from."""
        self.since = min(self.since, timestamp)
        at = self.bin_at(timestamp)
        self.seen[at] += 1
        self.bins[at] += (value - self.bins[at]) / self.seen[at]
        if timestamp - self.since >= FIRST_DAYS * DAY_MS:
            filled = np.flatnonzero(self.seen)
            if filled.size >= FILLED * len(self.bins):
                self.begin_profile(filled)

    def begin_profile(self, filled: IntArray) -> None:
        known = np.array(self.bins)[filled]
        count = len(self.bins)
        means = np.interp(np.arange(count), filled, known, period=count)
        self.level = float(np.mean(known))
        self.bins = array("d", (means - self.level).tolist())
        self.seen = array("q")

    def adapt(self, timestamp: int, value: float) -> None:
        """Learn a value by profile, level and their mean errors."""
        at, bins = self.bin_at(timestamp), self.bins
        distance = value - self.level - bins[at]
        self.scored += 1
        rate = max(1 / self.scored, DEVIATION_RATE)
        self.spread += rate * (abs(distance) - self.spread)
        self.stale += rate * (abs(value - self.held) - self.stale)
        self.recent += RECENT_RATE * (distance - self.recent)
        day = self.step / DAY_MS
        share = min(day * len(bins), 1.0)
        bins[at] += BIN_RATE * share * _cut(distance, BIN_CLIP * self.spread)
        self.level += LEVEL_RATE * day * _cut(distance, LEVEL_CLIP * self.spread)

    # -- storing ------------------------------------------------------------------------------

    @property
    def state(self) -> _State:
        state = {name: getattr(self, name) for name in self.__slots__}
        for name in ("gaps", "bins", "seen"):
            state[name] = list(state[name])
        return _State(**state)

    def restore(self, state: _State) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(state, name))
        self.gaps = deque(state.gaps, maxlen=STEP_SAMPLE)
        self.bins, self.seen = array("d", state.bins), array("q", state.seen)


class _State(msgspec.Struct, array_like=True):
    newest: float
    last: int
    gaps: list[int]
    step: int
    since: int
    bins: list[float]
    seen: list[int]
    level: float
    recent: float
    held: float
    spread: float
    stale: float
    scored: int
    lowest: float
    highest: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class SeasonalProfileForecaster:
    """Level plus daily profile plus what is left of the recent distance from both.

    The time of the day is that of the timestamps, in UTC; the profile has a bin for each step of
    the day, at most ``MOST_BINS``. Bins and level learn a share of each distance, cut at a few
    mean absolute deviations so that a spike leaves next to nothing. The level is slow, so that
    the daily wave stays in the profile. Until the profile is known, and while it is farther from
    the values than values up to ``HOLD_MS`` old are, the forecast is the last value; ready after
    one. Forecasts are clipped
    to the range of the values, widened on both sides by its width. A row takes 1 to 6 KB.
    """

    name = "seasonal_profile"

    def __init__(self, config: ForecastConfig) -> None:
        del config  # season and step are those of the timestamps
        self._rows: list[_Row | None] = []

    @property
    def state_version(self) -> str:
        return "1"

    def resize(self, rows: int) -> None:
        self._rows.extend([None] * (rows - len(self._rows)))

    def reset(self, row: int) -> None:
        self._rows[row] = None

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = np.empty(rows.size)
        numbers: list[int] = rows.tolist()
        learned = zip(timestamps.tolist(), within_magnitude(values).tolist(), strict=True)
        for position, (timestamp, value) in enumerate(learned):
            row = self._rows[numbers[position]] or self._begin(numbers[position])
            forecasts[position] = row.expected(1)
            row.learn(timestamp, value)
        return forecasts

    def _begin(self, number: int) -> _Row:
        row = self._rows[number] = _Row()
        return row

    def forecast(self, row: int, horizon: int) -> FloatArray:
        held = self._rows[row]
        if held is None:
            return not_ready(horizon)
        return np.array([held.expected(ahead) for ahead in range(1, horizon + 1)])

    def dump(self, row: int) -> bytes:
        held = self._rows[row]
        return b"" if held is None else _encode(held.state)

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            found = self._checked(state)
            self._begin(row).restore(found)

    def _checked(self, state: bytes) -> _State:
        try:
            found = _decode(state)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, error) from error
        count = len(found.bins)
        fits = count <= MOST_BINS and len(found.seen) in {0, count}
        fits = fits and len(found.gaps) <= STEP_SAMPLE and 0 <= found.step <= DAY_MS
        fits = fits and (found.step > 0 or not count) and found.scored >= 0
        require(fits, self.name, "its parts have the wrong length")
        numbers = (found.newest, found.held, found.level, found.recent, found.spread, found.stale)
        require_finite((*numbers, found.lowest, found.highest, *found.bins), self.name)
        return found


def _cut(distance: float, limit: float) -> float:
    return min(max(distance, -limit), limit)
