"""What the past says."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.learning.config import LearningConfig
from streams.core.learning.insights import (
    Durations,
    Failure,
    Insights,
    Rate,
    avoid_hours,
    best_strategies,
    convergence,
    insights,
    medians,
)
from streams.core.learning.record import observe_action, observe_effect, observe_plan
from streams.core.learning.state import LearningState
from streams.core.planning.config import PlanningConfig
from streams.core.planning.schedule import choose_strategy, due_time
from streams.records import GoalType, OutcomeStatus, PlanStatus, Strategy
from tests.kits.core.lessons import (
    HOUR,
    MIDNIGHT,
    NOW,
    acted,
    failure,
    goal,
    outcome,
    plan,
)


def planned(state: LearningState, strategy: Strategy, wins: int, failures: int) -> None:
    for status, count in ((PlanStatus.DONE, wins), (PlanStatus.FAILED, failures)):
        for _ in range(count):
            observe_plan(state, plan(strategy, status), goal(), NOW)


def at_hour(state: LearningState, hour: int, wins: int, failures: int, name: str = "scale_up"):
    acted(state, wins, failures, start_time=MIDNIGHT + hour * HOUR, action_type=name)


@pytest.mark.spec("S1-127")
def test_the_rate_of_an_action_is_its_share_of_successes() -> None:
    state = LearningState()
    acted(state, wins=3, failures=1)
    assert insights(state).action_success_rates == {"scale_up": Rate(0.75, 4)}


@pytest.mark.spec("S1-186")
def test_the_success_rate_is_that_of_all_final_outcomes() -> None:
    state = LearningState()
    acted(state, wins=4, failures=1)
    acted(state, wins=5, failures=0, action_type="add_cache")
    observe_action(state, outcome(OutcomeStatus.PENDING), NOW)
    found = insights(state)
    assert found.success_rate == Rate(0.9, 10)
    assert found.action_success_rates == {
        "add_cache": Rate(1.0, 5),
        "scale_up": Rate(0.8, 5),
    }


@pytest.mark.spec("S1-128")
def test_the_strategy_that_wins_is_chosen() -> None:
    state = LearningState()
    planned(state, Strategy.IMMEDIATE, wins=20, failures=0)
    planned(state, Strategy.ADAPTIVE, wins=5, failures=15)
    best = best_strategies(state, LearningConfig().min_samples)
    assert best == {GoalType.PERFORMANCE_TARGET: Strategy.IMMEDIATE}
    assert choose_strategy(goal(), {}, shared=False) is Strategy.ADAPTIVE
    assert choose_strategy(goal(), best, shared=False) is Strategy.IMMEDIATE
    assert insights(state).best_strategies == {"performance_target": "immediate"}


def test_few_plans_or_poor_ones_recommend_nothing() -> None:
    state = LearningState()
    planned(state, Strategy.IMMEDIATE, wins=4, failures=0)
    planned(state, Strategy.ADAPTIVE, wins=9, failures=11)
    assert best_strategies(state, 5) == {}


def test_many_good_plans_beat_few_perfect_ones() -> None:
    state = LearningState()
    planned(state, Strategy.IMMEDIATE, wins=5, failures=0)
    planned(state, Strategy.ADAPTIVE, wins=55, failures=5)
    assert best_strategies(state, 5) == {GoalType.PERFORMANCE_TARGET: Strategy.ADAPTIVE}


@pytest.mark.spec("S1-129")
def test_common_failures_are_counted_in_the_latest_results() -> None:
    state = LearningState()
    acted(state, wins=0, failures=5, action_type="long_ago")
    acted(state, wins=43, failures=0)
    acted(state, wins=0, failures=1, action_type="Y")
    acted(state, wins=0, failures=1, action_type="Z")
    acted(state, wins=0, failures=3, action_type="X")
    assert insights(state).common_failures == (
        Failure("X", 3),
        Failure("long_ago", 2),
        Failure("Y", 1),
        Failure("Z", 1),
    )


def test_five_common_failures_are_told() -> None:
    state = LearningState()
    for name in "abcdefg":
        acted(state, wins=0, failures=1, action_type=name)
    assert [each.action for each in insights(state).common_failures] == list("abcde")


@pytest.mark.spec("S1-130")
def test_the_hour_in_which_failures_cluster_is_avoided() -> None:
    state = LearningState()
    for hour in range(6, 14):
        at_hour(state, hour, wins=0 if hour == 9 else 3, failures=4 if hour == 9 else 0)
    avoided = avoid_hours(state, "add_cache+scale_up")
    assert avoided == {9}
    assert insights(state).avoided_hours == {"scale_up": (9,)}
    due = due_time(
        Strategy.ADAPTIVE,
        goal(),
        MIDNIGHT + 9 * HOUR,
        state=None,
        load=(),
        avoid_hours=avoided,
        config=PlanningConfig(),
    )
    assert due // HOUR % 24 == 10


def test_what_fails_at_all_hours_avoids_none() -> None:
    state = LearningState()
    for hour in range(24):
        at_hour(state, hour, wins=1, failures=5)
    assert avoid_hours(state, "scale_up") == frozenset()


@pytest.mark.parametrize(("failures", "avoided"), [(2, set()), (6, {9})])
def test_an_hour_alone_is_avoided_only_when_it_is_sure(failures: int, avoided: set[int]) -> None:
    state = LearningState()
    at_hour(state, 9, wins=0, failures=failures)
    assert avoid_hours(state, "scale_up") == avoided


def test_the_best_hours_are_the_surest() -> None:
    state = LearningState()
    at_hour(state, 3, wins=9, failures=1)
    at_hour(state, 4, wins=1, failures=0)
    at_hour(state, 5, wins=20, failures=0)
    at_hour(state, 6, wins=1, failures=9)
    assert insights(state).best_hours == {"scale_up": (5, 3, 4)}


@pytest.mark.spec("S1-131")
def test_insights_say_that_learning_is_off() -> None:
    state, off = LearningState(), LearningConfig(enabled=False)
    observe_action(state, outcome(), NOW, off)
    found = insights(state, off)
    assert not found.enabled
    assert found == Insights(enabled=False, checks=found.checks)
    assert found.checks[0].name == "enabled"
    assert not found.checks[0].ok


@pytest.mark.spec("S1-132")
def test_the_reason_of_a_failure_is_a_lesson() -> None:
    state = LearningState()
    observe_action(state, failure(error_type="QuotaError", error_message="no units left"), NOW)
    observe_action(state, outcome(OutcomeStatus.TIMEOUT, action_type="drain"), NOW + 1)
    lessons = insights(state).lessons_learned
    assert [(each.action, each.text, each.at) for each in lessons] == [
        ("drain", "status timeout", NOW + 1),
        ("scale_up", "QuotaError: no units left", NOW),
    ]


@pytest.mark.spec("S1-133")
def test_rates_that_do_not_change_have_converged() -> None:
    state = LearningState()
    for step in range(100):
        acted(state, wins=int(step % 4 != 0), failures=int(step % 4 == 0))
    found = insights(state).convergence
    assert found is not None
    assert found > 0.95


def test_rates_that_change_have_not() -> None:
    state = LearningState()
    acted(state, wins=50, failures=50)
    assert convergence(state, 5) == 0.0
    assert convergence(state, 51) is None
    assert convergence(LearningState(), 5) is None


@pytest.mark.spec("S1-187")
def test_durations_of_plans_have_a_mean_and_a_95th_percentile() -> None:
    state = LearningState()
    assert insights(state).plan_durations == Durations(None, None, 0)
    for seconds in (2, 4):
        observe_plan(state, plan(ended_at=NOW + 1_000 * seconds), goal(), NOW)
    assert insights(state).plan_durations == Durations(3_000.0, 4_000.0, 2)


@pytest.mark.spec("S1-188")
def test_the_measured_change_of_a_metric_is_told() -> None:
    state = LearningState()
    before, after = 90.0, 72.0
    observe_effect(state, "scale_up", "cpu", after - before, 0.9, {}, NOW)
    observe_effect(state, "add_cache", "cpu", 0.0, 0.0, {}, NOW)
    found = insights(state)
    assert found.effects["scale_up"]["cpu"].last == -18.0
    assert (found.impact["cpu"].mean, found.impact["cpu"].samples) == (-9.0, 2)


@pytest.mark.spec("S1-176")
def test_too_few_samples_are_told_with_need_and_have() -> None:
    state = LearningState()
    acted(state, wins=3, failures=0)
    checks = {check.name: check for check in insights(state).checks}
    lacking = checks["samples:scale_up"]
    assert (lacking.ok, lacking.need, lacking.have) == (False, 5, 3)
    assert lacking.remedy.startswith("need 5, have 3")
    assert not checks["effects"].ok
    acted(state, wins=2, failures=0)
    observe_effect(state, "scale_up", "cpu", -9.0, 0.9, {}, NOW)
    assert all(check.ok and not check.remedy for check in insights(state).checks)


def test_medians_are_those_of_actions_that_succeeded() -> None:
    state = LearningState()
    for duration in (10.0, 30.0, 20.0):
        observe_action(state, outcome(duration_ms=duration), NOW)
    observe_action(state, failure(duration_ms=9_000.0), NOW)
    observe_action(state, failure(action_type="drain"), NOW)
    assert medians(state) == {"scale_up": 20.0}


def test_insights_are_json_with_all_keys() -> None:
    state = LearningState()
    acted(state, wins=1, failures=1)
    told = msgspec.json.decode(msgspec.json.encode(insights(state)))
    assert {"enabled", "action_success_rates", "best_strategies", "common_failures"} <= set(told)
    assert msgspec.convert(told, Insights) == insights(state)
