from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.patterns.correlation import MAX_LAG, correlate
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.state import PatternState
from streams.errors import ConfigError
from streams.records import Pattern
from tests.kits.core.patterns import HOUR, MONDAY, at

STEPS = np.arange(100)


def walk(seed: int, size: int = 100) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).cumsum()


def noise(seed: int, size: int = 100) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def learn(
    learner: PatternLearner, state: PatternState, one: np.ndarray, other: np.ndarray, n: int = 0
) -> list[Pattern]:
    return learner.on_correlation(state, ("cpu", "memory"), (one, other), at(MONDAY + n * HOUR))


@pytest.mark.spec("S1-045")
@pytest.mark.parametrize(
    "values", [walk(1), noise(2), 50 + 10 * np.sin(STEPS / 5)], ids=["walk", "noise", "wave"]
)
def test_two_metrics_in_lockstep_are_both_named(values: np.ndarray) -> None:
    (found,) = learn(PatternLearner(), PatternState(), values, 2 * values + 30)
    assert found.description == "memory moves with cpu"
    assert found.metadata["first_metric"] == "cpu"
    assert found.metadata["second_metric"] == "memory"
    assert found.metadata["lag_steps"] == "0"
    assert found.confidence > 0.95


@pytest.mark.spec("S1-045")
def test_the_leading_metric_is_named() -> None:
    cause = walk(3, 120)
    effect = cause[:-4] + 0.2 * noise(4, 116)
    (found,) = learn(PatternLearner(), PatternState(), cause[4:], effect)
    assert found.description == "memory moves with cpu, 4 steps later"
    (found,) = learn(PatternLearner(), PatternState(), effect, cause[4:])
    assert found.description == "cpu moves with memory, 4 steps later"
    assert found.metadata["leading_metric"] == "memory"


def test_opposite_moves_count_too() -> None:
    (found,) = learn(PatternLearner(), PatternState(), walk(5), -walk(5))
    assert found.description == "memory moves against cpu"


@pytest.mark.parametrize(
    "pair",
    [
        (STEPS + noise(6), 3 * STEPS + noise(7)),
        (STEPS.astype(float), 2.0 * STEPS),
        (STEPS**2.0, STEPS**3.0),
        (noise(8), noise(9)),
        (walk(10), walk(11)),
        (np.ones(100), noise(12)),
        (noise(13)[:20], noise(13)[:20]),
    ],
    ids=["trends", "lines", "curves", "noise", "walks", "constant", "too few"],
)
def test_what_does_not_count(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert correlate(*pair) is None


def test_one_common_incident_is_not_enough() -> None:
    one, other = noise(14), noise(15)
    one[80] += 50
    other[80] += 50
    assert correlate(one, other) is None


@pytest.mark.parametrize("smooth", [1, 6, 12])
def test_unrelated_metrics_are_seldom_paired(smooth: int) -> None:
    random = np.random.default_rng(smooth)

    def series() -> np.ndarray:
        return np.convolve(random.normal(size=72 + smooth), np.ones(smooth), "valid")[:72]

    false = sum(correlate(series(), series()) is not None for _ in range(400))
    assert false <= 6


def test_a_pair_is_the_same_in_either_order() -> None:
    learner, one, other = PatternLearner(), walk(16), walk(16) + 0.1 * noise(17)
    (found,) = learner.on_correlation(PatternState(), ("cpu", "memory"), (one, other), at(MONDAY))
    (turned,) = learner.on_correlation(PatternState(), ("memory", "cpu"), (other, one), at(MONDAY))
    assert turned == found


@pytest.mark.spec("S1-047")
def test_a_pair_that_parts_is_retired() -> None:
    learner, state, one = PatternLearner(), PatternState(), walk(18)
    assert learn(learner, state, one, one)[0].active
    assert learn(learner, state, one, one, 1) == []
    news = [learn(learner, state, one, walk(19), 2 + n) for n in range(4)]
    assert [[each.active for each in each_time] for each_time in news] == [[], [], [False], []]
    assert learn(learner, state, one, one, 7)[0].occurrences == 3


def test_gaps_are_left_out() -> None:
    one, other = walk(20), walk(20)
    one[3], other[40], other[50] = math.nan, math.inf, math.nan
    assert correlate(one, other) is not None


def test_values_must_be_aligned() -> None:
    with pytest.raises(ConfigError, match="same length"):
        correlate(noise(21), noise(21)[1:])


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)), min_size=0, max_size=80
    )
)
def test_any_values_give_a_sound_answer(pairs: list[tuple[float, float]]) -> None:
    found = correlate([one for one, _ in pairs], [other for _, other in pairs])
    if found is not None:
        assert abs(found.level) <= 1 + 1e-9
        assert abs(found.change) <= 1 + 1e-9
        assert abs(found.lag) <= MAX_LAG
        assert 0 <= found.p_value <= 0.01
