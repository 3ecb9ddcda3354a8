"""What is noted, and that it stays bounded."""

from __future__ import annotations

import math
from random import Random

import msgspec
import pytest

from streams.core.learning.config import LearningConfig
from streams.core.learning.record import MAX_TEXT, observe_action, observe_effect, observe_plan
from streams.core.learning.state import LearningState, is_blocked, learned_effect
from streams.errors import ConfigError
from streams.records import OutcomeStatus, PlanStatus
from tests.kits.core.lessons import HOUR, NOW, acted, failure, goal, outcome, plan

CONFIG = LearningConfig()
STORED_LIMIT = 64_000


def effects(state: LearningState, *rewards: float, helped: bool | None = None) -> None:
    for reward in rewards:
        observe_effect(state, "scale_up", "cpu", -10.0, reward, {}, NOW, helped=helped)


@pytest.mark.spec("S1-126")
def test_the_latest_hundred_flags_of_an_action_are_kept() -> None:
    state = LearningState()
    acted(state, wins=20, failures=100)
    assert state.actions["scale_up"].flags == [False] * 100
    assert (state.ended, state.succeeded) == (120, 20)


def test_what_is_not_final_is_no_outcome() -> None:
    state = LearningState()
    observe_action(state, outcome(OutcomeStatus.PENDING), NOW)
    assert state == LearningState()


@pytest.mark.parametrize("status", [OutcomeStatus.PARTIAL, OutcomeStatus.TIMEOUT])
def test_all_but_success_is_a_failure(status: OutcomeStatus) -> None:
    state = LearningState()
    observe_action(state, outcome(status), NOW)
    assert state.results == ["scale_up"]
    assert state.lessons[0].text == f"status {status}"


def test_what_was_cancelled_is_neither_success_nor_failure() -> None:
    state = LearningState()
    observe_action(state, outcome(OutcomeStatus.CANCELLED, error_type="KillSwitch"), NOW)
    history = state.actions["scale_up"]
    assert (history.flags, history.hours, history.durations) == ([False], {}, [])
    assert (state.results, state.lessons) == ([""], [])


@pytest.mark.spec("S1-131")
@pytest.mark.spec("S1-160")
def test_nothing_is_stored_while_learning_is_off() -> None:
    state, off = LearningState(), LearningConfig(enabled=False)
    observe_action(state, failure(), NOW, off)
    observe_plan(state, plan(), goal(), NOW, off)
    observe_effect(state, "scale_up", "cpu", -10.0, 0.5, {"gap": 0.5}, NOW, off)
    assert state == LearningState()


def test_the_same_reason_is_one_lesson_and_moves_to_the_end() -> None:
    state = LearningState()
    for error in ("Quota", "Denied", "Quota"):
        observe_action(state, failure(error_type=error, error_message="x" * 999), NOW)
    assert [(lesson.text[:6], lesson.count) for lesson in state.lessons] == [
        ("Denied", 1),
        ("Quota:", 2),
    ]
    assert max(len(lesson.text) for lesson in state.lessons) == MAX_TEXT


def test_a_plan_counts_once_it_has_ended() -> None:
    state = LearningState()
    for status in (PlanStatus.SCHEDULED, PlanStatus.RUNNING, PlanStatus.CANCELLED):
        observe_plan(state, plan(status=status), goal(), NOW)
    assert state == LearningState()
    observe_plan(state, plan(), goal(), NOW)
    observe_plan(state, plan(status=PlanStatus.FAILED, ended_at=None), goal(), NOW + 4_000)
    tally = state.strategies["performance_target/immediate"]
    assert (tally.tries, tally.wins, state.plan_durations) == (2, 1, [2_000.0, 4_000.0])


@pytest.mark.parametrize(("helped", "wins"), [(None, 1), (True, 1), (False, 0)])
def test_a_plan_that_was_measured_not_to_help_is_no_success(helped: bool | None, wins: int) -> None:
    state = LearningState()
    observe_plan(state, plan(), goal(), NOW, helped=helped)
    assert state.strategies["performance_target/immediate"].wins == wins


def test_a_tally_forgets_what_is_long_ago() -> None:
    state = LearningState()
    for status in [PlanStatus.DONE] * 100 + [PlanStatus.FAILED] * 200:
        observe_plan(state, plan(status=status), goal(), NOW)
    tally = state.strategies["performance_target/immediate"]
    assert tally.tries <= 64
    assert tally.rate < 0.1


def test_the_effect_of_a_candidate_has_mean_deviation_and_count() -> None:
    state = LearningState()
    assert learned_effect(state, "scale_up", "cpu") is None
    for effect in (-8.0, -10.0, -12.0):
        observe_effect(state, "scale_up", "cpu", effect, 0.5, {}, NOW)
    assert learned_effect(state, "scale_up", "cpu") == pytest.approx((-10.0, 2.0, 3))
    assert learned_effect(state, "scale_up", "memory") is None


