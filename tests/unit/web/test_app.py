from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

import streams
from streams.errors import StateError
from streams.web import Health, WebOptions, create_app
from tests.kits.web.memory import MemorySource


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def web(
    source: MemorySource, registry: CollectorRegistry
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(source, registry, WebOptions())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def error(response: httpx.Response) -> dict[str, object]:
    body = response.json()["error"]
    assert set(body) == {"message", "field", "value", "remedy"}
    assert body["message"]
    return body


@pytest.mark.spec("S1-147")
async def test_health_and_api_say_who_answers_and_how_it_is(web: httpx.AsyncClient) -> None:
    before = time.time_ns() // 1_000_000
    health, api = await web.get("/health"), await web.get("/api")

    assert (health.status_code, api.status_code) == (200, 200)
    assert health.json()["status"] == "ok"
    assert before <= health.json()["timestamp"] <= time.time_ns() // 1_000_000
    assert api.json() == {
        "name": "goalstream",
        "version": streams.__version__,
        "features": ["health", "metrics", "tables", "forecasting", "autonomous", "dashboard"],
        "status": "ok",
        "tables": ["suggestions", "metric_state", "goals"],
    }


async def test_a_dead_worker_is_not_live(web: httpx.AsyncClient, source: MemorySource) -> None:
    source.alive = Health(False, "no progress for 60 s", {"phase": "stalled"})

    live = await web.get("/health/live")

    assert live.status_code == 503
    assert live.json() == {
        "ok": False,
        "reason": "no progress for 60 s",
        "detail": {"phase": "stalled"},
    }
    summary = await web.get("/health")
    assert (summary.status_code, summary.json()["status"]) == (503, "failing")


async def test_a_recovering_worker_is_live_and_not_ready(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.is_ready = Health(False, "recovering", {"phase": "recovery", "done": 0.5})

    assert (await web.get("/health/live")).status_code == 200
    ready = await web.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["detail"] == {"phase": "recovery", "done": 0.5}
    summary = await web.get("/health")
    assert (summary.status_code, summary.json()["status"]) == (200, "not_ready")


async def test_metrics_of_the_registry(web: httpx.AsyncClient, registry: CollectorRegistry) -> None:
    Counter("goalstream_records", "Records", ["topic"], registry=registry).labels("metrics").inc(3)

    response = await web.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain")
    assert 'goalstream_records_total{topic="metrics"} 3.0' in response.text


async def test_tables_say_what_their_keys_are(web: httpx.AsyncClient) -> None:
    tables = (await web.get("/tables")).json()["tables"]

    assert tables[1] == {
        "name": "metric_state",
        "description": "What is known of a metric",
        "key": "entity/metric",
        "by_entity": True,
        "href": "/tables/metric_state",
    }


async def test_a_row_by_a_key_with_a_slash(web: httpx.AsyncClient, source: MemorySource) -> None:
    source.put("metric_state", "api/cpu", {"value": 0.5})

    response = await web.get("/tables/metric_state/api/cpu")

    assert response.json() == {"table": "metric_state", "key": "api/cpu", "value": {"value": 0.5}}
    assert (await web.head("/tables/metric_state/api/cpu")).status_code == 200


async def test_a_missing_row_of_an_owned_partition_is_404(web: httpx.AsyncClient) -> None:
    response = await web.get("/tables/suggestions/nobody")

    assert response.status_code == 404
    assert (error(response)["field"], error(response)["value"]) == ("key", "nobody")


@pytest.mark.parametrize("path", ["/tables/suggestions/abc", "/tables/goals/g1"])
async def test_a_row_that_may_be_elsewhere_is_503(
    web: httpx.AsyncClient, source: MemorySource, path: str
) -> None:
    source.mine = frozenset({0, 1, 2})

    response = await web.get(path)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert error(response)["field"] == "key"


@pytest.mark.parametrize("path", ["/tables/suggestions/abc", "/tables/goals/g1"])
async def test_before_the_partitions_are_known_nothing_is_missing(
    web: httpx.AsyncClient, source: MemorySource, path: str
) -> None:
    source.count, source.mine = 0, frozenset()

    assert (await web.get(path)).status_code == 503
    assert not (await web.get("/tables/goals")).json()["complete"]


async def test_pages_follow_each_other(web: httpx.AsyncClient, source: MemorySource) -> None:
    for number in range(5):
        source.put("suggestions", f"e{number}", number)

    first = (await web.get("/tables/suggestions", params={"limit": 3})).json()
    second = (
        await web.get("/tables/suggestions", params={"limit": 3, "after": first["next"]})
    ).json()

    assert [item["key"] for item in first["items"]] == ["e0", "e1", "e2"]
    assert [item["value"] for item in second["items"]] == [3, 4]
    assert second["next"] is None
    assert (first["partitions"], first["complete"]) == ([0, 1, 2, 3], True)


async def test_a_listing_of_some_partitions_is_not_complete(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.mine = frozenset({1})

    listing = (await web.get("/tables/suggestions")).json()

    assert (listing["partitions"], listing["complete"]) == ([1], False)


async def test_a_page_has_a_hundred_rows_unless_told(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    for number in range(101):
        source.put("suggestions", f"e{number:03}", number)

    assert len((await web.get("/tables/suggestions")).json()["items"]) == 100


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "", "1e2", "²", "9" * 5000])
async def test_a_bad_limit_is_refused(web: httpx.AsyncClient, limit: str) -> None:
    response = await web.get("/tables/suggestions", params={"limit": limit})

    assert response.status_code == 400
    assert error(response)["field"] == "limit"
    assert error(response)["remedy"] == "use 1 to 1000"
    assert len(response.content) < 1000


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/tables/suggestions?lmit=3", "lmit"),
        ("/tables/suggestions?limit=3&limit=4", "limit"),
        ("/tables/suggestions?all=yes", "all"),
        ("/tables/suggestions/e1?limit=3", "limit"),
        ("/tables?all=true", "all"),
        ("/tables/suggestions/", "key"),
        ("/tables/suggestions/a%0A", "path"),
        ("/tables/suggestions/a%00b", "path"),
    ],
)
async def test_bad_requests_name_the_field(web: httpx.AsyncClient, path: str, field: str) -> None:
    response = await web.get(path)

    assert response.status_code == 400
    assert error(response)["field"] == field
    assert error(response)["remedy"]


