"""The recorded series, on one common fortnight and in the order of their times."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from streams.demo.scenario import DAYS, ORIGIN, Resource
from streams.wire.resources import resource as packaged

_WEEK = timedelta(weeks=1)


class Reading(NamedTuple):
    """One row of a series."""

    timestamp: int
    """Event time, ms."""
    resource: Resource
    value: float
    """As recorded."""


def timeline(resources: Iterable[Resource]) -> list[Reading]:
    """The rows of all series up to DAYS after ORIGIN.

    The series were recorded in different months. Each is moved by whole weeks, so that hour and
    weekday stay as they were. Raises UnknownName when a file is missing.
    """
    rows = [row for resource in resources for row in _moved(resource)]
    return sorted(rows, key=lambda row: (row.timestamp, row.resource.entity_id))


def _moved(resource: Resource) -> Iterator[Reading]:
    rows = list(_recorded(resource))
    shift = round((ORIGIN - rows[0][0]) / _WEEK) * _WEEK
    end = ORIGIN + timedelta(days=DAYS)
    for time, value in rows:
        if time + shift < end:
            yield Reading(int((time + shift).timestamp() * 1000), resource, value)


def _recorded(resource: Resource) -> Iterator[tuple[datetime, float]]:
    path = packaged(f"examples/data/{resource.file}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for time_text, value_text in rows:
            time = datetime.fromisoformat(time_text).replace(tzinfo=UTC)
            if resource.since is None or time >= resource.since:
                yield time, float(value_text)
