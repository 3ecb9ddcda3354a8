"""When an entity that is silent gets a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.entity import StoredTimers
from streams.core.kernel.timers import TICK, Due, Timers
from streams.errors import Unavailable
from streams.records import Command, Record
from streams.runtime.ticker import REPEAT_MS, Ticker, keep_ticking


class Clock:
    def __init__(self) -> None:
        self.now = 5_000_000

    def __call__(self) -> int:
        return self.now


def test_event_time_runs_on_at_the_pace_of_the_wall() -> None:
    clock = Clock()
    ticker = Ticker(clock)
    assert ticker.due({"svc": Due(at=1_500, clock=1_000, entity_type="service")}) == []
    clock.now += 499
    assert ticker.due({}) == []
    clock.now += 21
    [tick] = ticker.due({})
    assert (tick.entity_id, tick.command, tick.timestamp) == ("svc", TICK, 1_520)


def test_a_record_starts_the_time_anew() -> None:
    clock = Clock()
    ticker = Ticker(clock)
    ticker.due({"svc": Due(1_500, 1_000, "service")})
    clock.now += 400
    assert ticker.due({"svc": Due(1_500, 1_050, "service")}) == []
    clock.now += 449
    assert ticker.due({}) == []
    clock.now += 1
    assert len(ticker.due({})) == 1


def test_a_wake_up_is_answered_once_until_it_is_taken_as_lost() -> None:
    clock = Clock()
    ticker = Ticker(clock)
    wakes = {"svc": Due(1_000, 1_000, "service")}
    first = ticker.due(wakes)
    assert len(first) == 1
    assert ticker.due(wakes) == []
    clock.now += REPEAT_MS
    again = ticker.due({})
    assert len(again) == 1
    assert again[0].command_id != first[0].command_id


def test_what_is_overdue_gets_its_tick_at_once_and_not_in_the_past() -> None:
    wakes = {"svc": Due(at=900, clock=1_000, entity_type="loop")}
    [tick] = Ticker(Clock()).due(wakes)
    assert tick.timestamp == 1_000
    assert tick.entity_type == "loop"


def test_entities_without_a_wake_up_are_forgotten() -> None:
    clock = Clock()
    ticker = Ticker(clock)
    wakes = {"svc": Due(2_000, 1_000, "service")}
    ticker.due(wakes)
    clock.now += 5_000
    assert ticker.due({"svc": None}) == []
    assert ticker.due({}) == []
    assert ticker.due(wakes) == []


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, REPEAT_MS // 21),
            st.dictionaries(
                st.sampled_from("abc"), st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))
            ),
        ),
        max_size=20,
    )
)
def test_every_moment_gets_one_tick_whatever_changes_in_between(steps: Any) -> None:
    """Beside a plain model that looks at every entity each time."""
    clock, known, ticked = Clock(), dict[str, tuple[Due, int]](), set[tuple[str, Due]]()
    ticker = Ticker(clock)
    for pause, changes in steps:
        clock.now += pause
        dues: dict[str, Due | None] = {}
        for name, said in changes.items():
            due = None if said is None else Due(1_000 * sum(said), 1_000 * said[0], "service")
            before = known.pop(name, None)
            dues[name] = due
            if due is not None:
                heard = before[1] if before and before[0].clock == due.clock else clock.now
                known[name] = due, heard
                if before is None or before[0] != due:
                    ticked.discard((name, due))
        expected = {
            name
            for name, (due, heard) in known.items()
            if clock.now - heard >= due.at - due.clock and (name, due) not in ticked
        }
        found = ticker.due(dues)
        assert {tick.entity_id for tick in found} == expected
        assert len(found) == len(expected)
        ticked |= {(name, known[name][0]) for name in expected}


class Shaky:
    """Stands for engine, partition and publisher; the first write fails."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.timers.restore(StoredTimers(entity_id="svc", clock=1_000, timers={"cycle": 1_000}))
        self.loaded: list[int] = []
        self.tries = 0
        self.written: asyncio.Future[Command] = asyncio.get_running_loop().create_future()

    def partition(self, _number: int) -> Shaky:
        return self

    async def load_timers(self, number: int) -> None:
        self.loaded.append(number)

    async def publish(self, topic: str, ticks: Sequence[Record]) -> None:
        self.tries += 1
        if self.tries == 1:
            raise Unavailable("the broker is away", field="topic", value=topic, remedy="wait")
        if not self.written.done():
            self.written.set_result(ticks[0])


@pytest.mark.spec("S1-010")
async def test_a_pass_that_fails_does_not_end_the_loop() -> None:
    shaky, clock = Shaky(), Clock()

    def later() -> int:
        clock.now += REPEAT_MS
        return clock.now

    parts: Any = shaky
    ticking = asyncio.create_task(
        keep_ticking(parts, lambda: frozenset({3}), shaky.publish, later, 0.001, 60)
    )
    async with asyncio.timeout(10):
        tick = await shaky.written
    ticking.cancel()
    assert tick.entity_id == "svc"
    assert shaky.tries >= 2
    assert shaky.loaded == [3]