def test_a_single_effect_is_as_uncertain_as_it_is_large() -> None:
    state = LearningState()
    effects(state, 0.5)
    assert learned_effect(state, "scale_up", "cpu") == (-10.0, 10.0, 1)


def test_the_mean_effect_follows_a_change() -> None:
    state, config = LearningState(), LearningConfig(window=10)
    for effect in [-10.0] * 50 + [5.0] * 50:
        observe_effect(state, "scale_up", "cpu", effect, 0.5, {}, NOW, config)
    found = learned_effect(state, "scale_up", "cpu")
    assert found is not None
    assert found[0] == pytest.approx(5.0, abs=0.1)


def test_a_candidate_that_never_helps_is_blocked_for_that_metric_for_a_time() -> None:
    state = LearningState()
    effects(state, 0.0, 0.05)
    assert not is_blocked(state, "scale_up", "cpu", NOW)
    effects(state, -0.3)
    assert is_blocked(state, "scale_up", "cpu", NOW)
    assert is_blocked(state, "scale_up", "cpu", NOW + CONFIG.block_ms - 1)
    assert not is_blocked(state, "scale_up", "cpu", NOW + CONFIG.block_ms)
    assert not is_blocked(state, "scale_up", "memory", NOW)
    assert not is_blocked(state, "add_cache", "cpu", NOW)
    assert "blocked for cpu" in state.lessons[-1].text


def test_one_that_helps_ends_the_row() -> None:
    state = LearningState()
    effects(state, 0.0, 0.0, 0.8, 0.0, 0.0)
    assert not is_blocked(state, "scale_up", "cpu", NOW)


def test_the_verification_knows_better_than_the_reward() -> None:
    state = LearningState()
    effects(state, 0.4, 0.4, 0.4, helped=False)
    assert is_blocked(state, "scale_up", "cpu", NOW)
    effects(state, 0.0, helped=True)
    assert not is_blocked(state, "scale_up", "cpu", NOW)


def test_one_more_miss_after_the_time_blocks_again() -> None:
    state = LearningState()
    effects(state, 0.0, 0.0, 0.0)
    later = NOW + CONFIG.block_ms
    observe_effect(state, "scale_up", "cpu", 0.0, 0.0, {}, later)
    assert is_blocked(state, "scale_up", "cpu", later)


@pytest.mark.parametrize(("effect", "reward"), [(math.nan, 0.5), (math.inf, 0.5), (1.0, math.nan)])
def test_what_is_no_number_teaches_nothing(effect: float, reward: float) -> None:
    state = LearningState()
    observe_effect(state, "scale_up", "cpu", effect, reward, {}, NOW)
    assert state == LearningState()


@pytest.mark.parametrize("seed", range(3))
def test_the_stored_state_is_bounded_and_comes_back_as_it_was(seed: int) -> None:
    random, state = Random(seed), LearningState()
    for step in range(3_000):
        name = f"an_action_of_number_{random.randrange(60)}"
        failed = failure(
            action_type=name,
            start_time=NOW + HOUR * random.randrange(24),
            error_message=f"{step} " * 99,
        )
        observe_action(state, failed if random.random() < 0.3 else outcome(action_type=name), NOW)
        if step % 3 == 0:
            context = {f"feature_{random.randrange(20)}": random.uniform(-2, 2)}
            metric = f"metric_{random.randrange(30)}"
            effect = random.uniform(-9, 9)
            observe_effect(state, name, metric, effect, random.uniform(-1, 1), context, NOW)
    stored = msgspec.msgpack.encode(state)
    assert len(stored) < STORED_LIMIT
    assert len(state.actions) == len(state.arms) == CONFIG.max_names
    assert len(state.lessons) == CONFIG.lessons_kept
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(stored, type=LearningState)) == stored
    assert msgspec.json.decode(msgspec.json.encode(state), type=LearningState) == state


def test_the_least_recently_used_name_is_forgotten() -> None:
    state, config = LearningState(), LearningConfig(max_names=2)
    for name in ("a", "b", "a", "c"):
        observe_action(state, outcome(action_type=name), NOW, config)
    assert list(state.actions) == ["a", "c"]


@pytest.mark.parametrize(
    "setting",
    [
        {"epsilon": 1.5},
        {"epsilon": math.nan},
        {"min_reward": -2.0},
        {"discount": 0.0},
        {"optimism": -1.0},
        {"noise": 0.0},
        {"prior_weight": 0.0},
        {"window": 1},
        {"block_after": 0},
        {"block_ms": -1},
    ],
)
def test_a_setting_out_of_range_is_named(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(ConfigError, match=f"learning.{name}"):
        LearningConfig(**setting)  # type: ignore[arg-type]  # fields by name
