"""States by the share of the capacity in use, now and at the peak."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.capacity.config import StateConfig, band, state_of
from streams.errors import ConfigError
from streams.records import Severity, SystemState
from tests.kits.core.resources import STATES, outlook, resource


def current(**usages: float | None) -> str:
    return outlook(
        *(resource(name=name, current=use) for name, use in usages.items())
    ).current_state.value


@pytest.mark.spec("S1-049")
def test_optimal_below_sixty_percent() -> None:
    assert current(cpu=30.0, memory=40.0) == "optimal"
    assert current(cpu=59.99) == "optimal"


@pytest.mark.spec("S1-050")
def test_healthy_and_unknown_are_not_the_same() -> None:
    assert current(cpu=60.0) == current(cpu=74.99) == "healthy"
    assert current() == current(cpu=None) == current(cpu=float("nan")) == "unknown"
    assert outlook().predicted_state is SystemState.UNKNOWN


@pytest.mark.spec("S1-051")
def test_degraded_from_seventy_five_percent() -> None:
    assert current(cpu=80.0) == current(cpu=75.0) == current(cpu=84.99) == "degraded"


@pytest.mark.spec("S1-052")
def test_critical_from_eighty_five_percent() -> None:
    assert current(cpu=90.0) == current(cpu=85.0) == "critical"


@pytest.mark.spec("S1-053")
def test_overloaded_exactly_from_ninety_five_percent() -> None:
    assert current(cpu=95.0) == current(cpu=98.0) == current(cpu=250.0) == "overloaded"
    assert current(cpu=94.9) == "critical"
    assert current(api_calls=9_500.0) == current(token_budget=950_000.0) == "overloaded"


def test_the_fullest_resource_decides() -> None:
    assert current(cpu=30.0, api_calls=9_000.0, memory=70.0) == "critical"


@pytest.mark.spec("S1-061")
def test_a_peak_is_not_hidden_by_its_mean() -> None:
    seen = outlook(resource([50.0, 65.0, 80.0, 95.0, 110.0]))
    assert seen.demands[0].utilization_percent == pytest.approx(80.0)
    assert seen.predicted_state is SystemState.OVERLOADED


def test_thresholds_are_configured() -> None:
    config = StateConfig(healthy=0.2, degraded=0.3, critical=0.4, overloaded=0.5)
    states = [state_of(share, config).value for share in (0.19, 0.2, 0.3, 0.4, 0.5)]
    assert states == ["optimal", "healthy", "degraded", "critical", "overloaded"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("healthy", 0.0), ("degraded", 0.6), ("overloaded", 0.8), ("risk", 0.0), ("quantile", 0.5)],
)
def test_thresholds_out_of_order_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"states\.{field}.*use "):
        StateConfig(**{field: value})


def test_severities_rise_with_the_state() -> None:
    ranks = [state.severity.rank for state in SystemState]
    assert ranks == sorted(ranks)
    assert SystemState.HEALTHY.severity is Severity.INFO
    assert SystemState.OVERLOADED.severity is Severity.CRITICAL
    assert [state.value for state in SystemState if state.is_urgent] == ["critical", "overloaded"]


@given(st.floats(-10, 10))
def test_a_share_lies_in_the_band_of_its_state(share: float) -> None:
    start, end = band(state_of(share, STATES), STATES)
    assert start is None or share >= start
    assert end is None or share < end
