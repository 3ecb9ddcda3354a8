"""Publisher, HTTP, planner, chance of a breach and effects see one and the same forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.core.config import CoreConfig
from streams.core.execution.state import Plans
from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.learning.bandit import choose
from streams.core.learning.state import LearningState
from streams.core.metric.config import MetricConfig
from streams.core.planning.config import ActionSpec
from streams.core.planning.plan import PlanCandidate
from streams.core.planning.simulate import rank
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Direction
from tests.kits.core.partition import HOUR, START, Bench, command, goal, measured
from tests.kits.core.values import noise

STEPS = 3
LIMIT = 60.0


def leading(regressors: tuple[str, ...], calendar: tuple[str, ...] = ()) -> Bench:
    """A load that follows another metric by two hours, in which just now a jump was announced."""
    known = MetricConfig(
        capacity=100.0, limit_ratio=LIMIT / 100, regressors=regressors, calendar=calendar
    )
    config = CoreConfig(
        forecasting=ForecastConfig(min_points=10, interval_ms=0, horizon=STEPS),
        metrics={"load": known},
        actions={"shed": ActionSpec(metrics=("load",), effect={"load": -9.0}, unattended=True)},
        goals=GoalConfig(auto_goal_setting=False),
        safety=SafetyConfig(mode=Mode.ACT, min_coverage=0.01),
    )
    bench = Bench(config)
    lead = 50 + 10 * noise(900)
    lead[-2:] = 25.0
    load = np.concatenate([lead[:2], lead[:-2]]) + 0.5 * noise(900, seed=1)
    measured(bench, lead=lead, load=load)
    return bench


NOW = START + 899 * HOUR + 1


def published(bench: Bench) -> Any:
    seen = bench.send("commands", command("analysis.run", "c-a", target="load", timestamp=NOW))
    (made,) = seen.records("forecasts")
    return made


@pytest.mark.parametrize("calendar", [(), ("hour",)])
def test_everybody_sees_the_forecast_that_is_published(calendar: tuple[str, ...]) -> None:
    """Regression: what decides took the forecast without its correction, so that an action could
    be credited with what a regressor did."""
    bench = leading(("lead",), calendar)
    made = published(bench)
    reading = bench.partition.reading(bench.entity(), "load")
    assert reading is not None
    plain = reading.uncorrected(STEPS)
    assert plain is not None
    assert "lead" in made.members
    assert plain.mean[0] - made.predictions[0] > 10  # the announced fall is in one of them alone

    asked = bench.partition.forecast("svc", "load", STEPS, made.level)
    assert asked is not None
    assert (tuple(asked.mean), tuple(asked.lower), tuple(asked.upper)) == (
        made.predictions, made.lower, made.upper,
    )  # fmt: skip

    wish = goal(10.0, target_metric="load", direction=Direction.AT_MOST, timestamp=NOW + 1)
    bench.send("goals", wish)
    due = bench.entity().wake_at  # the plan starts after a while
    bench.send("commands", command("entity.tick", "t", timestamp=due))
    (entry,) = bench.entity().read(Plans).entries.values()
    assert entry.choice is not None
    assert entry.expectation is not None
    assert entry.expectation.without.mean == pytest.approx(made.predictions)

    proposal = PlanCandidate(entry.plan.proposal, entry.plan.actions, -9.0)
    for path, same in ((made.predictions, True), (plain.mean.tolist(), False)):
        (option,) = rank([proposal], path, wish)
        weighed = choose(
            LearningState(),
            [proposal.name],
            entry.choice.context,
            priors={proposal.name: option.gain},
            blocked=set(),
            seed=entry.plan.plan_id,
            config=bench.config.learning,
        )
        assert weighed is not None
        assert (weighed.candidates == entry.choice.candidates) is same


def test_the_chance_of_a_breach_is_that_of_the_corrected_forecast() -> None:
    """A fall that was announced makes a breach unlikely which the plain forecast fears."""
    plain, corrected = leading(()), leading(("lead",))
    chances = []
    for bench in (plain, corrected):
        reading = bench.partition.reading(bench.entity(), "load")
        assert reading is not None
        chances.append(reading.breach(40.0, 1, above=True))
    assert chances[0] > 0.5
    assert chances[1] < 0.1


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("horizon", [1, 12, 24, 48])
def test_a_move_by_the_same_at_every_step_is_a_threshold_moved_the_other_way(
    above: bool, horizon: int
) -> None:
    bank = SeriesBank(ForecastConfig(models=("ensemble",)))
    bank.resize(1)
    values = 50 + 5 * noise(400)
    bank.learn_many(np.zeros(400, np.int64), START + HOUR * np.arange(400), values)
    for threshold in (45.0, 52.0, 60.0):
        moved = bank.breach(0, threshold, horizon, above=above, move=np.full(horizon, 3.0))
        assert moved == pytest.approx(bank.breach(0, threshold - 3, horizon, above=above), abs=1e-6)
        still = bank.breach(0, threshold, horizon, above=above, move=np.zeros(horizon))
        assert still == bank.breach(0, threshold, horizon, above=above)
