from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.analysis.breach import BreachForecast, predict_breach, prediction_record
from streams.core.analysis.mitigations import mitigations
from streams.core.metric.config import MetricConfig
from streams.records import Direction, Prediction, PredictionKind, Severity
from tests.kits.core.goals import ENTITY, HOUR, NOW, numbers

AT_MOST, AT_LEAST = Direction.AT_MOST, Direction.AT_LEAST
CPU = MetricConfig(capacity=100.0, unit="percent", limit_ratio=1.0)
Z95 = 1.959964


def breach(
    means: list[float],
    *,
    half_width: float = 2.0,
    limit: float = 100.0,
    current: float = 60.0,
    direction: Direction = AT_MOST,
    metric: str = "cpu_usage",
) -> BreachForecast:
    """The breach forecast of hourly means with an interval of 95 %."""
    result = predict_breach(
        metric,
        means,
        [mean - half_width for mean in means],
        [mean + half_width for mean in means],
        0.95,
        HOUR,
        NOW,
        current,
        limit,
        direction,
    )
    assert result is not None
    return result


def record(found: BreachForecast, known: MetricConfig = CPU, **fields: Any) -> Prediction:
    base = {"entity_id": ENTITY, "entity_type": "service", "now": NOW, "prediction_id": "p-1"}
    return prediction_record(found, known, **(base | {"confidence": 0.9} | fields))


def ramp(start: float, step: float, count: int = 24) -> list[float]:
    return [start + step * index for index in range(1, count + 1)]


@pytest.mark.spec("S1-062")
def test_the_predicted_time_is_that_of_the_crossing() -> None:
    prediction = record(breach(ramp(79.0, 4.0), current=79.0))
    assert prediction.predicted_time == NOW + 6 * HOUR
    assert prediction.horizon_ms == 24 * HOUR
    assert prediction.predicted_value == 175.0
    assert prediction.kind is PredictionKind.BREACH
    for number in ("79", "100", "360 min", "175"):
        assert number in prediction.description


def test_the_probability_is_that_of_the_likeliest_step() -> None:
    half = breach([60.0, 100.0, 60.0])
    assert half.probability == pytest.approx(0.5)
    assert not half.crosses
    assert half.predicted_time == NOW + 2 * HOUR
    likely = breach([60.0, 100.0 + 2.0 / Z95, 60.0])
    assert likely.probability == pytest.approx(0.8413, abs=1e-4)
    assert breach([60.0]).probability < 1e-12


def test_an_interval_without_width_is_certain() -> None:
    assert breach([101.0], half_width=0.0).probability == 1.0
    assert breach([100.0], half_width=0.0).probability == 0.0


def test_a_value_past_the_limit_is_a_breach_now() -> None:
    found = breach([90.0, 80.0], current=104.0)
    assert (found.probability, found.predicted_time) == (1.0, NOW)
    assert (found.crosses, found.peak) == (True, 104.0)


def test_small_values_can_be_the_bad_ones() -> None:
    found = breach([0.9, 0.7, 0.8], half_width=0.01, limit=0.75, current=0.95, direction=AT_LEAST)
    assert (found.crosses, found.peak) == (True, 0.7)
    assert found.predicted_time == NOW + 2 * HOUR
    assert found.probability > 0.99


@pytest.mark.parametrize(
    ("means", "direction", "current"),
    [([], AT_MOST, 1.0), ([1.0], Direction.REACH, 1.0), ([float("nan")], AT_MOST, 1.0)],
)
def test_nothing_to_judge(means: list[float], direction: Direction, current: float) -> None:
    found = predict_breach(
        "cpu_usage", means, means, means, 0.95, HOUR, NOW, current, 9.0, direction
    )
    assert found is None


@given(
    st.lists(numbers, min_size=1, max_size=24), st.floats(0, 1e6), numbers, numbers, st.booleans()
)
def test_ceilings_and_floors_are_mirror_images(
    means: list[float], half_width: float, limit: float, current: float, crossing: bool
) -> None:
    ceiling = breach(means, half_width=half_width, limit=limit, current=current)
    floor = breach(
        [-mean for mean in means],
        half_width=half_width,
        limit=-limit,
        current=-current,
        direction=AT_LEAST,
    )
    assert 0.0 <= ceiling.probability <= 1.0
    assert NOW <= ceiling.predicted_time <= NOW + ceiling.horizon_ms
    assert floor.probability == pytest.approx(ceiling.probability)
    assert (floor.crosses, floor.peak) == (ceiling.crosses, -ceiling.peak)
    assert ceiling.crosses == (max(*means, current) > limit)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        pytest.param([90.0, 104.0], Severity.CRITICAL, marks=pytest.mark.spec("S1-063")),
        pytest.param([50.0, 110.0], Severity.WARNING, marks=pytest.mark.spec("S1-064")),
        pytest.param([88.0, 88.0], Severity.CAUTION, id="no crossing, busy"),
        pytest.param([70.0, 80.0], Severity.INFO, id="no crossing"),
    ],
)
def test_severity_by_crossing_and_average_use(means: list[float], expected: Severity) -> None:
    assert record(breach(means)).severity is expected


def test_severity_where_small_values_are_bad() -> None:
    known = MetricConfig(capacity=1.0, limit_ratio=0.75, direction=AT_LEAST)
    fields = {"half_width": 0.01, "limit": 0.75, "current": 0.9, "direction": AT_LEAST}
    assert record(breach([0.6, 0.7], **fields), known).severity is Severity.CRITICAL
    assert record(breach([0.9, 0.7], **fields), known).severity is Severity.WARNING
    assert record(breach([0.9, 0.8], **fields), known).severity is Severity.INFO


@pytest.mark.spec("S1-067")
def test_mitigations_by_resource() -> None:
    known = ["api_calls", "token_budget", "cpu_usage", "memory"]
    texts = [mitigations(metric) for metric in known]
    assert [len(text) for text in texts] == [3, 3, 3, 3]
    assert len({line for text in texts for line in text}) == 12
    assert mitigations("API-Calls.total") == mitigations("api_calls")
    assert len(mitigations("queue_length")) == 2
    assert mitigations("api_latency") == mitigations("members") == mitigations("queue_length")
    prediction = record(breach([120.0], metric="api_calls"))
    assert prediction.mitigations == mitigations("api_calls")
