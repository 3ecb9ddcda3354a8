"""Patterns in the events of a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from streams.core.config import CoreConfig
from streams.core.patterns.config import PatternConfig
from streams.records import Event
from streams.web.resources.knowledge import EVENTS_MAX
from streams.web.worker_source import WorkerSource
from tests.kits.web.group import TOKEN, Group
from tests.kits.web.memory import MemorySource
from tests.kits.web.series import HOUR, START

API = "/api/forecasting/patterns/analyze"


def hourly(count: int) -> list[dict[str, object]]:
    return [{"event_type": "backup", "timestamp": START + k * HOUR} for k in range(count)]


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def web(source: MemorySource) -> httpx.AsyncClient:
    return Group().add("localhost", source)


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


async def test_an_hourly_event_recurs(web: httpx.AsyncClient, source: MemorySource) -> None:
    response = await web.post(API, json={"events": hourly(12), "entity": "shop"})

    assert response.status_code == 200
    body = response.json()
    (found,) = body["patterns"]
    assert (found["pattern_type"], found["entity_id"]) == ("recurring_task", "shop")
    assert found["description"] == "backup recurs every 1 hours"
    assert found["confidence"] == 1.0
    assert body["warnings"] == []
    assert (source.topics, source.rows) == ({}, {})


async def test_the_order_and_the_form_of_the_times_do_not_matter(web: httpx.AsyncClient) -> None:
    written = [
        {"event_type": "backup", "timestamp": f"2026-01-01T{k:02}:00:00Z"} for k in range(12)
    ]

    answers = [
        (await web.post(API, json={"events": events})).json()
        for events in (hourly(12), hourly(12)[::-1], written)
    ]

    assert answers[0]["patterns"]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.spec("S1-037")
@pytest.mark.parametrize("count", [0, 1, 9])
async def test_few_events_are_an_empty_list_and_a_warning(
    web: httpx.AsyncClient, count: int
) -> None:
    response = await web.post(API, json={"events": hourly(count)})

    assert response.status_code == 200
    body = response.json()
    assert body["patterns"] == []
    assert body["warnings"] == [f"{count} events are too few; 10 are needed"]


async def test_metadata_names_the_user(web: httpx.AsyncClient) -> None:
    day = 24 * HOUR
    events = [
        {
            "event_type": f"report {k}",
            "timestamp": START + 9 * HOUR + k * day,
            "metadata": {"user_id": "zoe"},
        }
        for k in range(30)
    ]

    found = (await web.post(API, json={"events": events})).json()["patterns"]

    habits = [pattern for pattern in found if pattern["pattern_type"] == "user_behavior"]
    assert ["zoe" in pattern["description"] for pattern in habits] == [True]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "events"),
        ({"events": {}}, 422, "events"),
        ({"events": [{"event_type": "a"}]}, 422, "events[0].timestamp"),
        ({"events": [{"timestamp": START}]}, 422, "events[0].event_type"),
        ({"events": [{"event_type": "a", "timestamp": 0}]}, 422, "events[0].timestamp"),
        (
            {"events": [*hourly(1), {"event_type": "a", "timestamp": "1969-12-31T00:00:00Z"}]},
            422,
            "events[1].timestamp",
        ),
        ({"events": [{"event_type": "a", "timestamp": START, "x": 1}]}, 422, "events[0].x"),
        ({"events": [], "entity_id": ""}, 422, "entity_id"),
    ],
)
async def test_what_does_not_fit_is_named(
    web: httpx.AsyncClient, body: dict[str, object], status: int, field: str
) -> None:
    assert error(await web.post(API, json=body)) == (status, field)


async def test_the_most_that_is_accepted(web: httpx.AsyncClient) -> None:
    events = [{"event_type": "a", "timestamp": START + k} for k in range(EVENTS_MAX + 1)]

    assert (await web.post(API, json={"events": events[:-1]})).status_code == 200
    assert error(await web.post(API, json={"events": events})) == (422, "events")


async def test_it_needs_the_token_of_readers_only() -> None:
    web = Group(token=TOKEN).add("localhost", MemorySource())
    body = {"events": hourly(12)}

    without = await web.post(API, json=body)
    authorized = await web.post(API, json=body, headers={"Authorization": f"Bearer {TOKEN}"})

    assert (without.status_code, authorized.status_code) == (401, 200)


def test_a_worker_judges_by_its_own_configuration() -> None:
    config = CoreConfig(patterns=PatternConfig(min_events=13))
    worker = SimpleNamespace(views=None, core=config)
    source = WorkerSource(cast("Any", worker))
    events = [
        Event(entity_id="shop", event_id=str(k), event_type="backup", timestamp=START + k * HOUR)
        for k in range(13)
    ]

    assert source.analyse(events[:-1]).warnings == ("12 events are too few; 13 are needed",)
    assert [found.entity_id for found in source.analyse(events).patterns] == ["shop"]
