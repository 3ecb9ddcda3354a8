"""From measurements to goals, through a partition."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace

import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goal_rules.config import SettingConfig
from streams.core.goal_rules.observation import observe
from streams.core.goal_rules.scaling import ScalingRule
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import CloseReason
from streams.core.kernel.emission import Position
from streams.core.kernel.turn import Turn
from streams.core.metric.config import MetricConfig
from streams.core.partition import METRICS
from streams.records import Direction, Goal, GoalStatus, GoalType, Priority
from tests.kits.core.partition import START, Bench, Seen, command, goal, metric

HOUR = 3_600_000
EAGER = ForecastConfig(models=("holt_winters",), min_points=3, interval_ms=0)


def hourly(bench: Bench, *values: float, name: str, first: int = 0) -> Seen:
    return bench.send(
        METRICS,
        *(
            metric(value, name=name, timestamp=START + (first + n) * HOUR)
            for n, value in enumerate(values)
        ),
    )


def newest(seen: Seen) -> dict[str, Goal]:
    """Last revision of each goal that was published."""
    return {each.goal_id: each for each in seen.records("goals")}


def test_a_ramp_that_passes_its_limit_in_six_hours() -> None:
    """One analysis, at the moment at which the crossing is six hours ahead."""
    interval = 60 * HOUR
    due = zlib.crc32(b"svc\x1fcpu") % interval
    at = math.ceil(due / HOUR)
    assert at > 5
    bench = Bench(CoreConfig(forecasting=replace(EAGER, interval_ms=interval)))
    seen = hourly(bench, *(72.0 + 4.0 * (n - at) for n in range(at + 1)), name="cpu")
    (found,) = newest(seen).values()
    now = START + at * HOUR
    assert (found.goal_type, found.priority) == (GoalType.BOTTLENECK_PREVENTION, Priority.CRITICAL)
    assert (found.target_value, found.direction) == (80.0, Direction.AT_MOST)
    assert found.deadline == now + 4 * HOUR
    (prediction,) = (p for p in seen.records("predictions") if p.kind.value == "breach")
    assert found.cause_id == prediction.prediction_id
    assert found.correlation_id == prediction.correlation_id


@pytest.mark.spec("S1-091")
def test_an_open_goal_is_refreshed_not_repeated() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER))
    seen = hourly(bench, *(40.0 + 2.0 * n for n in range(20)), name="cpu")
    kinds = [(g.goal_type, g.status.is_open) for g in newest(seen).values()]
    assert kinds.count((GoalType.BOTTLENECK_PREVENTION, True)) == 1
    revisions = [g.revision for g in seen.records("goals") if g.status.is_open]
    assert len(revisions) < 20
    (last,) = bench.state().open_goals("cpu")
    assert last.cause_numbers["predicted_value"] > 95.0


def test_the_lesser_goal_on_a_metric_gives_way() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER))
    first = hourly(bench, *[80.0] * 5, name="cpu")
    (lesser,) = newest(first).values()
    assert (lesser.goal_type, lesser.priority) == (
        GoalType.RESOURCE_OPTIMIZATION,
        Priority.MEDIUM,
    )
    seen = hourly(bench, 99.0, name="cpu", first=5)
    ended = newest(seen)[lesser.goal_id]
    assert ended.status is GoalStatus.CANCELLED
    assert ended.close_reason.startswith(CloseReason.SUPERSEDED)
    (left,) = bench.state().open_goals("cpu")
    assert left.goal_type is GoalType.BOTTLENECK_PREVENTION
    assert left.goal_id in ended.close_reason


@pytest.mark.spec("S1-076")
def test_latency_is_a_goal_when_it_is_missed() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER))
    assert hourly(bench, *[150.0] * 12, name="latency").records("goals") == []
    seen = hourly(bench, *[250.0] * 6, name="latency", first=12)
    (found,) = newest(seen).values()
    assert (found.goal_type, found.target_value) == (GoalType.PERFORMANCE_TARGET, 200.0)


@pytest.mark.spec("S1-098")
def test_a_goal_that_is_no_longer_needed_is_closed() -> None:
    config = CoreConfig(forecasting=EAGER, goals=GoalConfig(hold_ms=100 * HOUR))
    bench = Bench(config)
    seen = hourly(bench, *[150.0] * 4, 250.0, name="latency")
    (found,) = newest(seen).values()
    early = hourly(bench, *[100.0] * 5, name="latency", first=5)
    assert newest(early)[found.goal_id].status is GoalStatus.ACTIVE
    late = hourly(bench, *[100.0] * 3, name="latency", first=10)
    ended = newest(late)[found.goal_id]
    assert (ended.status, ended.close_reason) == (GoalStatus.CANCELLED, CloseReason.UNNEEDED)


def test_a_refusal_of_the_same_candidate_is_told_once_a_review() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER))
    bench.send("goals", goal(300.0, target_metric="latency", direction=Direction.AT_LEAST))
    seen = hourly(bench, *[250.0] * 15, name="latency")
    told = [d for d in seen.records("decisions") if d.kind == "refusal"]
    assert {d.chosen for d in told} == {"contradicts_open_goal"}
    assert all("'g-1'" in d.reason for d in told)
    assert 2 <= len(told) <= 4


def test_scaling_keeps_what_was_needed() -> None:
    rule = ScalingRule(capacity_metric="units", unit_capacity=10.0, hold=2)
    config = CoreConfig(forecasting=EAGER, setting=SettingConfig(scaling={"load": rule}))
    bench = Bench(config)
    hourly(bench, 2.0, name="units", first=5)
    seen = hourly(bench, *[40.0] * 6, name="load")
    assert newest(seen)
    assert bench.state().needs == {"load": [5, 5]}
    (found,) = bench.state().open_goals("units")
    assert (found.target_value, found.baseline) == (5.0, 2.0)
    bench.save()
    bench.restart()
    assert bench.state().needs == {"load": [5, 5]}
    done = hourly(bench, 5.0, name="units", first=6)
    assert [g.status for g in done.records("goals")] == [GoalStatus.ACHIEVED]


def test_readings_have_an_age_and_leave_out_what_is_stale() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER, metrics={"slow": MetricConfig(capacity=9.0)}))
    minute = 60_000
    for name, step in (("cpu", HOUR), ("old", minute), ("slow", HOUR)):
        for n in range(5):
            bench.send(METRICS, metric(91.0 + n, name=name, timestamp=START + n * step))
    turn = Turn(bench.entity(), Position(METRICS, 3, 99), START + 6 * HOUR, "c", bench.partition)
    seen = observe(turn, bench.config, (), {})
    assert dict(seen.readings).keys() == {"cpu", "slow"}
    assert len(seen.readings) == 2
    assert seen.readings["cpu"].value == 95.0
    assert seen.readings["cpu"].age_ms == 2 * HOUR
    assert seen.readings["cpu"].baseline == 91.0
    assert seen.readings.get("unknown") is None


def test_predictions_whose_horizon_has_passed_do_not_count() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER))
    hourly(bench, *[99.0] * 5, name="cpu")
    entity, state, around = bench.entity(), bench.state(), bench.partition
    now = START + 4 * HOUR
    horizon = state.predictions["cpu"].horizon_ms
    present = Turn(entity, Position(METRICS, 3, 9), now, "", around)
    seen = observe(present, bench.config, (), {})
    assert seen.breaches.keys() == {"cpu"}
    assert seen.outlook is state.outlook
    later = Turn(entity, Position(METRICS, 3, 9), now + horizon + 1, "", around)
    seen = observe(later, bench.config, (), {})
    assert (dict(seen.breaches), seen.outlook) == ({}, None)


def test_goals_are_set_only_where_it_is_allowed() -> None:
    """Predictions go on while the agent is stopped."""
    bench = Bench(CoreConfig(forecasting=EAGER))
    bench.send("commands", command("agent.stop"))
    seen = hourly(bench, *[99.0] * 5, name="cpu")
    assert seen.records("predictions")
    assert seen.records("goals") == []
    bench.send("commands", command("agent.start", "c-2"))
    assert hourly(bench, *[99.0] * 2, name="cpu", first=5).records("goals")
