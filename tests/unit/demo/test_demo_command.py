"""The command's own arguments, and the settings of the demo."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from streams.cli.app import app
from streams.core.safety.config import Mode
from streams.demo.clock import ReplayClock
from streams.demo.ledger import Ledger
from streams.demo.plant import Plant
from streams.demo.scenario import RESOURCES, demo_settings, user_goal
from streams.demo.screen import COLUMNS, Screen, columns_for
from streams.runtime.handlers import UNDO
from streams.settings import EMBEDDED, Settings
from streams.settings.sections import WebSection


def test_an_unwritable_file_is_known_before_the_replay(tmp_path: Path) -> None:
    target = str(tmp_path / "missing" / "out.json")
    result = CliRunner().invoke(app, ["demo", "--json", target])
    assert result.exit_code == 1
    assert "--json" in result.output
    assert target in result.output
    assert "file cannot be written" in result.output


def test_only_where_to_look_is_taken_from_the_user() -> None:
    settings = demo_settings(Settings(web=WebSection(port=6001)), 28.0)
    assert settings.web.port == 6001
    assert settings.kafka.bootstrap == EMBEDDED
    assert settings.worker.handlers == ()


def test_every_metric_of_the_demo_has_a_limit_above_its_target() -> None:
    core = demo_settings(Settings(), 28.0).core()
    for resource in RESOURCES:
        known = core.metric(resource.metric)
        assert known is not None
        assert known.limit == pytest.approx(resource.limit)
        assert known.target == pytest.approx(resource.target)
        assert resource.floor < resource.target < resource.limit <= resource.capacity


def test_the_engine_may_do_all_that_the_plant_can_do() -> None:
    plant = Plant(RESOURCES)
    core = demo_settings(Settings(), 28.0).core(plant.handlers().catalogue())
    assert core.safety.mode is Mode.ACT
    named = {name for name in core.actions if core.actions[name].unattended}
    assert named == {name for name in plant.handlers().names() if not name.startswith(UNDO)}
    moved = {metric for spec in core.actions.values() for metric in spec.metrics}
    assert moved == {each.metric for each in RESOURCES} | {each.unit_name for each in RESOURCES}


def test_an_action_has_the_same_time_of_the_wall_at_any_pace() -> None:
    slow, fast = (demo_settings(Settings(), seconds).core().planning for seconds in (100.0, 10.0))
    assert fast.lease_ms == pytest.approx(10 * slow.lease_ms)


def test_units_are_given_back_only_where_the_others_stay_below_the_target() -> None:
    rules = demo_settings(Settings(), 28.0).core().setting.scaling
    for resource in RESOURCES:
        rule, units = rules[resource.demand], 2 * resource.units
        demand = 0.999 * units * rule.utilisation * rule.unit_capacity
        assert rule.units_for(demand) == units
        assert resource.floor + demand / units < resource.target


def test_the_user_asks_for_something_that_is_not_yet_decided() -> None:
    goal = user_goal(5)
    assert goal.revision == 0
    assert goal.deadline is not None
    assert goal.deadline > 5


@pytest.mark.parametrize("terminal", [True, False])
def test_the_screen_draws_before_anything_is_known(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160, color_system=None)
    clock = ReplayClock(0, 3_600_000, 1.0, lambda: 0.0)
    with Screen(console, Ledger(()), Plant(RESOURCES), clock, dict) as screen:
        screen.tick()
    text = out.getvalue()
    assert "Thu 01 Jan 1970 00:00" in text
    assert ("cpu_utilization" in text) is terminal
    assert ("learned" in text) is terminal


def test_a_narrow_terminal_gets_fewer_columns() -> None:
    assert columns_for(140) == list(COLUMNS)
    assert columns_for(130) == [title for title in COLUMNS if title != "actions"]
    assert columns_for(80) == ["resource", "now", "limit", "in 1 h", "in 6 h", "goal"]
