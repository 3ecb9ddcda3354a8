"""Goals are published once per change, closed in time, and forgotten in the end."""

from __future__ import annotations

from streams.core.config import CoreConfig, GoalConfig
from streams.records import Direction, GoalStatus
from tests.unit.core.partition_kit import START, Bench, action, event, goal


def test_reached_goal_is_published_and_closed() -> None:
    bench = Bench()
    bench.measure(2.0)
    bench.send("goals", goal(10.0))
    seen = bench.measure(4.0, 4.1, 4.15, 10.5, 3.0, at=START + 1000)
    published = [(g.current_value, g.status) for g in seen.records("goals")]
    assert published == [
        (4.0, GoalStatus.ACTIVE),
        (10.5, GoalStatus.ACHIEVED),
    ]
    assert bench.state().open_goals() == []


def test_progress_adds_up_until_it_is_worth_a_record() -> None:
    bench = Bench()
    bench.measure(0.0)
    bench.send("goals", goal(100.0))
    seen = bench.measure(*(float(n) for n in range(1, 13)), at=START + 1000)
    assert [g.progress for g in seen.records("goals")] == [0.01, 0.06, 0.11]
    assert bench.state().goals["g-1"].progress == 0.12


def test_held_target_is_achieved_after_its_hold() -> None:
    bench = Bench()
    bench.send("goals", goal(5.0, direction=Direction.AT_MOST, hold_ms=3_000))
    seen = bench.measure(4.0, 4.0, 6.0, 4.0, 4.0, 4.0, 4.0)
    closed = [g for g in seen.records("goals") if not g.status.is_open]
    assert [(g.status, g.closed_at) for g in closed] == [(GoalStatus.ACHIEVED, START + 6_000)]


def test_goal_on_a_silent_metric_fails_by_a_record_of_another() -> None:
    bench = Bench()
    bench.send("goals", goal(10.0, deadline=START + 500), goal(5.0, goal_id="g-2",
               target_metric="load"))  # fmt: skip
    seen = bench.measure(1.0, name="load", at=START + 1_000)
    assert [(g.goal_id, g.status) for g in seen.records("goals")][-1] == ("g-1", GoalStatus.FAILED)


def test_closed_goal_that_is_the_oldest_is_forgotten_at_once() -> None:
    """Regression: a goal closed at an earlier event time than all that are kept."""
    bench = Bench(CoreConfig(goals=GoalConfig(closed_goals_kept=1)))
    bench.send("goals", goal(goal_id="new", timestamp=START + 9))
    bench.send("goals", goal(goal_id="new", timestamp=START + 9, status=GoalStatus.CANCELLED))
    bench.send("goals", goal(goal_id="old"))
    seen = bench.send("goals", goal(goal_id="old", status=GoalStatus.CANCELLED))
    assert [g.status for g in seen.records("goals")] == [GoalStatus.CANCELLED]
    assert list(bench.state().goals) == ["new"]


def test_goal_beyond_the_cap_that_is_not_kept_gives_no_suggestion() -> None:
    bench = Bench(CoreConfig(goals=GoalConfig(max_active_goals=1, closed_goals_kept=0)))
    bench.send("goals", goal(goal_id="first"))
    seen = bench.send("goals", goal(goal_id="second", target_metric="load", timestamp=START + 1))
    assert [(g.goal_id, g.status) for g in seen.records("goals")] == [
        ("second", GoalStatus.ACTIVE),
        ("second", GoalStatus.CANCELLED),
    ]
    assert seen.records("suggestions") == []
    assert list(bench.state().goals) == ["first"]


def test_confidence_is_that_of_the_least_known_target() -> None:
    bench = Bench()
    bench.send("events", event(metadata={"queue": "10", "load": "3"}))
    bench.measure(*(float(n % 5) for n in range(40)))
    (suggestion,) = bench.send("actions", action("a-1")).records("suggestions")
    assert suggestion.confidence is not None
    assert 0 < suggestion.confidence <= 1
    bench.measure(*[2.0] * 40, name="load")
    row = bench.partition.series.find("svc\x1fload")
    assert row is not None
    (suggestion,) = bench.send("actions", action("a-2")).records("suggestions")
    known = []
    for name in ("queue", "load"):
        found = bench.partition.series.find(f"svc\x1f{name}")
        assert found is not None
        quality = bench.partition.series.bank.quality(found)
        assert quality is not None
        known.append(quality.confidence)
    assert suggestion.confidence == min(known)
