"""Hours, weekdays and holidays of moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.calendar import Calendar, CalendarConfig
from streams.errors import ConfigError

BAVARIA = Calendar(CalendarConfig(country="DE", subdivision="BY", zone="Europe/Berlin"))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_days_and_hours_are_those_of_the_zone() -> None:
    before_midnight = ms("2024-12-24T22:30")  # 23:30 in Berlin
    assert BAVARIA.holiday(before_midnight) == ""
    assert BAVARIA.hour(before_midnight) == 23.5
    assert BAVARIA.weekday(before_midnight) == 1
    assert BAVARIA.holiday(before_midnight + 3_600_000) != ""
    assert BAVARIA.weekday(before_midnight + 3_600_000) == 2
    assert BAVARIA.hour(ms("2024-07-01T12:00")) == 14  # summer time


def test_a_subdivision_has_holidays_of_its_own() -> None:
    epiphany = ms("2025-01-06T12:00")
    assert BAVARIA.holiday(epiphany) != ""
    assert Calendar(CalendarConfig(country="DE")).holiday(epiphany) == ""


def test_without_a_country_there_are_no_holidays() -> None:
    plain = Calendar()
    assert not plain.has_holidays
    assert BAVARIA.has_holidays
    assert plain.holiday(ms("2024-12-25T12:00")) == ""
    assert plain.hour(ms("2024-12-25T12:45")) == 12.75


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_moment_has_an_answer(timestamp: int) -> None:
    assert 0 <= BAVARIA.hour(timestamp) < 24
    assert 0 <= BAVARIA.weekday(timestamp) <= 6
    assert isinstance(BAVARIA.holiday(timestamp), str)


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (CalendarConfig(country="XX"), "country", "XX"),
        (CalendarConfig(country="DE", subdivision="ZZ"), "country", "DE-ZZ"),
        (CalendarConfig(subdivision="BY"), "country", "BY"),
        (CalendarConfig(zone="Europe/Nowhere"), "zone", "Europe/Nowhere"),
        (CalendarConfig(zone="../passwd"), "zone", "../passwd"),
        (CalendarConfig(zone=""), "zone", ""),
    ],
)
def test_what_is_not_known_is_refused(config: CalendarConfig, field: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Calendar(config)
    assert (caught.value.field, caught.value.value) == (field, value)
    assert caught.value.remedy
