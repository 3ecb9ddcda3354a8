"""What a moment is to people: hour, weekday, holiday."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from streams.core.kernel.checks import Elsewhere
from streams.errors import ConfigError

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""Holidays are known in these years; moments before or after are taken as their first or last."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(FIRST_YEAR, 1, 2, tzinfo=UTC), datetime(LAST_YEAR, 12, 30, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_RANGE_MS = ((_FIRST - _EPOCH) // _MS, (_LAST - _EPOCH) // _MS)


@dataclass(frozen=True, slots=True)
class CalendarConfig:
    """Whose calendar it is."""

    country: str = ""
    """ISO 3166-1 code such as DE; empty for a calendar without holidays."""
    subdivision: str = ""
    """State or region of the country, such as BY."""
    zone: Annotated[str, Elsewhere()] = "UTC"
    """IANA time zone of hours and days."""


class Calendar:
    """Hours, weekdays and public holidays in local time.

    Made once, at start: then the zone is loaded and the holidays of all years are worked out.
    Asking is a look-up. Raises ConfigError for a country, subdivision or zone that is not known.
    """

    def __init__(self, config: CalendarConfig | None = None) -> None:
        config = config or CalendarConfig()
        self._zone = _zone(config.zone)
        self._names = _names(config)
        self.has_holidays = bool(config.country)

    def hour(self, timestamp: int) -> float:
        """Time of the day at ``timestamp`` (ms), in hours, 0 to below 24."""
        moment = self._local(timestamp)
        return moment.hour + moment.minute / 60 + moment.second / 3600

    def weekday(self, timestamp: int) -> int:
        """0 for Monday to 6 for Sunday."""
        return self._local(timestamp).weekday()

    def holiday(self, timestamp: int) -> str:
        """Name of the public holiday; empty when there is none."""
        return self._names.get(self._local(timestamp).date(), "")

    def _local(self, timestamp: int) -> datetime:
        within = min(max(timestamp, _RANGE_MS[0]), _RANGE_MS[1])
        return (_EPOCH + within * _MS).astimezone(self._zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            "no such time zone", field="zone", value=name, remedy="use a name such as Europe/Berlin"
        ) from error


def _names(config: CalendarConfig) -> dict[date, str]:
    """Names of the holidays by their date."""
    if not (config.country or config.subdivision):
        return {}
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    with warnings.catch_warnings():
        # where a calendar follows the moon, fewer years are known than are asked for
        warnings.simplefilter("ignore")
        try:
            subdivision = config.subdivision or None
            return dict(holidays.country_holidays(config.country, subdivision, years=years))
        except NotImplementedError as error:
            raise ConfigError(
                "no holidays are known for this country or subdivision",
                field="country",
                value="-".join(filter(None, (config.country, config.subdivision))),
                remedy="use a code of ISO 3166-1 such as DE, and one of its parts such as BY",
            ) from error
