"""An entity from all of its resources: risks, recommendations, confidence, what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import PatternType, SystemState
from tests.kits.core.resources import (
    HOUR,
    NOW,
    STATES,
    forecast,
    outlook,
    pattern,
    resource,
)

SPIKE = pattern(PatternType.PERIODIC_SPIKE, "logins at 9 h")
TASK = pattern(PatternType.RECURRING_TASK, "backup")


@pytest.mark.spec("S1-068")
def test_risks_name_their_resource() -> None:
    (risk,) = outlook(resource([80.0, 82.0]), resource([40.0], name="memory")).risk_factors
    assert "cpu" in risk
    assert "82 %" in risk
    assert outlook(resource([80.0])).risk_factors == ()


@pytest.mark.spec("S1-068")
def test_risks_by_crossing_critical_bottlenecks_and_spikes() -> None:
    retired = pattern(PatternType.PERIODIC_SPIKE, "old", active=False)
    seen = outlook(
        resource([97.0, 101.0]), resource([50.0], name="memory"), patterns=[SPIKE, TASK, retired]
    )
    assert seen.risk_factors == (
        "cpu is expected to use up to 101 % of its capacity",
        "cpu passes its capacity in 2 h",
        "1 critical bottleneck",
        "known spike: logins at 9 h",
    )


@pytest.mark.spec("S1-069")
def test_recommendations_in_order_of_urgency() -> None:
    advice = outlook(
        resource([97.0, 101.0]),
        resource([88.0], name="memory"),
        patterns=[SPIKE, TASK],
    ).recommendations
    assert [text.split(":")[0] for text in advice] == [
        "act now",
        "watch the entity closely and have somebody ready to step in",
        "reduce or spread the use of cpu, or raise its capacity",
        "reduce or spread the use of memory, or raise its capacity",
        "add instances to share the load",
        "profile and optimise the hottest code",
        "schedule around 1 recurring task",
        "review the entity",
    ]
    assert "5 risks" in advice[-1]


@pytest.mark.spec("S1-069")
def test_recommendations_for_lesser_states() -> None:
    degraded = outlook(resource([80.0])).recommendations
    assert [text.split()[0] for text in degraded] == ["plan", "move"]
    assert outlook(resource([70.0])).recommendations == ()
    assert outlook().recommendations == ()


def test_nothing_is_recommended_twice() -> None:
    full = (resource([1_200.0], name=name) for name in ("storage", "network"))
    advice = outlook(*full).recommendations
    assert len(advice) == len(set(advice))


@pytest.mark.spec("S1-070")
def test_confidence_is_the_mean_of_the_demands() -> None:
    empty = outlook()
    assert (empty.confidence, empty.demands, empty.pressure) == (0.5, (), None)
    sure = resource(forecast=forecast([50.0]))
    unsure = resource(name="memory", forecast=forecast([50.0], error=40.0))
    assert outlook(sure, unsure).confidence == pytest.approx(0.8)


@pytest.mark.spec("S1-072")
def test_a_resource_without_forecast_is_left_out_and_named() -> None:
    seen = outlook(
        resource([50.0], current=50.0),
        resource(name="memory", current=90.0),
        resource(name="storage", forecast=forecast([float("nan")]), current=None),
    )
    assert [demand.resource_type for demand in seen.demands] == ["cpu"]
    assert seen.missing == ("memory", "storage")
    assert seen.predicted_state is SystemState.OPTIMAL
    assert seen.current_state is SystemState.CRITICAL


def test_the_fullest_resource_decides_the_state() -> None:
    seen = outlook(resource([70.0, 72.0, 78.0, 79.0]), resource([6_000.0], name="api_calls"))
    assert seen.predicted_state is SystemState.DEGRADED
    assert seen.horizon_ms == 4 * HOUR
    assert seen.pressure is not None
    assert seen.pressure.demand.resource_type == "cpu"
    assert (seen.pressure.threshold, seen.pressure.ahead_ms) == (75.0, 3 * HOUR)
    assert seen.pressure.probability == 1.0


def test_the_probability_is_that_of_exactly_the_state() -> None:
    chances = {60.0: 0.9, 75.0: 0.7, 85.0: 0.4, 95.0: 0.1}

    def probability(mean: float) -> float:
        pressure = outlook(resource([mean], passing=chances.get)).pressure
        assert pressure is not None
        return pressure.probability

    found = [probability(mean) for mean in (50.0, 65.0, 80.0, 90.0, 99.0)]
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.1])


@given(st.lists(st.lists(st.floats(-50, 200), max_size=5), max_size=6), st.floats(0, 60))
def test_the_parts_of_an_outlook_agree(means: list[list[float]], half_width: float) -> None:
    names = ("cpu", "memory", "cpu", "memory", "cpu", "memory")
    seen = outlook(
        *(
            resource(name=name, forecast=forecast(each, half_width))
            for name, each in zip(names, means, strict=False)
        )
    )
    assert len(seen.demands) + len(seen.missing) == len(means)
    assert (seen.predicted_state is SystemState.UNKNOWN) == (not seen.demands)
    assert 0 <= seen.confidence <= 1
    if seen.pressure is not None:
        assert 0 <= seen.pressure.probability <= 1
        assert 0 < seen.pressure.ahead_ms <= seen.horizon_ms
        assert seen.pressure.demand.predicted_state == seen.predicted_state
    for bottleneck in seen.bottlenecks:
        assert NOW <= bottleneck.predicted_time <= NOW + seen.horizon_ms
        assert bottleneck.threshold >= STATES.critical * 100
