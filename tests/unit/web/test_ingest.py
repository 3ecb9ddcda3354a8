"""Metrics and events over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import Event, Metric, Tag
from streams.web.http import requests
from streams.web.http.errors import Refused
from streams.web.http.requests import message_of
from streams.web.resources.ingest import MetricBatch
from tests.kits.web.group import TOKEN, Group
from tests.kits.web.memory import MemorySource

API = "/api/forecasting"
PAST = 1_767_225_600_000
METRIC = {"entity_id": "shop", "name": "load", "value": 0.5}
EVENT = {"entity_id": "shop", "event_type": "user_login"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
async def web(source: MemorySource) -> AsyncIterator[httpx.AsyncClient]:
    async with Group(token=TOKEN).add("localhost", source) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


# --- what is written -----------------------------------------------------------------------


@pytest.mark.spec("S1-013")
@pytest.mark.parametrize(
    "timestamp", [PAST, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00"]
)
async def test_a_past_timestamp_is_kept(
    web: httpx.AsyncClient, source: MemorySource, timestamp: object
) -> None:
    response = await web.post(f"{API}/metrics", json=METRIC | {"timestamp": timestamp})

    assert response.status_code == 202
    assert response.json() == {
        "accepted": 1,
        "topic": "test.metrics",
        "records": [{"partition": 0, "offset": 0, "timestamp": PAST}],
    }
    assert source.written("metrics", Metric) == [
        Metric(entity_id="shop", timestamp=PAST, name="load", value=0.5)
    ]


@pytest.mark.spec("S1-013")
async def test_without_a_timestamp_it_is_now(web: httpx.AsyncClient, source: MemorySource) -> None:
    before = time.time_ns() // 1_000_000
    await web.post(f"{API}/metrics", json={"entity": "shop", "metric_name": "load", "value": 1})

    (metric,) = source.written("metrics", Metric)
    assert before <= metric.timestamp <= time.time_ns() // 1_000_000


async def test_every_field_of_a_metric_arrives(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    more = {"unit": "%", "source": "probe", "entity_type": "agent", "correlation_id": "c"}
    message = METRIC | more | {"timestamp": PAST, "tags": {"zone": "ü"}}

    assert (await web.post(f"{API}/metrics", json=message)).status_code == 202

    (metric,) = source.written("metrics", Metric)
    fields = msgspec.to_builtins(metric) | {"tags": {"zone": "ü"}}
    assert fields == message | {"schema_version": 1}
    assert isinstance(metric, Metric)
    assert metric.tags == (Tag("zone", "ü"),)


@pytest.mark.spec("S1-014")
async def test_metadata_of_an_event_is_intact(web: httpx.AsyncClient, source: MemorySource) -> None:
    metadata = {"user": "Zoë", "path": "/a?b=c", "": "empty", "lines": "one\ntwo"}
    message = EVENT | {"metadata": metadata, "timestamp": PAST, "event_id": "e1"}

    response = await web.post(f"{API}/events", json=message)

    assert response.json()["records"][0]["event_id"] == "e1"
    assert source.written("events", Event) == [
        Event(
            entity_id="shop",
            timestamp=PAST,
            event_id="e1",
            event_type="user_login",
            metadata=metadata,
        )
    ]


async def test_two_events_without_an_id_are_two(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    answers = [await web.post(f"{API}/events", json=EVENT | {"timestamp": PAST}) for _ in range(2)]

    told = [answer.json()["records"][0]["event_id"] for answer in answers]
    events = source.written("events", Event)
    assert told == [event.event_id for event in events if isinstance(event, Event)]
    assert len(set(told)) == 2


async def test_a_batch_keeps_its_order(web: httpx.AsyncClient, source: MemorySource) -> None:
    batch = [METRIC | {"value": number, "timestamp": PAST + number} for number in range(1000)]

    response = await web.post(f"{API}/metrics/batch", json={"metrics": batch})

    assert response.json()["accepted"] == 1000
    assert [record["offset"] for record in response.json()["records"]] == list(range(1000))
    assert [metric.timestamp - PAST for metric in source.written("metrics", Metric)] == list(
        range(1000)
    )


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.spec("S1-017")
@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"value": "x"}, "value"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 0}, "timestamp"),
        ({"timestamp": "1969-12-31T00:00:00Z"}, "timestamp"),
        ({"metric": "load"}, "metric"),
    ],
)
async def test_with_one_bad_of_three_none_is_accepted(
    web: httpx.AsyncClient, source: MemorySource, bad: dict[str, object], field: str
) -> None:
    batch = {"metrics": [METRIC, METRIC | bad, METRIC]}

    response = await web.post(f"{API}/metrics/batch", json=batch)

    assert error(response) == (422, f"metrics[1].{field}")
    assert source.topics == {}


@pytest.mark.spec("S1-019")
@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"value": "x"}, "value"),
        ({"value": None}, "value"),
        ({"value": True}, "value"),
        ({"name": ""}, "name"),
        ({"name": "a\x1fb"}, "name"),
        ({"entity_id": "a" * 513}, "entity_id"),
        ({"entity_id": 5}, "entity_id"),
        ({"timestamp": PAST / 7}, "timestamp"),
        ({"timestamp": PAST * 1000}, "timestamp"),
        ({"timestamp": PAST // 1000}, "timestamp"),
        ({"tags": {"a": 1}}, "tags[...]"),
        ({"tags": []}, "tags"),
        ({"nmae": "x"}, "nmae"),
    ],
)
async def test_bad_metrics_are_422_with_the_field(
    web: httpx.AsyncClient, source: MemorySource, bad: dict[str, object], field: str
) -> None:
    response = await web.post(f"{API}/metrics", json=METRIC | bad)

    assert error(response) == (422, field)
    assert response.json()["error"]["remedy"]
    assert source.topics == {}


@pytest.mark.parametrize(
    ("path", "body", "field", "remedy"),
    [
        ("events", EVENT | {"event_id": "c" * 400_000}, "event_id", "at most 256"),
        ("events", EVENT | {"source": "é" * 129}, "source", "at most 256"),
        ("events", EVENT | {"metadata": {"note": "x" * 8_193}}, "metadata.note", "at most 8192"),
        ("events", EVENT | {"metadata": {str(n): "" for n in range(300)}}, "metadata", "256"),
        ("metrics", METRIC | {"unit": "u" * 257}, "unit", "at most 256"),
        ("metrics", METRIC | {"tags": {"k": "x" * 300}}, "tags[0].value", "at most 256"),
        ("metrics/batch", {"metrics": [METRIC, METRIC | {"source": "s" * 300}]},
         "metrics[1].source", "at most 256"),
    ],
)  # fmt: skip
async def test_what_a_worker_would_not_take_is_422_with_the_field(
    web: httpx.AsyncClient, source: MemorySource, path: str, body: Any, field: str, remedy: str
) -> None:
    response = await web.post(f"{API}/{path}", json=body)
    assert error(response) == (422, field)
    assert remedy in response.json()["remedy"]
    assert len(response.content) < 2_000
    assert source.topics == {}


async def test_a_field_has_one_name_at_a_time(web: httpx.AsyncClient) -> None:
    message = {"entity_id": "shop", "metric": "a", "metric_name": "b", "value": 1}

    assert error(await web.post(f"{API}/metrics", json=message)) == (422, "metric_name")


async def test_a_long_unknown_name_is_not_repeated(web: httpx.AsyncClient) -> None:
    response = await web.post(f"{API}/metrics", json=METRIC | {"x" * 100_000: 1})

    assert response.status_code == 422
    assert len(response.content) < 1000


async def test_the_bad_value_is_shown(web: httpx.AsyncClient) -> None:
    batch = {"metrics": [METRIC, METRIC | {"value": "x"}]}

    body = (await web.post(f"{API}/metrics/batch", json=batch)).json()["error"]

    assert body["value"] == "x"
    assert body["message"] == "expected float, got str"


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_1_to_1000_metrics(
    web: httpx.AsyncClient, source: MemorySource, count: int
) -> None:
    response = await web.post(f"{API}/metrics/batch", json={"metrics": [METRIC] * count})

    assert error(response) == (422, "metrics")
    assert source.topics == {}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'{"value": NaN}', "body"),
        (b'{"value": 1e999}', "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
        (b'{"name": "\\ud800"}', "body"),
    ],
)
async def test_what_is_not_json_is_400(web: httpx.AsyncClient, content: bytes, field: str) -> None:
    response = await web.post(f"{API}/metrics", content=content, headers=JSON)

    assert error(response) == (400, field)


@pytest.mark.parametrize("content", [b"[]", b"5", b"null", b'"x"'])
async def test_json_of_another_form_is_422(web: httpx.AsyncClient, content: bytes) -> None:
    response = await web.post(f"{API}/metrics", content=content, headers=JSON)

    assert error(response) == (422, "body")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_only_json_is_read(web: httpx.AsyncClient, kind: str) -> None:
    response = await web.post(f"{API}/events", content=b"{}", headers={"Content-Type": kind})

    assert error(response) == (415, "Content-Type")


async def test_a_body_has_a_limit(web: httpx.AsyncClient, source: MemorySource) -> None:
    text = "x" * requests.BODY_BYTES
    response = await web.post(f"{API}/events", json=EVENT | {"metadata": {"a": text}})

    assert error(response) == (413, "body")
    assert source.topics == {}


async def test_a_body_must_arrive_in_time(
    web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.0)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    response = await web.post(f"{API}/events", content=slowly(), headers=JSON)

    assert error(response) == (408, "body")


# --- who may write -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/metrics/batch", "/events"])
async def test_without_a_token_file_nothing_is_written(path: str) -> None:
    source = MemorySource()
    web = Group().add("localhost", source)

    response = await web.post(f"{API}{path}", json=METRIC)

    assert error(response) == (403, "web.tokens_file")
    assert "goalstream token add" in response.json()["error"]["remedy"]
    assert source.topics == {}


@pytest.mark.parametrize("path", ["/metrics", "/metrics/batch", "/events"])
async def test_without_the_token_nothing_is_written(
    web: httpx.AsyncClient, source: MemorySource, path: str
) -> None:
    del web.headers["Authorization"]

    assert error(await web.post(f"{API}{path}", json=METRIC)) == (401, "Authorization")
    assert source.topics == {}


async def test_health_says_that_it_may_be_written(web: httpx.AsyncClient) -> None:
    assert (await web.get(f"{API}/health")).json()["writable"] is True


async def test_a_broker_that_is_away_is_503(web: httpx.AsyncClient, source: MemorySource) -> None:
    source.broken = True

    response = await web.post(f"{API}/metrics", json=METRIC)

    assert error(response) == (503, "topic")
    assert response.headers["retry-after"] == "1"


# --- any JSON ------------------------------------------------------------------------------

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OPTIONAL = ("name", "metric", "metric_name", "tags", "timestamp", "more")
NEARLY = st.fixed_dictionaries(
    {"entity_id": ANY_JSON | st.just("e"), "value": ANY_JSON | st.just(1.0)},
    optional=dict.fromkeys(
        ("name", "metric", "metric_name", "tags", "timestamp", "more"), ANY_JSON
    ),
)


@given(st.lists(NEARLY | ANY_JSON, max_size=3))
def test_a_batch_is_read_or_refused_with_a_field(items: list[Any]) -> None:
    refused: Refused | None = None
    batch = MetricBatch(metrics=[])
    try:
        batch = message_of({"metrics": items}, MetricBatch, strict=True)
    except Refused as error:
        refused = error

    if refused is None:
        assert len(batch.metrics) == len(items)
    else:
        assert refused.status == 422
        assert refused.field.startswith("metrics")
