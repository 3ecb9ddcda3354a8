from __future__ import annotations

from streams.core.safety.trust import doubt
from streams.records import GoalOrigin
from tests.kits.core.safety import CONFIG, HOUR, MINUTE


def doubted(
    coverage: float | None = 0.95,
    age_ms: int | None = MINUTE,
    origin: GoalOrigin = GoalOrigin.AUTONOMOUS,
    promised: float = 0.95,
) -> str:
    return doubt(coverage, promised, age_ms, CONFIG, origin=origin)


def test_good_intervals_of_a_live_series_are_trusted() -> None:
    assert doubted() == ""
    assert doubted(coverage=1.0) == ""


def test_coverage_is_measured_against_what_was_promised() -> None:
    assert doubted(coverage=0.70, promised=0.80) == ""
    text = doubted(coverage=0.70, promised=0.95)
    assert "0.70" in text
    assert "0.76" in text


def test_a_stale_model_is_not_trusted() -> None:
    assert doubted(age_ms=2 * HOUR) == ""
    text = doubted(age_ms=3 * HOUR)
    assert "180 min" in text
    assert "120 min" in text


def test_without_a_forecast_only_a_users_goal_goes_on() -> None:
    for missing in ({"coverage": None}, {"age_ms": None}):
        assert doubted(**missing)
        assert doubted(**missing, origin=GoalOrigin.USER) == ""


def test_a_users_goal_is_held_back_by_bad_forecasts_too() -> None:
    assert doubted(coverage=0.5, origin=GoalOrigin.USER)