async def test_a_key_that_the_source_refuses_is_400(web: httpx.AsyncClient) -> None:
    response = await web.get("/tables/metric_state/api")

    assert response.status_code == 400
    assert error(response)["remedy"] == "entity/metric"


@pytest.mark.parametrize("path", ["/tables/gaols", "/tables/gaols/e1"])
async def test_an_unknown_table_lists_the_known(web: httpx.AsyncClient, path: str) -> None:
    response = await web.get(path)

    assert response.status_code == 404
    assert (error(response)["field"], error(response)["value"]) == ("table", "gaols")
    assert error(response)["remedy"] == "use one of: goals, metric_state, suggestions"


@pytest.mark.parametrize("path", ["/", "/table", "/health/", "/docs", "/tables/"])
async def test_an_unknown_path_is_404_without_redirect(web: httpx.AsyncClient, path: str) -> None:
    response = await web.get(path)

    assert response.status_code == 404
    assert (error(response)["field"], error(response)["value"]) == ("path", path)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/tables/suggestions/e1", "/health/live", "/metrics"])
async def test_nothing_can_be_changed(web: httpx.AsyncClient, method: str, path: str) -> None:
    response = await web.request(method, path)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert error(response)["value"] == method


async def test_a_bug_tells_nothing_of_the_inside(web: httpx.AsyncClient) -> None:
    response = await web.get("/tables/suggestions/bug")

    assert response.status_code == 500
    assert "secret" not in response.text
    assert error(response)["message"] == "internal error"


async def test_state_that_cannot_be_read_is_503(
    web: httpx.AsyncClient, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(table: str, key: str) -> object:
        raise StateError("damaged", field="state", value="dir", remedy="delete it")

    monkeypatch.setattr(source, "get", fail)

    response = await web.get("/tables/suggestions/e1")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert error(response)["remedy"] == "delete it"


@pytest.mark.parametrize(
    "path",
    ["/health/live", "/metrics", "/api", "/none", "/tables?x=1", "/tables/suggestions/bug"],
)
async def test_every_answer_is_protected_in_browsers(web: httpx.AsyncClient, path: str) -> None:
    headers = (await web.get(path, headers={"Origin": "https://evil.example"})).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in headers if name.startswith("access-control-")]
