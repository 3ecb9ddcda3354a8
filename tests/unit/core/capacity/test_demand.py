"""Demand of one resource: means, peaks, the moment of capacity, confidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.capacity.config import StateConfig
from streams.core.capacity.demand import demand_confidence, path_of, planned, resource_demand
from streams.core.capacity.resource import Resource, is_resource
from streams.core.config import CoreConfig
from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.metric.config import MetricConfig
from streams.errors import ConfigError
from streams.records import Direction
from streams.records.forecast import ResourceDemand
from tests.kits.core.resources import HOUR, NOW, STATES, forecast, resource

RAMP = [80.0 + 3.5 * step for step in range(1, 25)]
usages = st.floats(-1e6, 1e6, allow_subnormal=False)


def demand(asked: Resource, config: StateConfig = STATES) -> ResourceDemand:
    path = path_of(asked, config)
    assert path is not None
    return resource_demand(path, NOW, config)


@pytest.mark.spec("S1-060")
def test_a_ramp_passes_its_capacity_after_six_hours() -> None:
    found = demand(resource(RAMP, current=80.0))
    assert found.will_exceed_capacity
    assert found.time_to_capacity_ms == 6 * HOUR
    assert found.prediction_time == NOW + 24 * HOUR
    assert (found.resource_type, found.current_usage, found.capacity) == ("cpu", 80.0, 100.0)
    assert found.predicted_usage == pytest.approx(sum(RAMP) / 24)
    assert found.utilization_percent == pytest.approx(sum(RAMP) / 24)
    assert found.predicted_peak == found.upper_peak == max(RAMP)
    assert (found.probability, found.confidence) == (1.0, 1.0)


def test_the_upper_quantile_is_planned_for() -> None:
    found = demand(resource(forecast=forecast([85.0, 90.0, 95.0], half_width=10.0)))
    assert (found.predicted_peak, found.upper_peak) == (95.0, 105.0)
    assert found.peak_utilization_percent == pytest.approx(105.0)
    assert found.time_to_capacity_ms == 3 * HOUR
    assert found.predicted_state == "overloaded"
    bold = demand(
        resource(forecast=forecast([85.0, 90.0, 95.0], half_width=10.0)), StateConfig(quantile=0.6)
    )
    assert bold.upper_peak == pytest.approx(95 + 10 * 0.253347 / 1.281552, abs=1e-4)
    assert (bold.will_exceed_capacity, bold.time_to_capacity_ms) == (False, None)


def test_the_planned_quantile_does_not_depend_on_the_level() -> None:
    wide = forecast([50.0], half_width=19.59964, level=0.95)
    assert planned(wide, 0.9) == pytest.approx([50 + 12.81552])
    assert planned(forecast([50.0], half_width=7.0, level=STATES.level), 0.9) == [57.0]


def test_no_less_than_the_mean_is_planned_for() -> None:
    lopsided = forecast([50.0, 60.0], upper=np.array([48.0, 61.0]))
    assert planned(lopsided, 0.9).tolist() == [50.0, 61.0]


def test_exactly_full_is_not_too_much() -> None:
    found = demand(resource([100.0], current=100.0))
    assert not found.will_exceed_capacity
    assert (found.probability, found.predicted_state) == (0.0, "overloaded")


def test_what_is_over_its_capacity_now_has_no_time_left() -> None:
    found = demand(resource([40.0, 40.0], current=101.0))
    assert (found.time_to_capacity_ms, found.probability) == (0, 1.0)
    assert found.predicted_state == "optimal"


def test_the_probability_is_the_forecasters_own_where_it_has_one() -> None:
    asked = forecast([90.0, 100.0, 90.0], half_width=5.0)
    assert demand(resource(forecast=asked)).probability == pytest.approx(0.5)
    limits: list[float] = []

    def passing(limit: float) -> float:
        limits.append(limit)
        return 0.7

    assert demand(resource(forecast=asked, passing=passing)).probability == 0.7
    assert limits == [100.0]
    unknown = resource(forecast=asked, passing=lambda limit: None)
    assert demand(unknown).probability == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("error", "coverage", "expected"),
    [
        (0.0, 0.8, 1.0),
        (10.0, 0.8, 0.9),
        (10.0, 0.6, 0.75 * 0.9),
        (10.0, 1.0, 0.75 * 0.9),
        (150.0, 0.8, 0.0),
        (float("nan"), 0.8, 0.0),
        (1.0, float("nan"), 0.0),
    ],
)
def test_confidence_from_coverage_and_running_error(
    error: float, coverage: float, expected: float
) -> None:
    asked = forecast([50.0], error=error, coverage=coverage)
    assert demand_confidence(asked, 100.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "unusable",
    [
        None,
        forecast([50.0], step_ms=0),
        forecast([]),
        forecast([float("nan")]),
        forecast([50.0], half_width=float("inf")),
    ],
)
def test_there_is_no_path_without_a_usable_forecast(unusable: object) -> None:
    assert path_of(resource(forecast=unusable), STATES) is None


def test_a_resource_has_a_capacity_that_large_values_fill() -> None:
    floor = MetricConfig(capacity=1.0, direction=Direction.AT_LEAST)
    assert not any(map(is_resource, (None, MetricConfig(), floor)))
    assert all(map(is_resource, CoreConfig().metrics.values()))
    with pytest.raises(ConfigError, match=r"metrics\.uptime\.capacity.*at_most"):
        Resource("uptime", floor)


@pytest.mark.spec("S1-073")
@pytest.mark.parametrize("method", ["holt_winters", "snarimax"])
def test_the_demand_names_the_configured_method(method: str) -> None:
    bank = SeriesBank(ForecastConfig(models=(method,)))
    bank.resize(1)
    times = NOW + HOUR * np.arange(60)
    bank.learn_many(np.zeros(60, np.int64), times, 40 + 5 * np.sin(np.arange(60) / 4))
    asked = resource(forecast=bank.forecast(0, 24, 0.8))
    found = demand(asked)
    assert found.method == method
    assert found.prediction_time == NOW + 24 * HOUR
    assert 0 < found.predicted_usage < 100


@given(
    st.lists(usages, min_size=1, max_size=30),
    st.floats(0, 1e6),
    st.none() | usages,
    st.floats(1.0, 1e6),
)
def test_the_parts_of_a_demand_agree(
    means: list[float], half_width: float, current: float | None, capacity: float
) -> None:
    known = MetricConfig(capacity=capacity)
    asked = Resource("queue", known, current, forecast(means, half_width))
    found = demand(asked)
    assert found.upper_peak >= found.predicted_peak >= found.predicted_usage - 1e-6
    assert found.will_exceed_capacity == (found.time_to_capacity_ms is not None)
    assert found.will_exceed_capacity == (max(found.upper_peak, current or 0.0) > capacity)
    assert found.time_to_capacity_ms is None or 0 <= found.time_to_capacity_ms <= 30 * HOUR
    assert 0 <= found.probability <= 1
    assert 0 <= found.confidence <= 1
    larger = demand(replace(asked, known=replace(known, capacity=2 * capacity)))
    assert larger.probability <= found.probability
    assert larger.will_exceed_capacity <= found.will_exceed_capacity
