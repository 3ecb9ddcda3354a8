"""A metric that falls silent, and one that flaps around its limit, through the whole core."""

from __future__ import annotations

from collections import Counter

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goal_rules.config import SettingConfig
from streams.core.kernel.engine_events import RESUMED_EVENT, STALE_EVENT
from streams.core.metric.config import MetricConfig
from streams.core.metric.limits import Objective
from streams.core.partition import METRICS
from streams.records import Direction, Event, GoalStatus, PredictionKind
from tests.kits.core.partition import START, Bench, command, event, goal, metric

MINUTE = 60_000
RESOURCE = MetricConfig(capacity=100.0, unit="%")


def told(emissions: list[Event]) -> list[tuple[str, str]]:
    return [(each.event_type, each.metadata.get("metric", "")) for each in emissions]


def silent_bench() -> Bench:
    """cpu climbs to 94.7 and stops; memory has gone on until then, too."""
    config = CoreConfig(
        metrics={"cpu": RESOURCE, "memory": RESOURCE},
        forecasting=ForecastConfig(interval_ms=10 * MINUTE),
    )
    bench = Bench(config)
    for minute in range(720):
        at = START + minute * MINUTE
        bench.send(METRICS, metric(30 + 0.09 * minute, name="cpu", timestamp=at))
        bench.send(METRICS, metric(40 + 0.5 * (minute % 5), name="memory", timestamp=at))
    return bench


def test_a_silent_metric_is_unknown_and_that_is_said_once() -> None:
    """288 predictions said "critical now" of a metric that had stopped."""
    bench, events, after = silent_bench(), list[Event](), []
    assert "cpu" in bench.state().predictions
    for minute in range(720, 720 + 2880):
        at = START + minute * MINUTE
        seen = bench.send(METRICS, metric(40 + 0.5 * (minute % 5), name="memory", timestamp=at))
        events += seen.records("events")
        after += [(minute, each) for each in seen.records("predictions")]
    assert told(events).count((STALE_EVENT, "cpu")) == 1
    assert told(events).count((STALE_EVENT, "memory")) == 0
    stale_at = next(e.timestamp for e in events if e.event_type == STALE_EVENT)
    assert 15 * MINUTE < stale_at - (START + 719 * MINUTE) <= 26 * MINUTE
    assert "cpu" not in bench.state().predictions
    for minute, prediction in after:
        if START + minute * MINUTE >= stale_at:
            assert "cpu" not in [each.resource_type for each in prediction.resource_demands]
            assert prediction.metric != "cpu"
    assert bench.state().outlook is not None

    seen = bench.send(METRICS, metric(50.0, name="cpu", timestamp=START + 3600 * MINUTE))
    assert (RESUMED_EVENT, "cpu") in told(seen.records("events"))
    seen = bench.send(METRICS, metric(50.0, name="cpu", timestamp=START + 3601 * MINUTE))
    assert seen.records("events") == []


def test_silence_is_noticed_at_events_and_commands_too() -> None:
    bench = silent_bench()
    later = START + 800 * MINUTE
    seen = bench.send("events", event("e-9", timestamp=later, event_type="x"))
    assert sorted(told(seen.records("events"))) == [(STALE_EVENT, "cpu"), (STALE_EVENT, "memory")]
    seen = bench.send("events", event("e-10", timestamp=later + 1, event_type="x"))
    assert seen.records("events") == []
    seen = bench.send("commands", command("analysis.run", timestamp=later + 2))
    assert [said[2] for said in seen.rejections] == ["unknown_metric"]
    assert seen.records("forecasts") == []


def test_a_hold_needs_values_all_along() -> None:
    """Two values a week apart held for an hour."""
    bench = Bench()
    bench.send("goals", goal(70.0, target_metric="cpu", direction=Direction.AT_MOST,
                             hold_ms=60 * MINUTE))  # fmt: skip
    week = 7 * 24 * 60
    for minute in (0, week):
        bench.send(METRICS, metric(60.0, name="cpu", timestamp=START + minute * MINUTE))
    assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    for minute in range(week + 1, week + 60):
        bench.send(METRICS, metric(60.0, name="cpu", timestamp=START + minute * MINUTE))
        assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    bench.send(METRICS, metric(60.0, name="cpu", timestamp=START + (week + 60) * MINUTE))
    assert bench.state().goals["g-1"].status is GoalStatus.ACHIEVED


def flapped(config: CoreConfig, values: list[float]) -> Counter[str]:
    """Records by topic; predictions also by kind."""
    bench, count = Bench(config), Counter[str]()
    for minute, value in enumerate(values):
        seen = bench.send(METRICS, metric(value, name="cpu", timestamp=START + minute * MINUTE))
        count.update(each.topic for each in seen.emissions)
        kinds = [each.kind for each in seen.records("predictions")]
        count.update(f"predictions:{kind.value}" for kind in kinds)
    return count


def test_a_metric_that_flaps_around_its_limit_is_a_handful_of_records() -> None:
    """716 forecasts, 716 predictions, 1,104 revisions of goals, 12 alerts in a day."""
    config = CoreConfig(metrics={"cpu": RESOURCE})
    found = flapped(config, [95 + (0.5 if minute % 2 else -0.5) for minute in range(1440)])
    assert found["forecasts"] <= 25
    assert found[f"predictions:{PredictionKind.BREACH.value}"] <= 25
    # Eight goals, one after the other: each is asked for, planned for, and fails at its deadline.
    assert found["goals"] <= 60
    assert found["alerts"] <= 8


def test_each_crossing_from_well_inside_is_looked_at_at_once() -> None:
    config = CoreConfig(metrics={"cpu": RESOURCE}, forecasting=ForecastConfig(min_points=3))
    calm, high, near = [50.0] * 10, [96.0] * 3, [94.0] * 3
    once = flapped(config, calm + high + near + high + near + high)["forecasts"]
    thrice = flapped(config, calm + high + calm + high + calm + high)["forecasts"]
    assert thrice == once + 2


def test_an_objective_of_zero_is_passed_anew_from_zero() -> None:
    objectives = {"cpu": Objective(target=0.0)}
    config = CoreConfig(
        metrics={},
        setting=SettingConfig(objectives=objectives),
        forecasting=ForecastConfig(min_points=3),
    )
    quiet = flapped(config, [0.0] * 30)["forecasts"]
    loud = flapped(config, [0.0] * 10 + [3.0] + [0.0] * 10 + [3.0] + [0.0] * 8)["forecasts"]
    assert loud == quiet + 2
