"""Samples of errors, their quantiles and coverage, against NumPy."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.samples import (
    add_error,
    bounds,
    early_width,
    lottery,
    normal_ratio,
    outer_bounds,
    quantile,
    scored,
)
from streams.core.forecasting.ensemble.windows import decode, encode
from tests.kits.core.ensemble import blank_row
from tests.kits.core.values import noise


def coded(values) -> np.ndarray:
    return np.sort(np.array([encode(np.float32(value)) for value in values], np.int16))


def row_with(values, j: int = 0, volatility: float = 1.0) -> np.void:
    """A row that was told these errors of anchor ``j``, with forecasts of zero."""
    row = blank_row()
    row["volatility"] = 1.0
    row["mean_step"] = 1.0
    slot = row["slots"][0]
    slot[[layout.VOLATILITY, layout.LOWER, layout.UPPER]] = volatility, -1, 1
    for scores, value in enumerate(values, start=1):
        add_error(row, j, slot, np.float32(value), scores, lottery(scores))
    row["count"] = layout.ANCHORS[j] + layout.STRIDES[j] * (len(values) - 1) + 1
    return row


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=layout.ERRORS),
    st.floats(0.001, 0.999),
)
def test_a_quantile_is_that_of_weibull_positions(values: list[float], share: float) -> None:
    codes = coded(values)
    numbers = [float(decode(code)) for code in codes]
    expected = np.quantile(numbers, share, method="weibull")
    precise = max(np.abs(numbers)) * 1e-6  # of single precision
    assert quantile(codes, codes.size, share) == pytest.approx(expected, abs=precise)


@pytest.mark.parametrize("j", [0, 3, 5])
def test_a_row_counts_the_forecasts_that_were_scored(j: int) -> None:
    row = blank_row()
    row["begun"] = 21
    ages = range(200)
    anchor, stride = layout.ANCHORS[j], layout.STRIDES[j]
    due = [sum(t % stride == 0 for t in range(21 + anchor, 21 + age + 1)) for age in ages]
    expected = due
    found = []
    for age in ages:
        row["count"] = 21 + age + 1
        found.append(scored(row, j))
    assert found == expected


@pytest.mark.parametrize("count", [8, 50, 256])
def test_all_errors_are_kept_until_the_sample_is_full(count: int) -> None:
    values = noise(count)
    row = row_with(values, volatility=2.0)
    codes = coded(values / 2)
    assert row["sample"][0, :count].tolist() == codes.tolist()
    numbers = [float(decode(code)) for code in codes]
    expected = np.quantile(numbers, [0.1, 0.9], method="weibull")
    assert row["quantiles"][0] == pytest.approx(expected)
    assert outer_bounds(row, 0) == pytest.approx(tuple(expected))
    assert bounds(row, 0, 0.8) == pytest.approx(tuple(expected))


def test_a_full_sample_is_renewed_at_random_and_stays_sorted() -> None:
    row = row_with([*noise(layout.ERRORS), *(100 + noise(layout.ERRORS))])
    sample = row["sample"][0]
    assert (np.diff(sample.astype(int)) >= 0).all()
    renewed = np.mean(sample > encode(np.float32(50)))
    assert renewed == pytest.approx(1 - np.exp(-1), abs=0.08)


def test_coverage_is_a_running_share() -> None:
    inside = np.random.default_rng(0).random(500) < 0.7
    expected = 0.0
    for n, hit in enumerate(inside, start=1):
        expected += max(0.01, 1 / n) * (hit - expected)
    row = row_with(np.where(inside, 0.5, 3.0))
    assert row["covered"][0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("j", range(layout.J))
def test_before_errors_are_known_the_width_grows_with_the_mean_step(j: int) -> None:
    row = blank_row()
    row["mean_step"], row["count"] = 2.0, 1
    width = 1.3 * 2 * layout.ANCHORS[j] ** 0.35
    assert early_width(row, j) == pytest.approx(width)
    assert outer_bounds(row, j) == pytest.approx((-width, width))
    low, high = bounds(row, j, 0.95)
    assert high == -low == pytest.approx(width * normal_ratio(0.95))


def test_a_higher_level_is_wider() -> None:
    row = row_with(noise(200))
    lows, highs = zip(*(bounds(row, 0, level) for level in (0.5, 0.8, 0.9, 0.99)), strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)


@pytest.mark.parametrize("level", [0.5, 0.6, 0.8, 0.9, 0.95, 0.99])
def test_normal_widths_are_near_those_of_the_normal_distribution(level: float) -> None:
    normal = statistics.NormalDist()
    expected = normal.inv_cdf(0.5 * (1 + level)) / normal.inv_cdf(0.9)
    assert normal_ratio(level) == pytest.approx(expected, rel=0.02)


def test_the_lottery_is_even_and_the_same_each_time() -> None:
    lots = [lottery(t) for t in range(20_000)]
    assert lots == [lottery(t) for t in range(20_000)]
    assert all(0 <= lot < 2**32 for lot in lots)
    for shift in (0, 3, 6, 9, 11, 12, 15):
        counts = np.bincount([(lot >> shift) % 256 for lot in lots], minlength=256)
        assert ((counts - 20_000 / 256) ** 2 / (20_000 / 256)).sum() < 360  # chi-square, 255
