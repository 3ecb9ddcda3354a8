"""One rule at a time: when it asks for a goal, and for which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.goal_rules.config import Objective, SettingConfig, TypeConfig
from streams.core.goal_rules.objectives import (
    adaptation_goals,
    burn_rate,
    cost_goals,
    performance_goals,
    service_level_goals,
)
from streams.core.goal_rules.resources import bottleneck_goals, capacity_goals, resource_goals
from streams.core.goal_rules.setter import propose
from streams.core.goal_rules.situation import History
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import NOT_BEFORE
from streams.core.metric.config import MetricConfig
from streams.core.planning.config import ActionSpec
from streams.errors import ConfigError
from streams.records import CauseKind, GoalOrigin, GoalType, PatternType, Priority
from tests.kits.core.goals import HOUR, MINUTE, NOW
from tests.kits.core.resources import forecast
from tests.kits.core.situations import (
    API,
    CEILING,
    CONFIG,
    FLOOR,
    breach,
    demand,
    holding,
    minutes,
    outlook,
    pattern,
    ramp,
    situation,
)

DAY = 24 * HOUR
LEVELS = SettingConfig().service_levels


# -- bottleneck_prevention ------------------------------------------------------------------------


@pytest.mark.spec("S1-078")
def test_a_bottleneck_goal_asks_for_a_share_of_the_capacity() -> None:
    found = breach("api_calls", [12_000.0], API, current=7_000.0)
    (goal,) = bottleneck_goals(situation(breaches={"api_calls": found}), CONFIG)
    assert (goal.goal_type, goal.target_value) == (GoalType.BOTTLENECK_PREVENTION, 8_000.0)
    assert (goal.priority, goal.direction, goal.unit) == (Priority.CRITICAL, CEILING, "calls")
    assert goal.metadata["severity"] == "critical"
    assert goal.metadata["prediction_confidence"] == "0.9"
    assert "cache answers" in goal.metadata["mitigations"]


@pytest.mark.spec("S1-170")
def test_a_bottleneck_goal_says_why_it_exists() -> None:
    found = breach("cpu", ramp(79.0, 4.0), current=79.0)
    (goal,) = bottleneck_goals(situation(breaches={"cpu": found}), CONFIG)
    assert (goal.origin, goal.cause_kind) == (GoalOrigin.AUTONOMOUS, CauseKind.PREDICTION)
    assert (goal.cause_id, goal.correlation_id) == ("p-1", "c-1")
    assert goal.cause_numbers == {
        "probability": found.probability,
        "limit": 95.0,
        "capacity": 100.0,
        "predicted_value": 175.0,
        "current": 79.0,
        "horizon_ms": 24.0 * HOUR,
        NOT_BEFORE: float(NOW + 5 * HOUR),
    }


def test_a_crossing_that_does_not_last_is_high() -> None:
    found = breach("cpu", [50.0] * 23 + [99.0])
    (goal,) = bottleneck_goals(situation(breaches={"cpu": found}), CONFIG)
    assert goal.priority is Priority.HIGH


def test_the_deadline_leads_the_breach_but_is_never_past() -> None:
    def deadline(means: list[float], current: float, config: CoreConfig) -> int | None:
        found = breach("cpu", means, current=current)
        (goal,) = bottleneck_goals(situation(breaches={"cpu": found}), config)
        return goal.deadline

    assert deadline(ramp(72.0, 4.0), 72.0, CONFIG) == NOW + 4 * HOUR
    assert deadline([120.0], 120.0, CONFIG) == NOW + CONFIG.goals.hold_ms
    brief = replace(CONFIG, goals=GoalConfig(hold_ms=0))
    assert deadline([120.0], 120.0, brief) == NOW + MINUTE


def test_a_breach_of_what_has_no_capacity_is_no_bottleneck() -> None:
    found = breach("latency", [300.0], MetricConfig(), limit=200.0)
    assert bottleneck_goals(situation(breaches={"latency": found}), CONFIG) == []


# -- resource_optimization ------------------------------------------------------------------------


@pytest.mark.spec("S1-075")
@pytest.mark.parametrize(
    ("usage", "priority"),
    [(75.0, None), (80.0, Priority.MEDIUM), (85.0, Priority.MEDIUM), (86.0, Priority.HIGH)],
)
def test_high_average_use_is_to_be_optimised(usage: float, priority: Priority | None) -> None:
    seen = situation({"cpu": 78.0}, outlook=outlook(demand("cpu", usage)))
    goals = resource_goals(seen, CONFIG)
    assert [goal.priority for goal in goals] == ([] if priority is None else [priority])
    for goal in goals:
        assert goal.goal_type is GoalType.RESOURCE_OPTIMIZATION
        assert (goal.target_value, goal.direction) == (70.0, CEILING)
        assert goal.deadline == NOW + 12 * HOUR
        assert (goal.cause_kind, goal.cause_id) == (CauseKind.PREDICTION, "s-1")
        assert goal.metadata == {"predicted_utilization": f"{usage:g}", "capacity": "100"}
        assert len(goal.actions) == 3


def test_a_resource_that_is_silent_is_not_judged() -> None:
    assert resource_goals(situation(outlook=outlook(demand("cpu", 80.0))), CONFIG) == []


def test_what_holds_before_the_predicted_use_proves_nothing() -> None:
    seen = outlook(demand("cpu", 80.0))
    (calm,) = resource_goals(situation({"cpu": 50.0}, outlook=seen), CONFIG)
    assert calm.cause_numbers[NOT_BEFORE] == calm.deadline
    (busy,) = resource_goals(situation({"cpu": 79.0}, outlook=seen), CONFIG)
    assert NOT_BEFORE not in busy.cause_numbers
    later = situation({"cpu": 50.0}, outlook=seen, now=NOW + HOUR, goals=holding(calm))
    (again,) = resource_goals(later, CONFIG)
    assert again.cause_numbers[NOT_BEFORE] == calm.deadline


# -- performance_target ---------------------------------------------------------------------------


@pytest.mark.spec("S1-076")
def test_an_objective_becomes_a_goal_only_when_it_is_missed() -> None:
    stable = [propose(situation({"latency": 150.0}), CONFIG) for _ in range(2)]
    assert stable == [[], []]
    (goal,) = propose(situation({"latency": 250.0}), CONFIG)
    assert (goal.goal_type, goal.priority) == (GoalType.PERFORMANCE_TARGET, Priority.HIGH)
    assert (goal.target_value, goal.unit, goal.direction) == (200.0, "ms", CEILING)
    assert goal.deadline == NOW + 7 * DAY
    assert len(goal.actions) == 4
    assert goal.cause_numbers == {"objective": 200.0, "current": 250.0}


def test_an_objective_that_will_be_missed_is_a_goal() -> None:
    limit = CONFIG.known.limit("latency")
    assert limit is not None
    found = breach("latency", ramp(150.0, 10.0), limit.known, current=150.0, limit=limit.value)
    (goal,) = propose(situation({"latency": 150.0}, breaches={"latency": found}), CONFIG)
    assert goal.goal_type is GoalType.PERFORMANCE_TARGET
    assert (goal.cause_kind, goal.cause_id) == (CauseKind.PREDICTION, "p-1")
    assert goal.cause_numbers[NOT_BEFORE] == NOW + 6 * HOUR


def test_objectives_hold_for_other_names_of_the_metric() -> None:
    config = replace(CONFIG, aliases={"p95": "latency"})
    (goal,) = performance_goals(situation({"p95": 250.0, "other": 900.0}), config)
    assert goal.target_metric == "p95"


def test_the_capacity_is_the_limit_where_there_is_one() -> None:
    known = MetricConfig(capacity=1_000.0)
    config = replace(CONFIG, metrics={"latency": known})
    limit = config.known.limit("latency")
    assert limit == (950.0, known)
    assert config.known.limit("other") is None
    found = breach("latency", [990.0], known, current=150.0)
    seen = situation({"latency": 150.0}, breaches={"latency": found})
    assert performance_goals(seen, config) == []
    assert [g.goal_type for g in propose(seen, config)] == [GoalType.BOTTLENECK_PREVENTION]


# -- capacity_planning ----------------------------------------------------------------------------

PLANNED = replace(CONFIG, setting=SettingConfig(capacity_metrics={"load": "slots"}))


@pytest.mark.spec("S1-077")
def test_capacity_is_planned_for_the_moment_of_the_crossing() -> None:
    seen = situation({"load": 70.0, "slots": 100.0}, forecasts={"load": forecast(ramp(70.0, 5.5))})
    (goal,) = capacity_goals(seen, PLANNED)
    assert (goal.goal_type, goal.priority) == (GoalType.CAPACITY_PLANNING, Priority.CRITICAL)
    assert (goal.target_metric, goal.direction) == ("slots", FLOOR)
    assert goal.target_value == pytest.approx(1.2 * (70.0 + 24 * 5.5))
    assert goal.deadline == NOW + 6 * HOUR
    assert len(goal.actions) == 4


def test_a_demand_that_is_past_the_capacity_leaves_little_time() -> None:
    seen = situation({"load": 130.0, "slots": 100.0}, forecasts={"load": forecast([90.0] * 24)})
    (goal,) = capacity_goals(seen, PLANNED)
    assert goal.deadline == NOW + MINUTE
    assert goal.target_value == pytest.approx(1.2 * 130.0)


def test_capacity_that_suffices_is_left_alone() -> None:
    readings = {"load": 70.0, "slots": 100.0}
    enough = {"load": forecast([99.0] * 24)}
    assert capacity_goals(situation(readings, forecasts=enough), PLANNED) == []
    assert capacity_goals(situation(readings, forecasts={"other": enough["load"]}), PLANNED) == []
    assert capacity_goals(situation({"load": 70.0}, forecasts=enough), PLANNED) == []


@pytest.mark.spec("S1-077")
def test_a_daily_spike_asks_for_head_room() -> None:
    spike = pattern(pattern_type=PatternType.PERIODIC_SPIKE, description="logins spike daily")
    readings, expected = {"load": 70.0, "slots": 100.0}, {"load": forecast([95.0] * 24)}
    (goal,) = capacity_goals(situation(readings, forecasts=expected, patterns=[spike]), PLANNED)
    assert (goal.priority, goal.deadline) == (Priority.HIGH, NOW + DAY)
    assert (goal.cause_kind, goal.cause_id) == (CauseKind.PATTERN, "pat-1")
    assert goal.target_value == pytest.approx(114.0)
    enough = situation(readings, forecasts={"load": forecast([80.0] * 24)}, patterns=[spike])
    assert capacity_goals(enough, PLANNED) == []


def test_an_open_plan_grows_only_with_the_need() -> None:
    def planned(peak: float, *known: object) -> float:
        seen = situation(
            {"load": 70.0, "slots": 100.0},
            forecasts={"load": forecast([peak] * 24)},
            goals=holding(*known),
        )
        (goal,) = capacity_goals(seen, PLANNED)
        return goal.target_value

    (first,) = capacity_goals(
        situation({"slots": 100.0}, forecasts={"load": forecast([110.0] * 24)}), PLANNED
    )
    assert first.target_value == pytest.approx(132.0)
    assert planned(112.0, first) == first.target_value
    assert planned(101.0, first) == first.target_value
    assert planned(120.0, first) == pytest.approx(144.0)


# -- sla_maintenance ------------------------------------------------------------------------------


@pytest.mark.spec("S1-080")
@pytest.mark.parametrize(
    ("success", "priority"),
    [
        (0.995, None),
        (0.99, None),
        (0.95, Priority.MEDIUM),
        (0.93, Priority.HIGH),
        (0.80, Priority.CRITICAL),
    ],
)
def test_an_error_budget_that_burns_too_fast(success: float, priority: Priority | None) -> None:
    seen = situation(
        {"success_rate": success}, histories={"success_rate": minutes(*[success] * 60)}
    )
    goals = service_level_goals(seen, CONFIG)
    assert [goal.priority for goal in goals] == ([] if priority is None else [priority])
    for goal in goals:
        assert goal.goal_type is GoalType.SLA_MAINTENANCE
        assert (goal.target_value, goal.direction) == (0.99, FLOOR)
        assert goal.cause_numbers["burn_rate"] == pytest.approx((1 - success) / 0.01)


def test_error_rates_burn_alike() -> None:
    seen = situation({"error_rate": 0.05}, histories={"error_rate": minutes(*[0.05] * 60)})
    (goal,) = service_level_goals(seen, CONFIG)
    assert (goal.target_value, goal.direction) == (0.01, CEILING)
    assert goal.cause_numbers["burn_rate"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.9] * 55 + [1.0] * 5, id="over again"),
        pytest.param([1.0] * 59 + [0.5], id="a single bad minute"),
        pytest.param([0.5] * 5, id="too few"),
    ],
)
def test_an_incident_that_is_over_or_has_not_lasted_is_no_reason(values: list[float]) -> None:
    seen = situation({"success_rate": values[-1]}, histories={"success_rate": minutes(*values)})
    rules = SettingConfig(burn_rate=2.0)
    assert service_level_goals(seen, replace(CONFIG, setting=rules)) == []


def test_only_the_window_counts() -> None:
    old = History((0.0,) * 60 + (1.0,) * 6, 10 * MINUTE)
    assert burn_rate(old, LEVELS["success_rate"], SettingConfig()) == (0.0, 0.0)
    untimed = History((0.5,) * 6, 0)
    assert burn_rate(untimed, LEVELS["success_rate"], SettingConfig()) == pytest.approx((50, 50))


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=72), st.integers(0, 10 * HOUR))
def test_burn_is_bounded(values: list[float], step: int) -> None:
    burn = burn_rate(History(tuple(values), step), LEVELS["success_rate"], SettingConfig())
    assert burn is not None
    assert all(0 <= each <= 100 * (1 + 1e-9) for each in burn)


# -- cost_reduction -------------------------------------------------------------------------------


@pytest.mark.spec("S1-079")
def test_a_cost_is_to_fall_by_a_tenth_once() -> None:
    (goal,) = propose(situation({"cost": 200.0}), CONFIG)
    assert (goal.goal_type, goal.priority) == (GoalType.COST_REDUCTION, Priority.MEDIUM)
    assert (goal.target_value, goal.direction) == (180.0, CEILING)
    assert goal.deadline == NOW + 30 * DAY
    assert goal.metadata == {"target_reduction_percent": "10"}
    assert len(goal.actions) == 4
    later = situation({"cost": 190.0}, goals=holding(goal), now=NOW + HOUR)
    (again,) = propose(later, CONFIG)
    assert (again.dedupe_key, again.target_value) == (goal.dedupe_key, goal.target_value)
    assert cost_goals(situation({"cost": 0.0}), CONFIG) == []


# -- pattern_adaptation ---------------------------------------------------------------------------


@pytest.mark.spec("S1-081")
def test_one_goal_for_each_recurring_task() -> None:
    tasks = [pattern(f"pat-{n}", confidence=0.9 - n / 100) for n in range(5)]
    seen = situation({"task_efficiency": 1.0}, patterns=[*reversed(tasks), pattern(
        "spike", pattern_type=PatternType.PERIODIC_SPIKE, confidence=1.0)])  # fmt: skip
    goals = adaptation_goals(seen, CONFIG)
    assert [goal.cause_id for goal in goals] == ["pat-0", "pat-1", "pat-2"]
    assert len({goal.dedupe_key for goal in goals}) == 3
    first = goals[0]
    assert (first.target_value, first.direction) == (1.2, FLOOR)
    assert (first.priority, first.deadline) == (Priority.MEDIUM, NOW + 7 * DAY)
    assert first.metadata == {
        "pattern_id": "pat-0",
        "frequency": "every 1 hours",
        "occurrences": "12",
    }
    later = situation({"task_efficiency": 1.1}, patterns=tasks, goals=holding(first))
    again = adaptation_goals(later, CONFIG)[0]
    assert (again.dedupe_key, again.target_value) == (first.dedupe_key, 1.2)


def test_no_adaptation_where_the_efficiency_is_not_measured() -> None:
    assert adaptation_goals(situation(patterns=[pattern()]), CONFIG) == []


# -- all ------------------------------------------------------------------------------------------


def test_actions_of_the_catalogue_stand_for_the_usual_steps() -> None:
    catalogue = {
        "restart": ActionSpec(metrics=("memory",)),
        "scale_out": ActionSpec(metrics=("cpu",)),
        "drain": ActionSpec(),
        "renice": ActionSpec(metrics=("cpu",), goal_types=(GoalType.RESOURCE_OPTIMIZATION,)),
        "shed": ActionSpec(metrics=("cpu",), goal_types=(GoalType.BOTTLENECK_PREVENTION,)),
    }
    seen = situation(breaches={"cpu": breach("cpu", [99.0])})
    (plain,) = bottleneck_goals(seen, CONFIG)
    assert plain.actions == ("analyse_bottleneck", "optimise_resource", "monitor_resource")
    (fitted,) = bottleneck_goals(seen, replace(CONFIG, actions=catalogue))
    assert fitted.actions == ("scale_out", "shed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_utilisation": 0.8},
        {"headroom": 0.9},
        {"cost_reduction": 1.0},
        {"burn_rate": 0.0},
        {"max_age_ms": 0},
        {"utilisation": -1.0},
        {"service_levels": {"success_rate": Objective(1.0, FLOOR)}},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SettingConfig(**wrong)


def test_times_and_objectives_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="due_ms"):
        TypeConfig(due_ms=0)
    with pytest.raises(ConfigError, match="cooldown_ms"):
        TypeConfig(due_ms=1, cooldown_ms=-1)
    with pytest.raises(ConfigError, match="target"):
        Objective(float("nan"))


def test_a_known_metric_keeps_its_unit() -> None:
    config = replace(CONFIG, metrics={"latency": MetricConfig(unit="s")})
    limit = config.known.limit("latency")
    assert limit is not None
    assert (limit.value, limit.known.unit) == (200.0, "s")
