"""The example through the engine's core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples.autoscaler.brokered import Brokered
from examples.autoscaler.in_memory import InMemory
from examples.autoscaler.loads import Load, loads
from examples.autoscaler.run import main
from examples.autoscaler.scenario import RULE, autoscaler_settings
from examples.autoscaler.service import Fleet
from examples.autoscaler.tally import Tally
from streams.core.forecasting.bank import SeriesBank
from streams.records import Goal, Plan, PlanStatus, Strategy

STEPS = 60
READY = 9
"""First step that is forecast from."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fleet, Tally]:
    fleet = Fleet(loads(["elb_request_count", "made_office"], STEPS))
    in_memory = InMemory(
        fleet, autoscaler_settings(tmp_path_factory.mktemp("state")), lambda _: None
    )
    in_memory.run()
    return fleet, in_memory.tally


def planned(load: Load) -> list[int]:
    """Units asked for after each step from READY on, by the rule alone."""
    config = autoscaler_settings(Path("unused")).core().forecasting
    bank, row = SeriesBank(config), np.zeros(1, np.int64)
    bank.resize(1)
    needs: list[int] = []
    for time, value in zip(load.timestamps, load.trace.demand, strict=True):
        bank.learn_many(row, np.array([time]), np.array([value]))
        found = bank.forecast(0, config.horizon, config.level)
        if found is not None:
            needs.append(RULE.units_for(RULE.peak(found)))
    return [max(needs[max(0, at - RULE.hold + 1) : at + 1]) for at in range(len(needs))]


def test_goals_plans_and_actions_do_what_the_rule_plans(lived: tuple[Fleet, Tally]) -> None:
    for service in lived[0].services.values():
        assert service.asked()[READY:].tolist() == planned(service.load)


def test_every_change_comes_of_a_goal_a_plan_and_an_outcome(lived: tuple[Fleet, Tally]) -> None:
    fleet, tally = lived
    changes = sum(
        int(np.count_nonzero(np.diff(service.asked()))) for service in fleet.services.values()
    )
    assert changes > STEPS / 2
    assert tally.plans == {"done": tally.outcomes["success"]}
    assert tally.outcomes.total() in (changes, changes + 1, changes + 2)  # also the first ones
    set_, closed = (
        sum(count for name, count in tally.goals.items() if ("closed" in name) is is_closed)
        for is_closed in (False, True)
    )
    assert tally.goals["closed: achieved"] == closed
    assert set_ - closed <= len(fleet.services)  # what the last step set is measured by the next


async def test_the_whole_engine_decides_the_same(tmp_path: Path) -> None:
    fleet = Fleet(loads(["made_office"], STEPS))
    brokered = Brokered(fleet, autoscaler_settings(tmp_path), lambda _: None)
    await brokered.run()
    (service,) = fleet.services.values()
    assert service.asked()[READY:].tolist() == planned(service.load)
    assert set(brokered.tally.plans) == {"done"}


def test_the_program_prints_the_table_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "loads.png"
    words = ["--fast", "--steps", str(STEPS), "--load", "made_shop", "--picture", str(picture)]
    assert main(words) == 0
    assert picture.exists()
    shown = capsys.readouterr().out
    assert "made_shop" in shown
    assert "plans: " in shown
    assert main([*words, "--markdown"]) == 0
    assert "| `made_shop` |" in capsys.readouterr().out


@pytest.mark.parametrize("steps", ["10", "100000", "many"])
def test_so_many_steps_there_are_not(steps: str) -> None:
    with pytest.raises(SystemExit):
        main(["--fast", "--steps", steps])


def test_the_tally_knows_which_plans_are_open() -> None:
    tally = Tally()
    plan = Plan(
        entity_id="shop",
        timestamp=1,
        plan_id="p",
        goal_id="g",
        strategy=Strategy.IMMEDIATE,
        scheduled_time=1,
        revision=1,
    )
    goal = Goal(entity_id="shop", timestamp=1, goal_id="g", target_metric="units", target_value=2.0)
    tally.take(plan)
    tally.take(goal)
    assert tally.open_plans("shop") == [plan]
    assert tally.open_plans("other") == []
    assert not tally.goals
    ended = Plan(
        entity_id="shop",
        timestamp=2,
        plan_id="p",
        goal_id="g",
        strategy=Strategy.IMMEDIATE,
        scheduled_time=1,
        revision=2,
        status=PlanStatus.FAILED,
    )
    tally.take(ended)
    tally.take(ended)
    assert tally.open_plans("shop") == []
    assert tally.lines()[1] == "plans: 1 failed"
