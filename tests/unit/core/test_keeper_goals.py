"""Goals are published once per change, closed in time, and forgotten in the end."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.config import CoreConfig
from streams.core.goals.book import GoalBook
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import CloseReason
from streams.core.goals.report import report
from streams.core.goals.state import Goals
from streams.core.kernel.emission import Position
from streams.core.kernel.turn import Turn
from streams.core.transfer import IMPORT, knowledge_of
from streams.records import Direction, GoalStatus
from tests.kits.core.partition import START, Bench, action, command, event, goal


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
    assert [g.progress for g in seen.records("goals")] == [0.05, 0.1]
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


# -- the life of a goal ---------------------------------------------------------------------------


def keeping(bench: Bench, now: int = START) -> tuple[GoalBook, Turn]:
    """A keeper beside that of the partition, and a turn for the entity."""
    keeper = GoalBook(bench.config.goals, bench.config.ids_kept, lambda _: None)
    return keeper, Turn(bench.entity(), Position("commands", 3, 7), now, "c", bench.partition)


def test_a_goal_goes_through_its_plans() -> None:
    bench = Bench()
    bench.send("goals", goal(10.0))
    keeper, turn = keeping(bench)
    assert keeper.begin(turn, "g-1")
    assert not keeper.begin(turn, "g-1")
    assert keeper.release(turn, "g-1")
    assert not keeper.release(turn, "g-1")
    assert keeper.attempted(turn, "g-1")
    assert keeper.fail(turn, "g-1", "no plan helped")
    assert not keeper.fail(turn, "g-1", "again")
    assert not keeper.begin(turn, "unknown")
    told = [(e.record.status, e.record.attempts, e.record.revision) for e in turn.emissions]
    assert told == [
        (GoalStatus.IN_PROGRESS, 0, 2),
        (GoalStatus.ACTIVE, 1, 3),
        (GoalStatus.ACTIVE, 2, 4),
        (GoalStatus.FAILED, 2, 5),
    ]


@pytest.mark.spec("S1-088")
def test_a_target_that_is_met_is_achieved_and_reported() -> None:
    bench = Bench()
    bench.measure(2.0)
    bench.send("goals", goal(10.0))
    seen = bench.measure(11.0, at=START + 5_000)
    assert [g.status for g in seen.records("goals")] == [GoalStatus.ACHIEVED]
    found = report(bench.entity().read(Goals))
    assert (found.total_goals, found.achieved_goals, found.achievement_rate) == (1, 1, 1.0)
    (last,) = found.recent_achievements
    assert (last.goal_id, last.achieved, last.final_value) == ("g-1", True, 11.0)
    assert last.time_to_achieve_ms == 5_000


@pytest.mark.spec("S1-093")
def test_active_and_in_progress_goals_are_listed() -> None:
    bench = Bench()
    names = ("active", "running", "achieved", "failed", "cancelled")
    for name in names:
        bench.send("goals", goal(10.0, goal_id=name, target_metric=name))
    keeper, turn = keeping(bench)
    keeper.begin(turn, "running")
    keeper.fail(turn, "failed", "")
    keeper.cancel(turn, "cancelled", "")
    bench.measure(10.0, name="achieved")
    goals = bench.state().goals
    assert {each.status for each in goals.values()} == set(GoalStatus)
    assert [each.goal_id for each in bench.state().open_goals()] == ["active", "running"]


# -- parents and parts ----------------------------------------------------------------------------


def family(bench: Bench, *parts: str) -> None:
    bench.send("goals", goal(1.0, goal_id="whole", target_metric="all"))
    for name in parts:
        bench.measure(0.0, name=name)
        bench.send("goals", goal(10.0, goal_id=name, target_metric=name, parent_id="whole"))


@pytest.mark.spec("S1-191")
def test_progress_of_the_parts_rolls_up() -> None:
    bench = Bench()
    family(bench, "one", "two")
    seen = bench.measure(10.0, name="one", at=START + 1_000)
    assert [(g.goal_id, g.status, g.progress) for g in seen.records("goals")] == [
        ("one", GoalStatus.ACHIEVED, 1.0),
        ("whole", GoalStatus.ACTIVE, 0.5),
    ]
    assert bench.state().goals["two"].progress == 0.0
    assert bench.state().goals["whole"].progress == 0.5
    seen = bench.measure(10.0, name="two", at=START + 2_000)
    ended = seen.records("goals")[-1]
    assert (ended.goal_id, ended.status, ended.close_reason) == (
        "whole",
        GoalStatus.ACHIEVED,
        CloseReason.PARTS,
    )
    assert bench.state().goals_achieved == 3


def test_a_parent_is_not_moved_by_its_own_metric() -> None:
    bench = Bench()
    family(bench, "one")
    seen = bench.measure(0.0, 1.0, name="all", at=START + 1_000)
    assert seen.records("goals") == []


def test_open_parts_end_with_their_parent() -> None:
    bench = Bench()
    family(bench, "one", "two")
    bench.measure(10.0, name="one", at=START + 1_000)
    seen = bench.send("commands", command("goal.cancel", target="whole"))
    assert [(g.goal_id, g.close_reason) for g in seen.records("goals")] == [
        ("whole", CloseReason.REQUESTED),
        ("two", CloseReason.PARENT),
    ]
    assert bench.state().open_goals() == []


def test_goals_that_others_need_are_not_forgotten() -> None:
    bench = Bench(CoreConfig(goals=GoalConfig(closed_goals_kept=0)))
    family(bench, "one", "two")
    bench.measure(10.0, name="one", at=START + 1_000)
    assert bench.state().goals["whole"].progress == 0.5
    bench.send("goals", goal(5.0, goal_id="later", dependencies=("one",)))
    bench.measure(10.0, name="two", at=START + 2_000)
    assert list(bench.state().goals) == ["one", "later"]


def test_what_ends_together_is_told_once() -> None:
    bench, deadline = Bench(), START + 500
    family(bench, "one")
    bench.send("goals", goal(1.0, goal_id="whole", target_metric="all", deadline=deadline))
    bench.send(
        "goals",
        goal(10.0, goal_id="one", target_metric="one", parent_id="whole", deadline=deadline),
    )
    seen = bench.send("actions", action(timestamp=START + 1_000))
    closed = [g.goal_id for g in seen.records("goals") if not g.status.is_open]
    assert len(closed) == len(set(closed))
    assert not bench.state().goals["whole"].status.is_open
    assert bench.state().goals_closed == 2


def test_an_export_keeps_parents_as_they_were() -> None:
    source, target = Bench(), Bench()
    family(source, "one", "two")
    source.measure(10.0, name="one", at=START + 1_000)
    text = msgspec.json.encode(knowledge_of(source.entity())).decode()
    target.send("commands", command(IMPORT, arguments={"knowledge": text}))
    assert target.state().goals == source.state().goals
