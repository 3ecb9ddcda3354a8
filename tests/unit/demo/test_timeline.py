"""The recorded series on their common fortnight, and the clock that runs through it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from streams.demo.clock import ReplayClock
from streams.demo.scenario import DAYS, ORIGIN, RESOURCES, Resource
from streams.demo.series import timeline
from streams.wire.resources import resource as packaged

WEEK_MS = 7 * 24 * 3_600_000


def recorded(resource: Resource) -> list[tuple[int, float]]:
    with packaged(f"examples/data/{resource.file}").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [(milliseconds(time), float(value)) for time, value in rows]


def milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000)


def test_readings_come_in_the_order_of_their_times() -> None:
    readings = timeline(RESOURCES)
    assert all(one.timestamp <= other.timestamp for one, other in pairwise(readings))
    assert 15_000 < len(readings) < 60_000
    begin, end = ORIGIN - timedelta(weeks=1), ORIGIN + timedelta(days=DAYS)
    assert begin.timestamp() * 1000 <= readings[0].timestamp
    assert readings[-1].timestamp < end.timestamp() * 1000


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.entity_id)
def test_a_series_is_moved_by_whole_weeks_and_else_unchanged(resource: Resource) -> None:
    readings = timeline([resource])
    values = dict(recorded(resource))
    shift = next(
        weeks * WEEK_MS
        for weeks in range(-120, 120)
        if readings[0].timestamp - weeks * WEEK_MS in values
        and readings[0].value == values[readings[0].timestamp - weeks * WEEK_MS]
    )
    assert all(values[row.timestamp - shift] == row.value for row in readings[:2000:7])
    assert len(readings) > 3000


def test_the_licence_of_the_data_is_beside_them() -> None:
    assert "Numenta" in packaged("examples/data/LICENSE.txt").read_text(encoding="utf-8")


def test_the_clock_waits_then_runs_evenly_then_stops() -> None:
    now = 100.0
    clock = ReplayClock(1_000, 3_000, 4.0, lambda: now)
    now = 200.0
    assert (clock.now_ms(), clock.progress) == (1_000, 0.0)
    clock.run()
    now = 201.0
    assert (clock.now_ms(), clock.progress) == (1_500, 0.25)
    now = 300.0
    assert (clock.now_ms(), clock.progress) == (3_000, 1.0)
