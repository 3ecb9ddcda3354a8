"""The choice among candidates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.learning.bandit import Choice, choose, learn
from streams.core.learning.config import LearningConfig
from streams.core.learning.state import LearningState

CONFIG = LearningConfig()
GREEDY = LearningConfig(epsilon=0.0, optimism=0.0)
NAMES = ("scale_up", "add_cache", "restart")


def chosen(
    state: LearningState,
    context: Mapping[str, float] | None = None,
    seed: str = "d-1",
    config: LearningConfig = CONFIG,
    **given_: object,
) -> Choice:
    fields: dict = {"priors": {}, "blocked": frozenset()} | given_
    choice = choose(state, NAMES, context or {}, seed=seed, config=config, **fields)
    assert choice is not None
    return choice


def simulated(
    means: Mapping[str, Mapping[str, float]], steps: int, seed: int, config: LearningConfig = CONFIG
) -> list[tuple[float, str]]:
    """Choices in contexts of load -1 to 1 when a candidate's mean reward is at + load * slope."""
    random, state = np.random.default_rng(seed), LearningState()
    history: list[tuple[float, str]] = []
    for step in range(steps):
        load = random.uniform(-1, 1)
        name = chosen(state, {"load": load}, f"{seed}-{step}", config).name
        mean = means[name]["at"] + means[name].get("slope", 0.0) * load
        reward = float(np.clip(mean + 0.3 * random.standard_normal(), -1, 1))
        learn(state, name, {"load": load}, reward, config)
        history.append((load, name))
    return history


@pytest.mark.spec("S1-192")
def test_the_better_arm_is_chosen_more_often() -> None:
    means = {"scale_up": {"at": 0.1}, "add_cache": {"at": 0.5}, "restart": {"at": -0.3}}
    for seed in range(5):
        counts = Counter(name for _, name in simulated(means, 200, seed))
        assert counts["add_cache"] > 0.7 * counts.total()


def test_the_better_arm_is_another_in_another_context() -> None:
    means = {
        "scale_up": {"at": 0.2, "slope": 0.6},
        "add_cache": {"at": 0.2, "slope": -0.6},
        "restart": {"at": -0.3},
    }
    late = [each for seed in range(4) for each in simulated(means, 200, seed)[50:]]
    clear = [(load, name) for load, name in late if abs(load) > 0.3]
    right = [name == ("scale_up" if load > 0 else "add_cache") for load, name in clear]
    assert np.mean(right) > 0.8


def test_a_system_that_changes_is_learned_anew() -> None:
    config, state = LearningConfig(epsilon=0.1), LearningState()
    names = []
    for step in range(300):
        better = "scale_up" if step < 100 else "restart"
        name = chosen(state, seed=str(step), config=config).name
        learn(state, name, {}, 0.6 if name == better else 0.0, config)
        names.append(name)
    assert Counter(names[50:100]).most_common(1)[0][0] == "scale_up"
    assert Counter(names[250:]).most_common(1)[0][0] == "restart"


def test_without_rewards_the_prior_decides_and_ties_go_to_the_first() -> None:
    assert chosen(LearningState(), config=GREEDY).name == "scale_up"
    assert chosen(LearningState(), config=GREEDY, priors={"restart": 0.4}).name == "restart"


def test_a_score_begins_at_the_prior_and_goes_to_the_mean_reward() -> None:
    state, config = LearningState(), LearningConfig(optimism=0.0, discount=1.0, prior_weight=2.0)
    priors = {"scale_up": 0.8}

    def score() -> float:
        return chosen(state, config=config, priors=priors).candidates[0].score

    assert score() == pytest.approx(0.8)
    learn(state, "scale_up", {}, -0.4, config)
    assert score() == pytest.approx((2 * 0.8 - 0.4) / 3)
    for _ in range(200):
        learn(state, "scale_up", {}, -0.4, config)
    assert score() == pytest.approx(-0.4, abs=0.02)


