"""What a partition does with its input, row by row of the specification."""

from __future__ import annotations

from itertools import pairwise

import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.kernel.store import ENTITIES, MODELS, SERIES
from streams.core.metric.config import MetricConfig
from streams.records import Direction, GoalStatus, OutcomeStatus, PredictionKind, Trend
from tests.kits.core.partition import (
    START,
    Bench,
    Seen,
    action,
    command,
    event,
    goal,
    metric,
    outcome,
)

EAGER = ForecastConfig(min_points=3, horizon=5, interval_ms=0)
LOAD = {"load": MetricConfig(capacity=10.0, unit="%")}


def ramp(bench: Bench, *, entity_id: str = "svc", name: str = "load") -> Seen:
    """Values that climb towards the limit of 9.5."""
    return bench.measure(*(1.0 + n for n in range(8)), name=name, entity_id=entity_id)


@pytest.mark.spec("S0-008")
def test_event_with_a_goal_state_only_sets_goals() -> None:
    bench = Bench()
    bench.measure(4.0)
    seen = bench.send("events", event(metadata={"queue": "10"}))
    assert [g.target_value for g in seen.records("goals")] == [10.0]
    assert {s.action_id for s in seen.records("suggestions")} == {""}
    assert seen.dispatches == []


@pytest.mark.spec("S0-010")
def test_goal_state_replaces_the_old_one_whole() -> None:
    bench = Bench()
    bench.send("events", event("e-1", metadata={"a": "1", "b": "2"}))
    seen = bench.send("events", event("e-2", metadata={"a": "5"}))
    assert {g.target_metric: g.target_value for g in bench.state().open_goals()} == {"a": 5.0}
    cancelled = [g.target_metric for g in seen.records("goals") if not g.status.is_open]
    assert cancelled == ["b"]


@pytest.mark.spec("S0-012")
def test_an_event_of_the_engine_itself_writes_nothing_when_it_comes_back() -> None:
    bench = Bench()
    seen = bench.send("events", event(event_type="note", source="goalstream"))
    snapshot = bench.partition.snapshot(None)
    assert (seen.emissions, seen.rejections) == ([], [])
    assert snapshot.writes == {ENTITIES: [], SERIES: [], MODELS: []}
    assert snapshot.positions == {"events": 1}


@pytest.mark.spec("S0-013")
def test_suggestions_come_in_arrival_order() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    seen = bench.send("actions", action("a-2"), action("a-1"), action("a-3"))
    assert [s.action_id for s in seen.records("suggestions")] == ["a-2", "a-1", "a-3"]
    assert seen.dispatches == [("a-2", False), ("a-1", False), ("a-3", False)]


@pytest.mark.spec("S0-017")
def test_changed_target_gives_a_suggestion_and_the_same_target_none() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    same = bench.send("goals", goal(10.0))
    assert same.emissions == []
    changed = bench.send("goals", goal(20.0))
    assert [s.values for s in changed.records("suggestions")] == [{"queue": 12.0}]
    again = bench.send("events", event("e-1", metadata={"free": "3"}))
    assert len(again.records("suggestions")) == 1
    assert bench.send("events", event("e-2", metadata={"free": "3"})).emissions == []


@pytest.mark.spec("S0-030")
def test_updates_from_two_topics_are_both_kept() -> None:
    bench = Bench()
    bench.send("goals", goal(10.0, goal_id="g-1"))
    bench.send("commands", command("goal.create", target="g-2", arguments={
        "target_metric": "load", "target_value": "3",
    }))  # fmt: skip
    bench.send("actions", action())
    bench.save()
    bench.restart()
    state = bench.state()
    assert list(state.goals) == ["g-1", "g-2"]
    assert list(state.pending) == ["a-1"]
    assert state.offsets == {"actions": 0, "commands": 0, "goals": 0}


@pytest.mark.spec("S0-031")
def test_latest_target_wins() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    bench.send("goals", goal(20.0))
    (suggestion,) = bench.send("actions", action()).records("suggestions")
    assert [a.gap for a in suggestion.analysis] == [16.0]


@pytest.mark.spec("S0-032")
def test_entities_do_not_share_targets() -> None:
    bench = Bench()
    for entity, target in (("a", 10.0), ("a/b", 20.0)):
        bench.measure(4.0, entity_id=entity)
        bench.send("goals", goal(target, entity_id=entity))
    seen = bench.send("actions", action("1", entity_id="a"), action("2", entity_id="a/b"))
    assert [s.values for s in seen.records("suggestions")] == [{"queue": 7.0}, {"queue": 12.0}]


@pytest.mark.spec("S0-036")
def test_metric_that_was_never_measured_gets_no_invented_value() -> None:
    bench = Bench()
    bench.send("goals", goal(10.0))
    (suggestion,) = bench.send("actions", action()).records("suggestions")
    assert (suggestion.values, suggestion.analysis) == ({}, ())
    assert "no data" in suggestion.text


