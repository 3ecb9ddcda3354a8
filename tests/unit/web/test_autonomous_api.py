"""The autonomous API as a whole: what it takes in, its description, its port."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry

from streams.records import Event, Metric
from streams.settings import Settings
from streams.web import WebOptions, WebServer, create_app
from tests.kits.pages import read
from tests.kits.web.agent import API, AgentSource, error, operator

FORECASTING = "/api/forecasting"
LOOPBACK = "127.53.0.3"
"""An address of this machine at which nobody else listens."""


@pytest.mark.spec("S1-140")
async def test_a_posted_metric_is_one_record() -> None:
    source = AgentSource()
    web = operator(source)

    response = await web.post(f"{API}/metrics", json={"metric_name": "load", "value": 0.5})

    assert response.status_code == 202
    (record,) = source.written("metrics", Metric)
    assert isinstance(record, Metric)
    assert (record.entity_id, record.name, record.value) == ("system", "load", 0.5)


@pytest.mark.spec("S1-141")
async def test_a_posted_event_is_one_record() -> None:
    source = AgentSource()
    web = operator(source)
    body = {"event_type": "deploy", "metadata": {"version": "7"}, "entity": "shop"}

    response = await web.post(f"{API}/events", json=body)

    assert response.status_code == 202
    (record,) = source.written("events", Event)
    assert isinstance(record, Event)
    assert (record.entity_id, record.event_type) == ("shop", "deploy")
    assert record.metadata == {"version": "7"}


async def test_a_timestamp_is_kept() -> None:
    source = AgentSource()
    body = {"metric_name": "load", "value": 0.5, "timestamp": "2026-01-01T00:00:00Z"}

    await operator(source).post(f"{API}/metrics", json=body)

    assert source.written("metrics", Metric)[0].timestamp == 1_767_225_600_000


async def test_openapi_describes_every_route() -> None:
    body = (await operator(AgentSource()).get("/openapi.json")).json()

    paths = body["paths"]
    expected = {
        "status": {"get"},
        "goals": {"get", "post"},
        "goals/{goal_id}": {"get"},
        "goals/{entity_id}/{goal_id}": {"get", "patch"},
        "goals/{entity_id}/{goal_id}/plan": {"get"},
        "goals/{entity_id}/{goal_id}/explanation": {"get"},
        "goals/{entity_id}/{goal_id}/cancel": {"post"},
        "goals/{entity_id}/{goal_id}/execute": {"post"},
        "plans": {"get"},
        "plans/{entity_id}/{plan_id}": {"get"},
        "plans/{entity_id}/{plan_id}/approve": {"post"},
        "plans/{entity_id}/{plan_id}/reject": {"post"},
        "approvals": {"get"},
        "predictions": {"get"},
        "analysis/trigger": {"post"},
        "mode": {"get", "post"},
        "metrics": {"post"},
        "events": {"post"},
        "report": {"get"},
        "executor/statistics": {"get"},
        "executor/insights": {"get"},
        "control/start": {"post"},
        "control/stop": {"post"},
        "control/kill": {"post"},
        "control/release": {"post"},
        "diagnosis": {"get"},
        "live": {"get"},
    }
    found = {
        path.removeprefix(f"{API}/"): set(methods)
        for path, methods in paths.items()
        if path.startswith(API)
    }
    assert found == expected
    assert set(paths[f"{FORECASTING}/goals/{{goal_id}}/progress"]) == {"put"}
    assert set(paths[f"{FORECASTING}/export"]) == {"post"}
    assert "GoalChange" in str(paths[f"{API}/goals/{{entity_id}}/{{goal_id}}"]["patch"])
    assert "text/event-stream" in str(paths[f"{API}/live"]["get"]["responses"]["200"])
    assert set(paths[f"{API}/goals"]["post"]["responses"]) == {"200", "202", "default"}


async def test_every_route_of_the_description_is_on_the_page() -> None:
    paths = (await operator(AgentSource()).get("/openapi.json")).json()["paths"]
    page = read("docs/reference/http.md")

    for path, methods in paths.items():
        short = path.removeprefix(API).removeprefix(FORECASTING)
        for name in ("_id", "_name"):
            short = short.replace(f"entity{name}}}", "entity}").replace(
                f"metric{name}}}", "metric}"
            )
        for method in methods:
            assert f"`{method.upper()} {short}" in page, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/goals/a/b", {"GET", "HEAD", "PATCH"}),
        ("GET", "/control/kill", {"POST"}),
        ("PUT", "/mode", {"GET", "HEAD", "POST"}),
    ],
)
async def test_other_methods_are_405(method: str, path: str, allowed: set[str]) -> None:
    response = await operator(AgentSource()).request(method, API + path)

    assert error(response) == (405, "method")
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.spec("S1-163")
async def test_the_documented_port_answers() -> None:
    default = Settings().web
    options = WebOptions.load(host=LOOPBACK, port=default.port)
    server = WebServer(
        create_app(AgentSource(), CollectorRegistry(), options), LOOPBACK, options.port
    )
    await server.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(f"http://{LOOPBACK}:5003/health/live")
    finally:
        await server.stop()

    assert response.status_code == 200
    assert f"`http://{default.host}:5003`" in read("docs/reference/http.md")
