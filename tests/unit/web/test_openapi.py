"""The description against the application: the same routes, and schemas that real answers fit."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from streams.records import Pattern, PatternType, PlanStatus, Prediction, PredictionKind
from streams.web import WebOptions, create_app
from streams.web.http.routing import at, operations, routes
from tests.kits.web.agent import API as AUTONOMOUS
from tests.kits.web.agent import AgentSource, live_lines, operator
from tests.kits.web.group import TOKEN

FORECASTING = "/api/forecasting"
LATER = 4_000_000_000_000
SERIES = {"entity_id": "shop", "metric_name": "load"}
METRIC = {"entity_id": "shop", "name": "load", "value": 1.5}
EVENT = {"entity_id": "shop", "event_type": "backup"}
SAID: dict[str, Any] = {"reason": "because"}
LIVE = ("GET", f"{AUTONOMOUS}/live", None)

GOAL, STORED = f"{AUTONOMOUS}/goals/{{entity_id}}/{{goal_id}}", f"{FORECASTING}/goals"
PLAN = f"{AUTONOMOUS}/plans/{{entity_id}}/{{plan_id}}"
QUESTIONS: dict[tuple[str, str], Any] = {
    ("GET", "/api"): None,
    ("GET", "/health"): None,
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/metrics"): None,
    ("GET", "/dashboard"): None,
    ("GET", "/openapi.json"): None,
    ("GET", "/partitions"): None,
    ("GET", "/tables"): None,
    ("GET", "/tables/{name}"): None,
    ("GET", "/tables/{name}/{key}"): None,
    ("GET", f"{FORECASTING}/health"): None,
    ("GET", f"{FORECASTING}/methods"): None,
    ("GET", f"{FORECASTING}/capacity"): None,
    ("GET", f"{FORECASTING}/forecast"): SERIES,
    ("POST", f"{FORECASTING}/forecast"): SERIES,
    ("GET", f"{FORECASTING}/accuracy"): SERIES,
    ("GET", f"{FORECASTING}/accuracy/{{entity_id}}/{{metric_name}}"): None,
    ("GET", f"{FORECASTING}/predictions"): None,
    ("GET", f"{AUTONOMOUS}/predictions"): None,
    ("GET", f"{FORECASTING}/predict"): {"entity_id": "shop"},
    ("POST", f"{FORECASTING}/predict"): {"entity_id": "shop"},
    ("GET", f"{FORECASTING}/patterns"): None,
    ("POST", f"{FORECASTING}/patterns/analyze"): {
        "events": [{"event_type": "backup", "timestamp": "2026-01-01T02:00:00Z"}]
    },
    ("GET", f"{FORECASTING}/statistics"): None,
    ("GET", f"{FORECASTING}/report"): None,
    ("POST", f"{FORECASTING}/export"): {},
    ("POST", f"{FORECASTING}/metrics"): METRIC,
    ("POST", f"{FORECASTING}/metrics/batch"): {"metrics": [METRIC]},
    ("POST", f"{FORECASTING}/events"): EVENT,
    ("POST", f"{AUTONOMOUS}/metrics"): METRIC,
    ("POST", f"{AUTONOMOUS}/events"): EVENT,
    ("GET", STORED): {"status": "active"},
    ("GET", f"{STORED}/{{entity_id}}/{{goal_id}}"): None,
    ("POST", f"{STORED}/analyze"): {},
    ("POST", f"{STORED}/{{goal_id}}/execute"): SAID,
    ("POST", f"{STORED}/{{entity_id}}/{{goal_id}}/execute"): SAID,
    ("PUT", f"{STORED}/{{goal_id}}/progress"): None,
    ("GET", f"{AUTONOMOUS}/goals"): None,
    ("POST", f"{AUTONOMOUS}/goals"): {
        "entity_id": "shop",
        "target_metric": "load",
        "target_value": 0.5,
    },
    ("GET", f"{AUTONOMOUS}/goals/{{goal_id}}"): None,
    ("GET", GOAL): None,
    ("PATCH", GOAL): {"priority": "high"},
    ("GET", f"{GOAL}/plan"): None,
    ("GET", f"{GOAL}/explanation"): None,
    ("POST", f"{GOAL}/cancel"): SAID,
    ("POST", f"{GOAL}/execute"): SAID,
    ("GET", f"{AUTONOMOUS}/plans"): None,
    ("GET", f"{AUTONOMOUS}/approvals"): None,
    ("GET", PLAN): None,
    ("POST", f"{PLAN}/approve"): SAID,
    ("POST", f"{PLAN}/reject"): SAID,
    ("GET", "/results/{topic}/{partition}/{offset}"): None,
    ("GET", "/api/commands"): None,
    ("POST", "/api/commands"): {
        "command": "goal.cancel",
        "entity_id": "shop",
        "target": "g-1",
        "arguments": {"reason": "no longer wanted"},
    },
    ("GET", f"{AUTONOMOUS}/mode"): {"entity_id": "shop"},
    ("POST", f"{AUTONOMOUS}/mode"): {"mode": "observe"},
    ("POST", f"{AUTONOMOUS}/control/start"): SAID,
    ("POST", f"{AUTONOMOUS}/control/stop"): SAID,
    ("POST", f"{AUTONOMOUS}/control/kill"): SAID,
    ("POST", f"{AUTONOMOUS}/control/release"): SAID,
    ("POST", f"{AUTONOMOUS}/analysis/trigger"): {},
    ("GET", f"{AUTONOMOUS}/status"): None,
    ("GET", f"{AUTONOMOUS}/report"): None,
    ("GET", f"{AUTONOMOUS}/executor/statistics"): None,
    ("GET", f"{AUTONOMOUS}/executor/insights"): None,
    ("GET", f"{AUTONOMOUS}/diagnosis"): None,
}
"""A question that each operation has a good answer to: its query (GET) or body."""
NAMES = {
    "name": "goals",
    "key": "shop/g1",
    "entity_id": "shop",
    "goal_id": "g1",
    "plan_id": "p1",
    "metric_name": "load",
    "topic": "commands",
    "partition": "0",
    "offset": "3",
}


def filled() -> AgentSource:
    """A worker that has something of everything."""
    source = AgentSource()
    source.learn("shop", "load", [float(number % 12) for number in range(90)])
    source.add_goal("g1")
    source.add_plan("p1", status=PlanStatus.WAITING, expires_at=LATER)
    source.add_counters(executions=2, plans_done=1, execution_ms=500)
    source.add_insights()
    source.add_achievements(total=2, achieved=1)
    prediction = Prediction(
        entity_id="shop",
        timestamp=1,
        prediction_id="x",
        kind=PredictionKind.STATE,
        predicted_state="degraded",
        probability=0.5,
        horizon_ms=1,
        confidence=0.5,
    )
    source.add("states", "shop", prediction)
    source.add("predictions", "shop/load", prediction)
    pattern = Pattern(
        entity_id="shop",
        timestamp=1,
        pattern_id="x",
        pattern_type=PatternType.ANOMALY,
        description="",
        confidence=0.5,
    )
    source.add("patterns", "shop/x", pattern)
    source.put("metric_state", "shop/load", {"timestamp": 1})
    source.put("knowledge", "shop", {"goals": []})
    return source


def app_of(source: AgentSource) -> Starlette:
    return create_app(source, CollectorRegistry(), WebOptions(token=SecretStr(TOKEN)))


async def described() -> dict[str, Any]:
    return (await operator(AgentSource()).get("/openapi.json")).json()


def fits(description: dict[str, Any], schema: dict[str, Any], body: object) -> None:
    """ValidationError when ``body`` is not what the schema of the description promises."""
    Draft202012Validator.check_schema(schema)
    Draft202012Validator({**schema, "components": description["components"]}).validate(body)


async def test_every_route_is_described_and_nothing_else() -> None:
    paths = (await described())["paths"]
    routes = [route for route in app_of(AgentSource()).routes if isinstance(route, Route)]

    served = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }

    found = {(name.upper(), path) for path, methods in paths.items() for name in methods}
    assert found == served
    assert {(method, path) for method, path in QUESTIONS} | {LIVE[:2]} == served


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
async def test_an_answer_is_what_the_description_promises(method: str, path: str) -> None:
    description, asked = await described(), QUESTIONS[method, path]
    operation = description["paths"][path][method.lower()]

    kind = "params" if method == "GET" else "json"
    response = await operator(filled()).request(
        method, path.format(**NAMES), **({kind: asked} if asked is not None else {})
    )

    promised = operation["responses"][str(response.status_code)]["content"]
    media_type = response.headers["content-type"].partition(";")[0]
    assert list(promised) == [media_type]
    body = response.json() if media_type.endswith("json") else response.text
    fits(description, promised[media_type]["schema"], body)


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
async def test_what_was_asked_is_what_the_description_accepts(method: str, path: str) -> None:
    description, asked = await described(), QUESTIONS[method, path]
    operation = description["paths"][path][method.lower()]

    names = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
    if method == "GET":
        for name, value in (asked or {}).items():
            fits(description, names[name]["schema"], value)
        assert {name for name, of in names.items() if of["required"]} <= set(asked or {})
    elif asked is not None:
        fits(description, operation["requestBody"]["content"]["application/json"]["schema"], asked)
    assert set(re.findall(r"{(\w+)}", path)) == {
        each["name"] for each in operation["parameters"] if each["in"] == "path"
    }


async def test_the_live_view_is_what_the_description_promises() -> None:
    description = await described()
    app = create_app(filled(), CollectorRegistry(), WebOptions())

    first, *_ = await live_lines(app, b"", 1)

    promised = description["paths"][LIVE[1]]["get"]["responses"]["200"]["content"]
    fits(description, promised["text/event-stream"]["schema"], first)


async def test_only_what_changes_something_needs_a_token() -> None:
    paths = (await described())["paths"]
    source = AgentSource()
    web = operator(source, token=None)

    for path, methods in paths.items():
        for method, operation in methods.items():
            if method != "get":
                response = await web.request(method, path.format(**NAMES), json={})
                assert (response.status_code == 403) is ("security" in operation), (method, path)
    assert source.topics == {}


REFUSALS: list[tuple[int, str, dict[str, Any]]] = [
    (400, "GET /tables?limit=1", {}),
    (400, f"GET {FORECASTING}/goals?limit=1&limit=2", {}),
    (400, f"POST {FORECASTING}/metrics", {"content": b"{", "type": "application/json"}),
    (401, "GET /tables", {"headers": {"Authorization": "Bearer no"}}),
    (404, "GET /none", {}),
    (404, "GET /tables/goals/shop%2Fg9", {}),
    (404, f"GET {AUTONOMOUS}/goals/shop/g9", {}),
    (405, "DELETE /tables", {}),
    (409, f"PUT {FORECASTING}/goals/g1/progress", {}),
    (413, f"POST {FORECASTING}/metrics", {"content": b"1" * 2_000_000, "type": "application/json"}),
    (415, f"POST {FORECASTING}/metrics", {"content": b"{}", "type": "text/plain"}),
    (421, "GET /tables", {"headers": {"Host": "evil.example"}}),
    (422, f"POST {FORECASTING}/metrics", {"json": {"entity_id": "shop"}}),
    (500, "GET /tables/goals/bug", {}),
]


@pytest.mark.parametrize(("status", "asked", "given"), REFUSALS)
async def test_a_refusal_is_a_problem_with_field_value_and_remedy(
    status: int, asked: str, given: dict[str, Any]
) -> None:
    description = await described()
    method, _, path = asked.partition(" ")
    headers = given.get("headers", {})
    if "type" in given:
        headers = headers | {"Content-Type": given["type"]}
    sent = {name: value for name, value in given.items() if name in ("content", "json")}

    response = await operator(filled()).request(method, path, headers=headers, **sent)

    body = response.json()
    assert (response.status_code, body["status"]) == (status, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["type"], body["title"]) == ("about:blank", HTTPStatus(status).phrase)
    fits(description, {"$ref": "#/components/schemas/Problem"}, body)
    assert body["remedy"]
    assert body["field"] or status == 500
    assert body["error"] == {
        "message": body["detail"],
        "field": body["field"],
        "value": body["value"],
        "remedy": body["remedy"],
    }


def test_a_handler_that_does_not_say_what_it_takes_is_an_error() -> None:
    class Untyped:
        @at("GET", "/x")
        async def read(self, local) -> None:
            """Something."""

    class Unknown:
        @at("GET", "/x")
        async def read(self, entity: str) -> None:
            """Something."""

    class Silent:
        @at("GET", "/x")
        async def read(self) -> msgspec.Raw:
            return msgspec.Raw(b"1")

    for resource in (Untyped(), Unknown(), Silent()):
        with pytest.raises(TypeError, match="read cannot be a handler"):
            operations([resource])


def test_two_handlers_of_one_place_are_an_error() -> None:
    class Twice:
        @at("GET", "/x")
        async def read(self) -> int:
            """Something."""
            return 1

        @at("GET", "/x")
        async def read_again(self) -> int:
            """Something else."""
            return 2

    with pytest.raises(TypeError, match="two handlers answer GET /x"):
        routes(operations([Twice()]), writable=True)
