"""Step and season, base and profiles against plain Python."""

import math
import statistics

import numpy as np
import pytest

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.season import (
    daily_bin,
    find_season,
    learn_season,
    seasonal_experts,
    seasonal_move,
    weekly_bin,
)
from tests.kits.core.ensemble import blank_row, scratch, season
from tests.kits.core.values import noise

DAY, WEEK = 86_400, 604_800


def looked_for(times) -> tuple[np.void, list[bool]]:
    """The row after these timestamps (s), and what each call answered."""
    row = blank_row()
    row["timestamp"] = times[0]
    row["level_start"] = 7.0
    found = []
    for time in times[1:]:
        found.append(find_season(row, float(time)))
        row["timestamp"] = time
    return row, found


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        (DAY, 0),
        (DAY / 4, 4),
        (3600, 24),
        (900, 96),
        (300, 288),
        (60, 1440),
        (30, 0),
        (1000, 86),
    ],
)
def test_the_season_is_a_day_in_steps(step: float, steps: int) -> None:
    row, found = looked_for(np.arange(21) * step)
    assert row["step"] == pytest.approx(step)
    assert row["season"] == steps
    assert row["bins"] == min(steps, 288)
    assert found == [False] * 19 + [steps > 0]
    assert row["base"] == (7.0 if steps else 0.0)


def test_the_step_is_the_median_of_twenty_gaps_and_backward_ones_do_not_count() -> None:
    random = np.random.default_rng(1)
    gaps = random.choice([-500, 0, 3500, 3600, 3700, 90_000], size=60)
    row, found = looked_for(np.cumsum(gaps))
    seen = [gap for gap in gaps[1:].tolist() if gap > 0][:20]
    assert len(seen) == 20
    assert row["step"] == pytest.approx(statistics.median(seen))
    assert sum(found) == 1


def test_the_gaps_leave_the_daily_profile_empty() -> None:
    row, _ = looked_for(np.arange(21) * 3600)
    assert not row["daily"].any()


class Seasons:
    """Base and profiles of an evenly spaced series, in plain Python."""

    def __init__(self, steps: int, step: float, base: float) -> None:
        self.steps, self.step, self.bins = steps, step, min(steps, 288)
        self.base = base
        self.daily = [[0.0] * self.bins, [0.0] * self.bins]
        self.deviation = [0.0, 0.0]
        self.residuals = [[0.0, 0.0], [0.0, 0.0]]
        self.weekly = [0.0] * 168
        self.week_residual = 0.0

    def bins_at(self, time: float) -> tuple[int, int]:
        return int(time % DAY * self.bins // DAY), int(time % WEEK * 168 // WEEK)

    def learn(self, n: int, age: int, time: float, value: float) -> None:
        day, week = self.bins_at(time)
        if n < 2 * self.steps:
            self.base += max(1 / self.steps, 1 / n) * (value - self.base)
        else:
            error = value - self.base - self.daily[1][day]
            self.base += 0.25 / self.steps * clip(error, 3 * self.deviation[1])
        rest = value - self.base
        visit = 1 / (1 + (age - 1) // self.steps)
        for which, slowest in enumerate((0.25, 0.08)):
            rate = max(slowest, visit) * self.bins / self.steps
            self.learn_profile(which, day, rest, rate)
        self.learn_week(week, rest, age)

    def learn_profile(self, which: int, day: int, rest: float, rate: float) -> None:
        error = rest - self.daily[which][day]
        if self.deviation[which] > 0:
            size = min(abs(error), 4 * self.deviation[which])
            self.deviation[which] += 0.01 * (size - self.deviation[which])
        else:
            self.deviation[which] = abs(error)
        error = clip(error, 2 * self.deviation[which])
        for speed, share in enumerate((0.5, 0.1)):
            self.residuals[which][speed] += share * (error - self.residuals[which][speed])
        self.daily[which][day] += rate * error

    def learn_week(self, week: int, rest: float, age: int) -> None:
        points = 7 * self.steps / 168
        visit = 1 / (1 + (age - 1) / (7 * self.steps)) / max(1.0, points)
        rate = max(min(0.5, 0.3 / points), min(1.0, visit))
        self.weekly[week] += rate * clip(rest - self.weekly[week], self.deviation[0])
        self.week_residual = rest - self.weekly[week]

    def experts(self, time: float, ahead: int) -> list[float]:
        day, week = self.bins_at(time + ahead * self.step)
        found = []
        for which in range(2):
            plain = self.base + self.daily[which][day]
            fast, slow = self.residuals[which]
            found += [plain, plain + fast * 0.9**ahead, plain + slow * 0.985**ahead]
        return [*found, self.base + self.weekly[week] + self.week_residual * 0.985**ahead]


def clip(error: float, most: float) -> float:
    return math.copysign(min(abs(error), most), error)


@pytest.mark.parametrize("steps", [5, 24, 86, 144, 288, 1440])
def test_a_time_at_the_start_of_a_bin_belongs_to_it(steps: int) -> None:
    monday = 20_000 * DAY
    starts = [math.ceil(1000 * k * DAY / steps) / 1000 for k in range(steps)]
    assert [daily_bin(monday + start, steps) for start in starts] == list(range(steps))
    assert [weekly_bin(4 * DAY + 3600.0 * k) for k in range(168)] == [
        (k + 96) % 168 for k in range(168)
    ]


@pytest.mark.parametrize("steps", [5, 24, 96, 720])
def test_base_and_profiles_are_learned_as_in_plain_python(steps: int) -> None:
    step = DAY / steps
    size = min(20 * steps, 2000)
    values = season(size, steps) + 5 * (noise(size, 9) > 2)
    row = blank_row()
    row["step"], row["season"], row["bins"] = step, steps, min(steps, 288)
    row["base"] = values[0]
    twin = Seasons(steps, step, float(values[0]))
    for t, value in enumerate(values.tolist()):
        row["timestamp"] = t * step
        learn_season(row, t, value)
        twin.learn(t + 1, t + 1, t * step, value)
    assert row["base"] == pytest.approx(twin.base, rel=1e-4)
    assert row["daily"][:, : row["bins"]] == pytest.approx(np.array(twin.daily), abs=1e-3)
    assert row["weekly"] == pytest.approx(np.array(twin.weekly), abs=1e-3)
    for j, ahead in enumerate(layout.ANCHORS):
        x = scratch()
        seasonal_experts(row, j, x)
        experts = twin.experts((size - 1) * step, ahead)
        assert x[layout.PROFILE_A : layout.WEEK + 1] == pytest.approx(experts, abs=2e-3)


def test_profiles_move_by_the_difference_of_two_bins() -> None:
    row = blank_row()
    row["step"], row["season"], row["bins"], row["timestamp"] = 3600, 24, 24, 5 * 3600
    row["daily"][0, :24] = np.arange(24)
    row["daily"][1, :24] = 10 * np.arange(24)
    row["weekly"][:] = np.arange(168)
    move = seasonal_move(row, np.array([1.0, 0.5, 0.25]), 2, 6)
    assert move == pytest.approx(4 + 0.5 * 40 + 0.25 * 4)
    assert seasonal_move(row, np.array([1.0, 0.0, 0.0]), 3, 27) == 0
    row["season"] = 0
    assert seasonal_move(row, np.array([1.0, 1.0, 1.0]), 2, 6) == 0