@pytest.mark.spec("S0-047", "S0-048")
def test_analysis_of_each_goal_goes_with_the_suggestion() -> None:
    bench = Bench()
    bench.measure(2.0)
    bench.send("goals", goal(10.0))
    bench.measure(4.0, at=START + 1000)
    (suggestion,) = bench.send("actions", action()).records("suggestions")
    (analysis,) = suggestion.analysis
    found = (analysis.goal, analysis.current, analysis.gap, analysis.baseline)
    assert found == (10.0, 4.0, 6.0, 2.0)
    assert (analysis.trend, analysis.progress_ratio) == (Trend.TOWARD_GOAL, 0.25)
    assert suggestion.values == {"queue": 7.0}


@pytest.mark.spec("S0-055")
def test_action_is_no_measurement() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    bench.send("actions", action("a-1", params={"queue": "9"}))
    (suggestion,) = bench.send("actions", action("a-2")).records("suggestions")
    assert suggestion.values == {"queue": 7.0}


@pytest.mark.spec("S0-061")
def test_bytes_written_do_not_grow_with_history() -> None:
    sizes: list[int] = []
    for length in (4_000, 10_000):
        bench = Bench(CoreConfig(ids_kept=20))
        bench.send("goals", goal(1e9, target_metric="other"))
        bench.measure(*(float(n % 7) for n in range(length)))
        ids = [f"a-{n:05}" for n in range(length // 20)]
        bench.send("actions", *map(action, ids))
        bench.send("outcomes", *map(outcome, ids))
        bench.save()
        bench.send("actions", action("a-99999"))
        writes = bench.partition.snapshot(None).writes
        assert writes[SERIES] == writes[MODELS] == []
        sizes.append(sum(len(value or b"") for _, value in writes[ENTITIES]))
    assert 0 < sizes[1] < sizes[0] * 1.02


@pytest.mark.spec("S1-013")
def test_past_timestamp_is_the_event_time() -> None:
    bench = Bench()
    bench.measure(4.0, at=START - 86_400_000)
    row = bench.partition.series.find("svc\x1fqueue")
    assert bench.partition.series.hot["timestamp"][row] == START - 86_400_000


@pytest.mark.spec("S1-089")
def test_goal_unmet_at_its_deadline_fails_when_swept() -> None:
    bench = Bench()
    bench.measure(0.0)
    bench.send("goals", goal(10.0, deadline=START + 5_000))
    bench.measure(4.0, at=START + 1_000)
    assert bench.state().goals["g-1"].progress == 0.4
    seen = bench.send("actions", action(timestamp=START + 6_000))
    (failed,) = seen.records("goals")
    assert (failed.status, failed.progress) == (GoalStatus.FAILED, 0.4)
    assert failed.close_reason == "deadline passed unmet"


@pytest.mark.spec("S1-091")
def test_analysing_again_adds_no_goal() -> None:
    bench = Bench(CoreConfig(forecasting=EAGER, metrics=LOAD))
    first = ramp(bench)
    assert len({g.goal_id for g in first.records("goals")}) == 1
    predictions = 0
    for n in range(5):
        seen = bench.measure(8.5, name="load", at=START + 10_000 + n * 1_000)
        predictions += len(seen.records("predictions"))
        assert all(g.goal_id in bench.state().goals for g in seen.records("goals"))
    assert predictions >= 1
    assert len(bench.state().goals) == 1


@pytest.mark.spec("S1-092")
def test_newest_of_too_many_goals_are_cancelled() -> None:
    bench = Bench()
    for n in range(12):
        bench.send("goals", goal(1.0, goal_id=f"g-{n}", target_metric=f"m{n}", timestamp=START + n))
    goals = bench.state().goals
    cancelled = [id_ for id_, each in goals.items() if each.status is GoalStatus.CANCELLED]
    assert cancelled == ["g-10", "g-11"]
    assert len(bench.state().open_goals()) == 10


@pytest.mark.spec("S1-095")
def test_actions_that_succeed_are_no_progress() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    for n in range(10):
        bench.send("actions", action(f"a-{n}", goal_id="g-1"))
        bench.send("outcomes", outcome(f"a-{n}", goal_id="g-1", impact_claimed={"queue": 6.0}))
        bench.measure(4.0, at=START + n)
    assert bench.state().goals["g-1"].progress == 0.0
    assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE


@pytest.mark.spec("S1-097", "S1-156")
def test_without_automatic_goals_there_are_predictions_only() -> None:
    found: dict[bool, Seen] = {}
    for auto in (True, False):
        config = CoreConfig(
            forecasting=EAGER, metrics=LOAD, goals=GoalConfig(auto_goal_setting=auto)
        )
        found[auto] = ramp(Bench(config))
    assert found[True].records("predictions")
    assert found[True].records("goals")
    assert found[False].records("predictions") == found[True].records("predictions")
    assert found[False].records("goals") == []


@pytest.mark.spec("S1-157")
def test_no_more_active_goals_than_allowed() -> None:
    metrics = {name: MetricConfig(capacity=10.0) for name in ("x", "y", "z")}
    config = CoreConfig(forecasting=EAGER, metrics=metrics, goals=GoalConfig(max_active_goals=2))
    bench = Bench(config)
    for name in metrics:
        assert ramp(bench, name=name).records("predictions")
    assert len(bench.state().open_goals()) == 2


@pytest.mark.spec("S2-001")
def test_same_outcome_twice_counts_once() -> None:
    bench = Bench()
    bench.send("outcomes", outcome("a-1"), outcome("a-1"), outcome("a-2"))
    bench.send("outcomes", outcome("a-1"))
    assert [o.action_id for o in bench.state().outcomes] == ["a-1", "a-2"]


# -- what no row says, but the engine promises ----------------------------------------------------


def test_interval_zero_analyses_every_value_but_late_and_repeated_ones() -> None:
    bench = Bench(CoreConfig(forecasting=ForecastConfig(min_points=2, interval_ms=0)))
    times = (4, 5, 5, 3, 9, 4)
    seen = bench.send("metrics", *(metric(1.0, timestamp=START + t) for t in times))
    assert [f.timestamp - START for f in seen.records("forecasts")] == [5, 9]


def test_analyses_come_once_an_interval() -> None:
    bench = Bench(CoreConfig(forecasting=ForecastConfig(min_points=2, interval_ms=10_000)))
    seen = bench.measure(*[1.0] * 100)
    times = [f.timestamp for f in seen.records("forecasts")]
    assert 9 <= len(times) <= 10
    assert {later - earlier for earlier, later in pairwise(times)} == {10_000}


@pytest.mark.parametrize("direction", [Direction.AT_MOST, Direction.AT_LEAST])
def test_crossing_the_limit_is_analysed_at_once_and_once(direction: Direction) -> None:
    known = MetricConfig(capacity=10.0, limit_ratio=0.5, direction=direction)
    config = CoreConfig(forecasting=ForecastConfig(min_points=2), metrics={"load": known})
    sign = 1.0 if direction is Direction.AT_MOST else -1.0
    bench = Bench(config)
    seen = bench.measure(*(5.0 + sign * d for d in (-1, -1, 1, 2, 3, -1, 1)), name="load")
    assert [(f.timestamp - START) // 1000 for f in seen.records("forecasts")] == [2, 6]
    breaches = [p for p in seen.records("predictions") if p.kind is PredictionKind.BREACH]
    assert [p.probability for p in breaches] == [1.0, 1.0]


def test_goal_sees_values_only_from_the_record_on_that_made_it() -> None:
    bench = Bench()
    bench.measure(12.0, 4.0)
    bench.send("goals", goal(10.0))
    bench.store.write(ENTITIES, bench.partition.snapshot(None).writes[ENTITIES])
    bench.restart()  # the process died before the series were stored
    bench._ends["metrics"] = 0
    seen = bench.measure(12.0, 4.0)
    assert seen.records("goals") == []
    assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    assert bench.state().goals["g-1"].current_value == 4.0


def test_goal_whose_target_moved_is_not_measured_by_older_values() -> None:
    bench = Bench()
    bench.send("goals", goal(50.0))
    bench.measure(12.0, 4.0, 4.0)
    bench.save()
    bench.send("goals", goal(4.0, direction=Direction.AT_MOST, hold_ms=60_000))
    expected = bench.state().goals["g-1"]
    entities = bench.partition.snapshot(None).writes[ENTITIES]
    bench.store.tables[SERIES].clear()
    bench.store.write(ENTITIES, entities)
    bench.restart()
    bench._ends["metrics"] = 0
    bench.measure(12.0, 4.0, 4.0)
    assert bench.state().goals["g-1"] == expected


def test_commit_waits_for_the_outcome_of_an_action() -> None:
    bench = Bench()
    bench.send("actions", action("a-1"), action("a-2"), action("a-3"))
    assert bench.save().positions == {"actions": 0}
    bench.send("outcomes", outcome("a-2"))
    assert bench.save().positions["actions"] == 0
    bench.send("outcomes", outcome("a-1", status=OutcomeStatus.PENDING))
    assert bench.save().positions["actions"] == 0
    bench.send("outcomes", outcome("a-1", event_id="final"))
    assert bench.save().positions["actions"] == 2
    bench.send("outcomes", outcome("a-3"))
    assert bench.save().positions == {"actions": 3, "outcomes": 4}


def test_commit_waits_for_models_that_are_not_stored() -> None:
    bench = Bench()
    bench.send("metrics", metric(1.0, name="x"), metric(1.0, name="y"), metric(2.0, name="x"))
    snapshot = bench.partition.snapshot(1)
    assert len(snapshot.writes[MODELS]) == 1
    assert len(snapshot.writes[SERIES]) == 2
    assert snapshot.positions == {"metrics": 1}
    snapshot = bench.partition.snapshot(1)
    assert (len(snapshot.writes[MODELS]), snapshot.positions) == (1, {"metrics": 3})


def test_empty_batches_change_nothing() -> None:
    bench = Bench()
    assert bench.partition.apply("goals", []).emissions == []
    assert bench.partition.snapshot(None).positions == {}
    assert bench.partition.applied("goals") == -1
