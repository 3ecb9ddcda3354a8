"""Estimates of what another policy would have earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from streams.core.learning.bandit import choose, learn
from streams.core.learning.config import LearningConfig
from streams.core.learning.decision_log import Logged, named_policy, read_log
from streams.core.learning.off_policy import Estimate, evaluate
from streams.core.learning.state import LearningState
from streams.errors import ConfigError, InvalidRecord, UnknownName
from streams.records import Candidate, Decision

NAMES = ("a", "b", "c")
MEANS: Mapping[str, tuple[float, float]] = {"a": (0.2, 0.5), "b": (0.2, -0.5), "c": (-0.1, 0.0)}
"""Mean reward of each candidate at load 0, and its slope over a load that is even in -1..1."""
VALUES = {
    "uniform": 0.1,
    "always:a": 0.2,
    "always:c": -0.1,
    "greedy": 0.2 + 0.5 * 0.5,  # a where the load is positive, b where it is not
}
SIMULATIONS = 100


def reward_of(random: np.random.Generator, name: str, load: float) -> float:
    at, slope = MEANS[name]
    return float(np.clip(at + slope * load + 0.2 * random.standard_normal(), -1, 1))


def simulated(seed: int, count: int = 200, epsilon: float = 0.2) -> list[Logged]:
    """The log of a policy that is greedy by scores which point to the better of a and b."""
    random = np.random.default_rng(seed)
    log: list[Logged] = []
    for _ in range(count):
        load = random.uniform(-1, 1)
        scores = {"a": load, "b": -load, "c": -1.0}
        best = max(scores, key=lambda name: scores[name])
        propensities = {name: epsilon / 3 + (1 - epsilon) * (name == best) for name in NAMES}
        chosen = str(random.choice(NAMES, p=list(propensities.values())))
        reward = reward_of(random, chosen, load)
        log.append(Logged({"load": load}, scores, propensities, chosen, reward))
    return log


def learned(seed: int, count: int = 150) -> list[Logged]:
    """The log of the bandit itself, which learns while it writes it."""
    random, state = np.random.default_rng(seed), LearningState()
    config = LearningConfig(epsilon=0.2)
    log: list[Logged] = []
    for step in range(count):
        context = {"load": random.uniform(-1, 1)}
        choice = choose(
            state, NAMES, context, priors={}, blocked=set(), seed=f"{seed}-{step}", config=config
        )
        assert choice is not None
        reward = reward_of(random, choice.name, context["load"])
        learn(state, choice.name, context, reward, config)
        scores = {each.name: each.score for each in choice.candidates}
        propensities = {each.name: each.propensity for each in choice.candidates}
        log.append(Logged(context, scores, propensities, choice.name, reward))
    return log


def within(estimate: Estimate, value: float) -> bool:
    return estimate.low <= value <= estimate.high


@pytest.mark.parametrize("name", VALUES)
def test_the_interval_holds_the_known_value_in_at_least_90_of_100_simulations(name: str) -> None:
    estimates = [evaluate(simulated(seed), named_policy(name)) for seed in range(SIMULATIONS)]
    value = VALUES[name]
    assert sum(within(each, value) for each in estimates) >= 90
    assert sum(each.lower <= value for each in estimates) >= 90
    # An interval of all that is possible would hold it, too.
    assert np.mean([each.high - each.low for each in estimates]) < 1.0
    for point in ("ips", "snips", "doubly_robust"):
        assert np.mean([getattr(each, point) for each in estimates]) == pytest.approx(
            value, abs=0.05
        )


def test_it_does_so_when_the_logged_policy_learned_on_the_way() -> None:
    for name in ("uniform", "always:a"):
        estimates = [evaluate(learned(seed), named_policy(name)) for seed in range(30)]
        assert sum(within(each, VALUES[name]) for each in estimates) >= 27


def test_more_decisions_make_the_interval_narrower() -> None:
    widths = [
        estimate.high - estimate.low
        for count in (100, 400, 1_600)
        for estimate in [evaluate(simulated(1, count), named_policy("uniform"))]
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.3 * widths[0]


def test_the_doubly_robust_estimate_errs_least() -> None:
    estimates = [evaluate(simulated(seed, 400), named_policy("uniform")) for seed in range(40)]

    def error(point: str) -> float:
        return float(np.std([getattr(each, point) for each in estimates]))

    assert error("doubly_robust") < min(error("ips"), error("snips"))


def test_estimates_of_four_decisions_by_hand() -> None:
    half = {"a": 0.5, "b": 0.5}
    log = [
        Logged({}, half, half, chosen, reward)
        for chosen, reward in [("a", 1.0), ("b", -1.0), ("a", 0.0), ("a", 0.5)]
    ]
    found = evaluate(log, named_policy("always:a"), min_samples=4)
    assert found.ips == pytest.approx((2 * 1.0 + 2 * 0.0 + 2 * 0.5) / 4)
    assert found.snips == pytest.approx(0.5)
    assert found.effective_samples == pytest.approx(3.0)
    assert (found.max_weight, found.logged, found.decisions) == (2.0, 0.125, 4)
    # Half of a reward of 1 (as 0..1) is what the model had learned after the first, and so on.
    predicted = [0.0, 0.5, 0.5, 1 / 3]
    corrections = [2 * (1.0 - 0.0), 0.0, 2 * (0.0 - 0.5), 2 * (0.5 - 1 / 3)]
    expected = np.mean(np.add(predicted, corrections))
    assert found.doubly_robust == pytest.approx(expected)


def test_the_logged_policy_itself_is_worth_what_it_earned() -> None:
    log = simulated(3)
    found = evaluate(log, lambda entry: entry.propensities)
    assert found.ips == found.snips == pytest.approx(found.logged)
    assert found.effective_samples == pytest.approx(len(log))


def test_a_policy_that_was_hardly_ever_followed_is_said_to_be_unsupported() -> None:
    log = simulated(2, count=60, epsilon=0.05)
    assert not evaluate(log, named_policy("always:c")).is_supported
    assert evaluate(log, named_policy("greedy")).is_supported


def test_a_policy_that_was_never_followed_leaves_all_open() -> None:
    log = [Logged({}, {"a": 1.0, "b": 0.0}, {"a": 0.99, "b": 0.01}, "a", 0.5) for _ in range(50)]
    found = evaluate(log, named_policy("always:b"))
    assert (found.ips, found.snips, found.effective_samples) == (0.0, 0.0, 0.0)
    assert found.low < -0.9
    assert found.high > 0.9


def test_too_few_decisions_are_refused_with_need_and_have() -> None:
    with pytest.raises(InvalidRecord, match="need 30, have 29"):
        evaluate(simulated(1, count=29), named_policy("greedy"))


def test_decisions_without_the_candidate_are_left_out() -> None:
    only_b = Logged({}, {"b": 0.0}, {"b": 1.0}, "b", 1.0)
    log = simulated(1)
    found = evaluate([*log, only_b], named_policy("always:a"))
    assert (found.decisions, found.unanswered) == (200, 1)
    assert found.ips == evaluate(log, named_policy("always:a")).ips


@pytest.mark.parametrize("wanted", [{"a": 0.5}, {"x": 1.0}, {"a": 1.5, "b": -0.5}])
def test_a_policy_that_the_log_cannot_judge_is_refused(wanted: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="cannot say"):
        evaluate(simulated(1), lambda _: wanted)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_the_level_is_a_probability(level: float) -> None:
    with pytest.raises(ConfigError, match="level"):
        evaluate(simulated(1), named_policy("greedy"), level=level)


@pytest.mark.parametrize("name", ["", "always", "always:", "greedy:a", "best"])
def test_an_unknown_policy_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="always:NAME"):
        named_policy(name)


def decision(number: int = 1, **fields: Any) -> Decision:
    given: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": 1_000 + number,
        "decision_id": f"d-{number}",
        "kind": "plan",
        "subject_id": f"p-{number}",
        "candidates": (
            Candidate(name="a", score=0.4, propensity=0.95),
            Candidate(name="b", score=0.9, propensity=0.0),
            Candidate(name="c", score=0.1, propensity=0.05),
        ),
        "chosen": "a",
        "context": {"gap": "0.25", "day": "monday"},
        "reward": 0.5,
    }
    return Decision(**given | fields)


def verified(number: int, later: int, reward: float) -> Decision:
    """What is written about the same plan, once its effect was measured."""
    return decision(
        number,
        timestamp=1_000 + later,
        decision_id=f"v-{number}",
        kind="verification",
        reward=reward,
    )


def test_a_log_holds_choices_with_rewards_in_the_order_in_which_they_were_made() -> None:
    log = read_log(
        [
            decision(1, reward=None),
            decision(2, candidates=(), chosen=""),
            decision(3, reward=None),
            verified(3, 50, -0.5),
            verified(1, 60, 0.5),
            decision(1, reward=None),
            decision(4, reward=None),
        ]
    )
    assert [entry.reward for entry in log.entries] == [0.5, -0.5]
    assert log.unmeasured == 1
    first = log.entries[0]
    assert first.context == {"gap": 0.25, "day=monday": 1.0}
    assert first.propensities == {"a": 0.95, "c": 0.05}
    assert named_policy("greedy")(first) == {"a": 1.0}
    assert named_policy("uniform")(first) == {"a": 0.5, "c": 0.5}
    assert named_policy("always:b")(first) == {}


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"chosen": "b"}, "chosen"),
        ({"reward": 1.5}, "reward"),
        ({"candidates": (Candidate(name="a", score=0.0, propensity=0.5),)}, "candidates"),
    ],
)
def test_a_decision_of_no_use_is_named(fields: dict[str, Any], at_fault: str) -> None:
    with pytest.raises(InvalidRecord, match="'d-1' is of no use") as caught:
        read_log([decision(1, **fields)])
    assert caught.value.field == at_fault
