from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.patterns.evidence import (
    binomial_bound,
    binomial_tail,
    certainty,
    f_tail,
    normal_tails,
    unusualness,
)


@pytest.mark.parametrize(
    ("p_value", "sure"), [(0.0, 1.0), (0.001, 0.982), (0.01, 0.889), (0.05, 0.711), (1.0, 0.5)]
)
def test_certainty_after_sellke_and_others(p_value: float, sure: float) -> None:
    assert certainty(p_value) == pytest.approx(sure, abs=5e-4)


@given(st.floats(0, 1), st.floats(0, 1))
def test_certainty_falls_with_the_p_value(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.5 <= certainty(high) <= certainty(low) <= 1.0


@pytest.mark.parametrize(
    ("deviations", "sure"), [(0.0, 0.0), (1.0, 0.0), (2.0, 8 / 9), (3.0, 0.9506), (6.0, 0.9877)]
)
def test_unusualness_needs_no_normal_distribution(deviations: float, sure: float) -> None:
    assert unusualness(deviations) == pytest.approx(sure, abs=5e-5)


@given(st.floats(0, 100), st.floats(0, 100))
def test_unusualness_grows(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= unusualness(low) <= unusualness(high) + 1e-12


@pytest.mark.parametrize(
    ("ratio", "between", "within", "p_value"),
    [
        # Critical values from tables of the F distribution.
        (3.8660, 6, 7, 0.05),
        (8.4661, 6, 6, 0.01),
        (4.0012, 1, 60, 0.05),
        (2.0986, 6, 1e9, 0.05),
    ],
)
def test_f_distribution(ratio: float, between: float, within: float, p_value: float) -> None:
    assert f_tail(ratio, between, within) == pytest.approx(p_value, rel=2e-3)


@given(st.floats(0, 50), st.floats(0.5, 300))
def test_f_with_two_degrees_of_freedom_is_known(ratio: float, within: float) -> None:
    expected = (1 + 2 * ratio / within) ** (-within / 2)
    assert f_tail(ratio, 2, within) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_binomial() -> None:
    assert binomial_tail(0, 5, 0.3) == pytest.approx(1.0)
    assert binomial_tail(5, 5, 0.3) == pytest.approx(0.3**5)
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.999))
def test_the_bound_is_one(trials: int, data: st.DataObject, chance: float) -> None:
    hits = data.draw(st.integers(0, trials))
    assert binomial_bound(hits, trials, chance) >= binomial_tail(hits, trials, chance) * (1 - 1e-9)


def test_normal() -> None:
    assert normal_tails(1.959964) == pytest.approx(0.05, abs=1e-6)
    assert math.isclose(normal_tails(-1.0), normal_tails(1.0))
