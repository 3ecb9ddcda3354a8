"""Requests are answered with what became of them, whichever worker applies them."""

from __future__ import annotations

import httpx
import pytest

from streams.runtime.results import APPLIED, Result
from streams.web.http.access import PATIENCE, PATIENCE_MAX, patience_of
from tests.kits.web.agent import API, Telling, error
from tests.kits.web.group import TOKEN, Group

GOAL = {"entity_id": "shop", "target_metric": "load", "target_value": 0.5, "goal_id": "mine"}
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Prefer": "wait=1"}


@pytest.fixture
def source() -> Telling:
    return Telling()


@pytest.fixture
def web(source: Telling) -> httpx.AsyncClient:
    client = Group(token=TOKEN).add("localhost", source)
    client.headers.update(HEADERS)
    return client


async def test_an_applied_goal_is_shown_as_it_is_now(
    web: httpx.AsyncClient, source: Telling
) -> None:
    source.told["goals", 0, 0] = APPLIED
    source.add_goal("mine", target_value=0.5)

    answer = await web.post(f"{API}/goals", json=GOAL)

    assert (answer.status_code, answer.json()["status"]) == (200, "applied")
    assert answer.json()["effect"]["goal_id"] == "mine"
    assert answer.json()["effect"]["status"] == "active"


async def test_a_refusal_of_the_engine_is_told_with_its_reason(
    web: httpx.AsyncClient, source: Telling
) -> None:
    source.told["goals", 0, 0] = Result("invalid_goal", "name a metric")

    answer = await web.post(f"{API}/goals", json=GOAL)

    assert error(answer) == (409, "id")
    assert answer.json()["detail"] == "invalid_goal: name a metric"
    assert answer.json()["value"] == "mine"


async def test_what_nobody_has_handled_in_time_is_only_requested(
    web: httpx.AsyncClient, source: Telling
) -> None:
    answer = await web.post(f"{API}/goals", json=GOAL)

    assert (answer.status_code, answer.json()["status"]) == (202, "requested")
    assert answer.json()["effect"] is None
    assert source.asked


async def test_nobody_has_to_wait(web: httpx.AsyncClient, source: Telling) -> None:
    source.told["goals", 0, 0] = APPLIED

    answer = await web.post(f"{API}/goals", json=GOAL, headers={"Prefer": "respond-async"})

    assert (answer.status_code, answer.json()["status"]) == (202, "requested")
    assert source.asked == []


async def test_what_is_for_all_is_applied_when_every_partition_has_it(
    web: httpx.AsyncClient, source: Telling
) -> None:
    for partition in range(source.count):
        source.told["commands", partition, 0] = APPLIED
    applied = await web.post(f"{API}/mode", json={"mode": "act"})
    source.told["commands", 2, 1] = Result("invalid_mode", "no")
    refused = await web.post(f"{API}/mode", json={"mode": "act"})
    for partition in (0, 1, 3):
        source.told["commands", partition, 2] = APPLIED
    partly = await web.post(f"{API}/mode", json={"mode": "act"})

    assert (applied.status_code, applied.json()["status"]) == (200, "applied")
    assert refused.status_code == 409
    assert (partly.status_code, partly.json()["status"]) == (202, "requested")


async def test_the_worker_that_owns_the_partition_is_asked() -> None:
    group = Group(token=TOKEN)
    here, there = Telling(mine=frozenset({1, 2, 3})), Telling(mine=frozenset({0}))
    web = group.add("here", here, "there")
    group.add("there", there)
    web.headers.update(HEADERS)
    there.told["goals", 0, 0] = Result("goal_full", "close one")

    answer = await web.post(f"{API}/goals", json=GOAL)

    assert (answer.status_code, answer.json()["detail"]) == (409, "goal_full: close one")
    assert "/results/goals/0/0" in group.network.paths("there")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", PATIENCE),
        ("wait=3", 3.0),
        ("Wait = 3", 3.0),
        ("return=minimal, wait=3", 3.0),
        ("wait=9000", PATIENCE_MAX),
        ("wait=90000", PATIENCE),
        ("wait=-1", PATIENCE),
        ("wait=much", PATIENCE),
        ("await=3", PATIENCE),
        ("respond-async", 0.0),
        ("respond-async, wait=3", 0.0),
        ("not-respond-async", PATIENCE),
    ],
)
def test_how_long_to_wait_is_a_preference(header: str, seconds: float) -> None:
    assert patience_of(header) == seconds