def test_optimism_tries_what_is_unknown() -> None:
    state = LearningState()
    for _ in range(5):
        learn(state, "scale_up", {}, 0.2, CONFIG)
    priors = dict.fromkeys(NAMES, 0.2)
    assert chosen(state, config=GREEDY, priors={**priors, "scale_up": 0.3}).name == "scale_up"
    bold = LearningConfig(epsilon=0.0, optimism=1.0)
    assert chosen(state, config=bold, priors=priors).name == "add_cache"


def test_blocked_candidates_are_listed_but_never_chosen() -> None:
    config = LearningConfig(epsilon=1.0)
    for step in range(50):
        choice = chosen(LearningState(), seed=str(step), config=config, blocked={"add_cache"})
        assert choice.name != "add_cache"
        assert [each.propensity for each in choice.candidates] == [0.5, 0.0, 0.5]


def test_there_is_no_choice_when_all_are_blocked() -> None:
    found = choose(
        LearningState(), NAMES, {}, priors={}, blocked=set(NAMES), seed="d-1", config=CONFIG
    )
    assert found is None


def test_nothing_is_explored_while_learning_is_off() -> None:
    off = LearningConfig(enabled=False, epsilon=1.0)
    names = {chosen(LearningState(), seed=str(step), config=off).name for step in range(50)}
    assert names == {"scale_up"}


def test_candidates_are_chosen_as_often_as_their_propensity_says() -> None:
    config = LearningConfig(epsilon=0.3)
    choices = [chosen(LearningState(), seed=f"d-{step}", config=config) for step in range(2_000)]
    counts = Counter(choice.name for choice in choices)
    assert choices[0].policy == "linear-epsilon-greedy(0.3)"
    for candidate in choices[0].candidates:
        share = counts[candidate.name] / len(choices)
        deviation = math.sqrt(candidate.propensity * (1 - candidate.propensity) / len(choices))
        assert abs(share - candidate.propensity) < 4 * deviation


def test_candidates_of_one_name_are_the_first_of_them() -> None:
    found = choose(
        LearningState(),
        ["a", "b", "a"],
        {},
        priors={"b": 0.5},
        blocked=set(),
        seed="d-1",
        config=LearningConfig(epsilon=1.0),
    )
    assert found is not None
    assert [each.propensity for each in found.candidates] == [0.5, 0.5]
    assert found.index == ["a", "b"].index(found.name)


numbers = st.floats(allow_nan=True, allow_infinity=True)
contexts = st.dictionaries(st.sampled_from("abcdefghijkl"), numbers, max_size=6)
rewards = st.lists(
    st.tuples(st.sampled_from(NAMES), contexts, st.floats(-1, 1)), min_size=1, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(rewards, contexts, st.text(max_size=5), st.floats(0, 1), st.sets(st.sampled_from(NAMES)))
def test_any_history_gives_a_proper_choice_and_the_same_one_again(
    history, context, seed, epsilon, blocked
) -> None:
    config = LearningConfig(epsilon=epsilon, max_features=4)
    first, second = LearningState(), LearningState()
    for name, features, reward in history:
        learn(first, name, features, reward, config)
    for name, features, reward in history:
        # Stored and read again after each reward, and in another order of features.
        learn(second, name, dict(reversed(features.items())), reward, config)
        second = msgspec.msgpack.decode(msgspec.msgpack.encode(second), type=LearningState)
    stored = msgspec.msgpack.encode(first)
    assert msgspec.msgpack.encode(second) == stored
    assert len(first.features) <= 4
    choices = [
        choose(state, NAMES, context, priors={}, blocked=blocked, seed=seed, config=config)
        for state in (first, second)
    ]
    assert choices[0] == choices[1]
    assert msgspec.msgpack.encode(first) == stored
    assert (choices[0] is None) == (blocked == set(NAMES))
    if choices[0] is not None:
        by_name = {each.name: each for each in choices[0].candidates}
        assert sum(each.propensity for each in by_name.values()) == pytest.approx(1.0)
        assert by_name[choices[0].name].propensity > 0
        assert all(math.isfinite(each.score) for each in by_name.values())
        assert all(by_name[name].propensity == 0 for name in blocked)
