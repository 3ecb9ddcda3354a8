"""Actions, outcomes, goals, events and commands: what each does, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.config import CoreConfig
from streams.core.goals.config import GoalConfig
from streams.core.outcomes.feature import Actions
from streams.core.planning.config import ActionSpec
from streams.records import GoalOrigin, GoalStatus, OutcomeStatus
from tests.kits.core.partition import (
    START,
    Bench,
    action,
    command,
    event,
    goal,
    outcome,
)


@pytest.fixture
def bench() -> Bench:
    made = Bench(CoreConfig(ids_kept=4, outcomes_kept=3, goals=GoalConfig(closed_goals_kept=2)))
    made.measure(4.0)
    return made


def create(command_id: str = "c-1", target: str = "g-1", **arguments: str) -> Any:
    fields = {"target_metric": "queue", "target_value": "10"} | arguments
    return command("goal.create", command_id, target=target, arguments=fields)


# -- actions and outcomes -------------------------------------------------------------------------


def test_action_id_is_taken_once(bench: Bench) -> None:
    bench.send("goals", goal())
    seen = bench.send("actions", action("a-1"), action("a-1", params={"n": "2"}))
    assert seen.dispatches == [("a-1", False)]
    assert len(seen.records("suggestions")) == 1


def test_dry_run_is_answered_and_not_dispatched(bench: Bench) -> None:
    bench.send("goals", goal())
    seen = bench.send("actions", action(dry_run=True))
    assert seen.dispatches == []
    assert len(seen.records("suggestions")) == 1
    assert bench.state().pending == {}
    assert bench.save().positions["actions"] == 1


def test_action_without_goals_is_dispatched_without_a_suggestion(bench: Bench) -> None:
    seen = bench.send("actions", action())
    assert seen.dispatches == [("a-1", False)]
    assert [emission.topic for emission in seen.emissions] == ["events"]
    assert bench.partition.is_pending(action())
    assert not bench.partition.is_pending(action("a-2"))


@pytest.mark.spec("S1-018")
def test_an_action_that_is_carried_out_is_an_event(bench: Bench) -> None:
    (told,) = bench.send("actions", action()).records("events")
    assert told.event_type == f"agent_execution_{action().action_type}"
    assert told.metadata["task"] == action().action_type
    assert told.metadata["action_id"] == "a-1"
    assert bench.send("events", told).emissions == []


def test_outcome_that_comes_before_its_action_suppresses_it(bench: Bench) -> None:
    bench.send("outcomes", outcome("a-1"))
    seen = bench.send("actions", action("a-1"))
    assert seen.dispatches == []
    assert bench.state().pending == {}


def test_an_id_means_one_action_of_one_entity(bench: Bench) -> None:
    bench.send("actions", action("a-1", entity_id="one"), action("a-1", entity_id="two"))
    assert bench.save().positions["actions"] == 0
    bench.send("outcomes", outcome("a-1", entity_id="two"))
    assert bench.partition.is_pending(action("a-1", entity_id="one"))
    assert bench.save().positions["actions"] == 0
    bench.send("outcomes", outcome("a-1", entity_id="one"))
    assert bench.save().positions["actions"] == 2


def test_pending_outcome_settles_nothing(bench: Bench) -> None:
    bench.send("actions", action())
    bench.send("outcomes", outcome(status=OutcomeStatus.PENDING))
    assert list(bench.state().pending) == ["a-1"]
    assert bench.state().outcomes == []


def test_action_read_again_is_resumed_until_its_outcome_is_known(bench: Bench) -> None:
    bench.send("actions", action())
    bench._ends["actions"] = 0
    assert bench.send("actions", action()).dispatches == [("a-1", True)]
    bench.send("outcomes", outcome())
    bench._ends["actions"] = 0
    assert bench.send("actions", action()).dispatches == []


def test_action_that_was_withheld_starts_as_if_new(bench: Bench) -> None:
    bench.send("actions", action())
    bench.partition.withhold(action())
    bench.save()
    bench.restart()
    bench._ends["actions"] = 0
    assert bench.send("actions", action()).dispatches == [("a-1", False)]
    bench.save()
    bench.restart()
    bench._ends["actions"] = 0
    assert bench.send("actions", action()).dispatches == [("a-1", True)]


def test_what_is_kept_is_bounded(bench: Bench) -> None:
    for n in range(20):
        bench.send("actions", action(f"a-{n}"))
        bench.send("outcomes", outcome(f"a-{n}"))
        bench.send(
            "goals", goal(goal_id=f"g-{n}"), goal(goal_id=f"g-{n}", status=GoalStatus.CANCELLED)
        )
    state = bench.state()
    assert [o.action_id for o in state.outcomes] == ["a-17", "a-18", "a-19"]
    assert len(state.seen_ids) == 4
    assert list(state.goals) == ["g-18", "g-19"]
    assert state.published_progress == {}


# -- events ---------------------------------------------------------------------------------------


def test_event_id_is_taken_once(bench: Bench) -> None:
    first = bench.send("events", event("e-1", metadata={"queue": "10"}))
    again = bench.send("events", event("e-1", metadata={"queue": "20"}))
    assert len(first.records("goals")) == 1
    assert again.emissions == []


def test_target_that_is_no_number_is_told_and_the_others_go_on(bench: Bench) -> None:
    seen = bench.send("events", event(metadata={"queue": "10", "mood": "happy", "free": "nan"}))
    (decision,) = seen.records("decisions")
    assert (decision.chosen, decision.subject_id) == ("ignored_target", "e-1")
    assert "mood" in decision.reason
    assert "free" in decision.reason
    assert [g.target_metric for g in seen.records("goals")] == ["queue"]


# -- goals ----------------------------------------------------------------------------------------


def test_own_goals_of_the_engine_are_no_requests(bench: Bench) -> None:
    seen = bench.send("goals", goal(revision=1), goal(revision=7, goal_id="g-2"))
    assert (seen.emissions, seen.rejections) == ([], [])
    snapshot = bench.partition.snapshot(None)
    assert snapshot.writes["entities"] == []
    assert snapshot.positions["goals"] == 2


def test_request_is_a_users_whatever_it_says(bench: Bench) -> None:
    forged = goal(origin=GoalOrigin.AUTONOMOUS, status=GoalStatus.ACHIEVED, progress=0.9)
    (made,) = bench.send("goals", forged).records("goals")
    assert (made.origin, made.status) == (GoalOrigin.USER, GoalStatus.ACTIVE)
    assert (made.revision, made.progress, made.baseline) == (1, 0.0, 4.0)


def test_refusal_is_a_decision_with_its_reason(bench: Bench) -> None:
    seen = bench.send("goals", goal(deadline=START - 1))
    (decision,) = seen.records("decisions")
    assert (decision.kind, decision.chosen) == ("refusal", "deadline_passed")
    assert decision.subject_id == "g-1"
    assert decision.inputs == {"goals": 0}
    assert seen.records("goals") == []


# -- commands -------------------------------------------------------------------------------------


def test_command_creates_changes_and_cancels(bench: Bench) -> None:
    (made,) = bench.send("commands", create()).records("goals")
    assert (made.goal_id, made.target_value, made.baseline) == ("g-1", 10.0, 4.0)
    (changed,) = bench.send("commands", create("c-2", target_value="12.5")).records("goals")
    assert (changed.target_value, changed.revision) == (12.5, 2)
    cancel = command("goal.cancel", "c-3", target="g-1", arguments={"reason": "not needed"})
    (closed,) = bench.send("commands", cancel).records("goals")
    assert (closed.status, closed.close_reason) == (GoalStatus.CANCELLED, "not needed")


def test_command_id_is_taken_once(bench: Bench) -> None:
    bench.send("commands", create("c-1"))
    seen = bench.send("commands", create("c-1", "g-2", target_metric="load"))
    assert (seen.emissions, seen.rejections) == ([], [])


def test_unknown_command_names_the_known_ones(bench: Bench) -> None:
    (rejection,) = bench.send("commands", command("goal.make")).rejections
    assert rejection == (
        "commands", 0, "unknown_command",
        "command is 'goal.make'; use one of agent.kill, agent.release, agent.start, agent.stop, "
        "analysis.run, entity.import, goal.cancel, goal.create, goal.execute, mode.set, "
        "plan.approve, plan.cancel, plan.reject",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"target_value": "much"}, "target_value"),
        ({"direction": "sideways"}, "sideways"),
        ({"hold": "5"}, "hold"),
        ({"deadline": "tomorrow"}, "deadline"),
    ],
)
def test_bad_argument_is_named(bench: Bench, arguments: dict[str, str], told: str) -> None:
    seen = bench.send("commands", create(**arguments))
    ((_, offset, reason, detail),) = seen.rejections
    assert (offset, reason) == (0, "invalid_goal")
    assert told in detail
    assert bench.state().goals == {}


def test_lists_and_maps_of_a_goal_are_json(bench: Bench) -> None:
    bench.send("commands", create(actions='["drain", "restart"]', metadata='{"team": "ops"}'))
    (made,) = bench.state().goals.values()
    assert (made.actions, made.metadata) == (("drain", "restart"), {"team": "ops"})
    seen = bench.send("commands", create("c-2", "g-2", actions="drain"))
    ((_, _, reason, detail),) = seen.rejections
    assert reason == "invalid_goal"
    assert "actions" in detail


def test_missing_argument_is_named(bench: Bench) -> None:
    seen = bench.send("commands", command("goal.create", arguments={"target_metric": "queue"}))
    ((_, _, reason, detail),) = seen.rejections
    assert reason == "invalid_goal"
    assert "target_value" in detail


def test_cancelling_what_is_not_open_is_rejected(bench: Bench) -> None:
    ((_, _, reason, detail),) = bench.send(
        "commands", command("goal.cancel", target="g-9")
    ).rejections
    assert (reason, detail) == ("unknown_goal", "target is 'g-9'; name an open goal")


def test_correlation_goes_from_the_cause_to_all_that_follows(bench: Bench) -> None:
    seen = bench.send("goals", goal(correlation_id="chain"))
    assert {e.record.correlation_id for e in seen.emissions} == {"chain"}
    seen = bench.send("events", event(metadata={"free": "1"}))
    (generated,) = {e.record.correlation_id for e in seen.emissions if e.topic == "suggestions"}
    assert generated
    assert seen.records("goals")[0].correlation_id == generated


def test_record_that_is_no_input_is_rejected(bench: Bench) -> None:
    bench.send("goals", goal())
    (suggestion,) = bench.send("actions", action()).records("suggestions")
    ((_, _, reason, detail),) = bench.send("commands", suggestion).rejections
    assert (reason, detail) == ("unexpected", "Suggestion is not an input record")


@pytest.mark.parametrize(("source", "allowed"), [("planner", True), ("eve", False), ("", False)])
def test_events_set_goals_for_named_sources_only(source: str, allowed: bool) -> None:
    bench = Bench(CoreConfig(goals=GoalConfig(goal_state_sources=("planner",))))
    seen = bench.send("events", event(source=source, metadata={"queue": "10"}))
    assert [goal.target_value for goal in seen.records("goals")] == ([10.0] if allowed else [])
    refused = [each for each in seen.records("decisions") if each.chosen == "source_not_allowed"]
    assert [each.subject_id for each in refused] == ([] if allowed else ["e-1"])
    if refused:
        assert "goals.goal_state_sources" in refused[0].reason


def test_what_cannot_be_undone_needs_a_plan() -> None:
    once = {"wipe": ActionSpec(reversible=False), "scale": ActionSpec()}
    bench = Bench(CoreConfig(actions=once))
    seen = bench.send(
        "actions",
        action("a-1", action_type="wipe"),
        action("a-2", action_type="scale"),
        action("a-3", action_type="wipe", plan_id="p-1"),
    )
    assert [reason for _, _, reason, _ in seen.rejections] == ["approval_needed", "not_asked_for"]
    assert [action_id for action_id, _ in seen.dispatches] == ["a-2"]


def test_an_outcome_of_another_kind_of_action_settles_nothing(bench: Bench) -> None:
    bench.send("actions", action("a-1", action_type="scale"))
    forged = bench.send("outcomes", outcome("a-1", event_id="o-1", action_type="wipe"))
    assert [reason for _, _, reason, _ in forged.rejections] == ["foreign_outcome"]
    assert set(bench.entity().read(Actions).pending) == {"a-1"}
    bench.send("outcomes", outcome("a-1", event_id="o-1", action_type="scale"))
    assert bench.entity().read(Actions).pending == {}
