"""A metric that flaps around its threshold every minute for a day, through the whole core."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from streams.core.forecasting.config import ForecastConfig
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import PlanningConfig
from streams.records import Action, Goal
from tests.kits.core.loop import MINUTE, Loop, config_of, done

LIMIT = 95.0
MINUTES = 24 * 60
EAGER = ForecastConfig(models=("holt_winters",), horizon=12, interval_ms=10 * MINUTE)


def uniform(*parts: object) -> float:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Storm:
    """cpu jumps around its limit; an act that helps takes 20 off it for half an hour."""

    def __init__(self, *, helps: bool, seed: int) -> None:
        config = config_of(forecasting=EAGER, planning=PlanningConfig(max_attempts=50))
        self.loop = Loop(config, self.handle)
        self.naive = 0
        """Crossings: a bare rule acts at each."""
        self._helps, self._seed, self._until = helps, seed, 0

    def handle(self, action: Action) -> HandlerResult:
        if self._helps:
            self._until = self.loop.now + 30 * MINUTE
        return done(action)

    def rage(self) -> None:
        before = False
        for minute in range(MINUTES):
            load = LIMIT + 6 * (uniform(self._seed, minute) - 0.5)
            self.naive += load > LIMIT and not before
            before = load > LIMIT
            self.loop.wait(MINUTE)
            self.loop.measure(load - (20.0 if self.loop.now < self._until else 0.0))


@pytest.mark.parametrize("helps", [True, False])
def test_goals_and_acts_stay_few_while_a_metric_flaps(helps: bool) -> None:
    storm = Storm(helps=helps, seed=1)
    storm.rage()
    loop, safety = storm.loop, storm.loop.bench.config.safety
    goals = {goal.goal_id for goal in loop.seen.records("goals") if isinstance(goal, Goal)}
    begun = sorted(plan.started_at for plan in loop.plans() if plan.started_at is not None)
    print(
        f"acts that {'help' if helps else 'do not help'}: {len(begun)} acts, {len(goals)} goals, "
        f"{len(loop.seen.emissions)} records; bare rule: {storm.naive} acts"
    )
    assert 0 < len(begun) <= 24 * safety.acts_per_window
    for start in begun:
        inside = [moment for moment in begun if start <= moment < start + safety.window_ms]
        assert len(inside) <= safety.acts_per_window
    assert all(late - early >= safety.cooldown_ms for early, late in pairwise(begun))
    # No goal is set again for the same reason within its cooldown of an hour, unless it has
    # become more urgent; two kinds of goals compete for the metric.
    assert len(goals) <= 2 * 24
    assert storm.naive > 3 * len(begun)


@pytest.mark.parametrize("seed", [2, 4, 5])
def test_acts_that_do_not_help_become_rare(seed: int) -> None:
    storm = Storm(helps=False, seed=seed)
    storm.rage()
    # Noise may look like help now and then, which ends a block: the budget would allow 144.
    assert len(storm.loop.asked) <= storm.naive / 10


def test_the_same_storm_is_the_same_day() -> None:
    first, again = Storm(helps=True, seed=3), Storm(helps=True, seed=3)
    for storm in (first, again):
        storm.rage()
    assert first.loop.seen.by_source() == again.loop.seen.by_source()
