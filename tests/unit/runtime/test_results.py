"""What became of a record is told to whoever waits for it."""

from __future__ import annotations

import asyncio

import pytest

from streams.core.kernel.emission import Rejection
from streams.runtime.results import APPLIED, Result, Results

SOON, LONG = 0.01, 20.0


@pytest.fixture
def results() -> Results:
    return Results()


async def test_what_was_handled_is_known_at_once(results: Results) -> None:
    results.note("commands", 1, 5, 9, [Rejection(7, "plan_ended", "it is over")])

    assert await results.of("commands", 1, 5, LONG) is APPLIED
    assert await results.of("commands", 1, 7, LONG) == Result("plan_ended", "it is over")


async def test_others_are_waited_for(results: Results) -> None:
    waiting = asyncio.create_task(results.of("commands", 1, 3, LONG))
    await asyncio.sleep(0)
    results.note("commands", 0, 0, 9, [])
    results.note("goals", 1, 0, 9, [])
    results.note("commands", 1, 0, 2, [])
    await asyncio.sleep(0)
    assert not waiting.done()
    results.note("commands", 1, 3, 3, [Rejection(3, "unknown_goal", "name one")])

    assert await waiting == Result("unknown_goal", "name one")


async def test_nothing_is_said_of_what_others_have_handled(results: Results) -> None:
    results.note("commands", 1, 5, 9, [])
    assert await results.of("commands", 1, 4, LONG) is None
    results.forget()
    assert await results.of("commands", 1, 5, SOON) is None


async def test_refusals_are_bounded_and_never_become_good(results: Results) -> None:
    for offset in range(3_000):
        results.note("commands", 0, offset, offset, [Rejection(offset, "no", "")])

    told = [await results.of("commands", 0, offset, SOON) for offset in range(3_000)]
    assert told[:2_000] == [None] * 2_000
    assert told[2_000:] == [Result("no")] * 1_000
