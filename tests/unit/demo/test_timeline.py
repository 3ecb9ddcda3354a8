"""The recorded series on their common fortnight, and the clock that runs through it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.demo.clock import MOST_HASTE, MOST_STEP_MS, ReplayClock
from streams.demo.pace import MOST_LAG_MS, MOST_WAIT_SECONDS, ClockGate
from streams.demo.scenario import DAYS, ORIGIN, RESOURCES, Resource
from streams.demo.series import timeline
from streams.errors import UnknownName
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


class Wall:
    """Time of the wall, s."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_clock_waits_then_runs_evenly_then_stops() -> None:
    wall = Wall()
    clock = ReplayClock(1_000, 3_000, 4.0, wall)
    wall.now = 200.0
    assert (clock.now_ms(), clock.progress, clock.elapsed) == (1_000, 0.0, 0.0)
    clock.run()
    wall.now = 201.0
    clock.advance()
    assert (clock.now_ms(), clock.progress) == (1_500, 0.25)
    for _ in range(10):
        wall.now += 1.0
        clock.advance()
    assert (clock.now_ms(), clock.progress) == (3_000, 1.0)


def test_the_clock_makes_up_for_the_time_that_it_stood() -> None:
    wall = Wall()
    clock = ReplayClock(0, 4_000, 4.0, wall)
    clock.run()
    wall.now += 2.0
    clock.hold()
    assert clock.now_ms() == 0
    wall.now += 1.0
    clock.advance()
    assert clock.now_ms() == 2_000
    wall.now += 1.0
    clock.advance()
    assert (clock.now_ms(), clock.elapsed) == (4_000, 4.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=30))
def test_the_clock_never_goes_back_nor_too_fast(moves: list[tuple[bool, float]]) -> None:
    wall = Wall()
    clock = ReplayClock(5, 10_005, 10.0, wall)
    clock.run()
    before = clock.now_ms()
    for moving, passed in moves:
        wall.now += passed
        (clock.advance if moving else clock.hold)()
        now = clock.now_ms()
        assert now - before <= MOST_STEP_MS
        assert before <= now <= min(10_005, before + MOST_HASTE * 1_000 * passed * moving + 1)
        before = now


def test_the_clock_does_not_leap_after_a_pause_of_the_program() -> None:
    wall = Wall()
    clock = ReplayClock(0, 100 * MOST_STEP_MS, 1.0, wall)
    clock.run()
    wall.now += 0.5
    clock.advance()
    assert clock.now_ms() == MOST_STEP_MS


class Scene:
    """What the engine has learned of a resource, and its plans."""

    def __init__(self) -> None:
        self.wall = Wall()
        self.learned: int | None = None
        self.plans: dict[str, str] = {}
        self.pace = ClockGate(self, self.wall)

    def newest(self, entity: str, metric: str) -> int:
        if self.learned is None:
            raise UnknownName("no values", field="metric", value=metric, remedy="send some")
        return self.learned

    def scan(self, table: str, after: str, limit: int) -> tuple[list[tuple[str, object]], bool]:
        assert (table, after) == ("plans", "")
        rows: list[tuple[str, object]] = [
            (key, {"status": status}) for key, status in self.plans.items()
        ]
        return rows[:limit], False

    def waits(self, sent: int = 0) -> bool:
        return self.pace.must_wait({RESOURCES[0]: sent})


def test_the_clock_waits_for_what_was_not_learned_yet() -> None:
    scene = Scene()
    assert not scene.waits(9 * MOST_LAG_MS)
    scene.learned = 8 * MOST_LAG_MS
    assert not scene.waits(9 * MOST_LAG_MS)
    assert scene.waits(9 * MOST_LAG_MS + 1)


def test_the_clock_waits_for_plans_but_not_for_ever() -> None:
    scene = Scene()
    assert not scene.waits()
    scene.plans["a"] = "running"
    assert scene.waits()
    scene.wall.now += MOST_WAIT_SECONDS - 0.1
    assert scene.waits()
    scene.wall.now += 0.2
    assert not scene.waits()


def test_each_plan_gets_its_own_time() -> None:
    scene = Scene()
    for number in range(3):
        scene.plans[str(number)] = "running"
        assert scene.waits()
        scene.wall.now += MOST_WAIT_SECONDS - 0.1
        assert scene.waits()
        scene.plans[str(number)] = "done"
        assert not scene.waits()
