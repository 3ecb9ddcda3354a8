"""Goals under ``/api/autonomous``: read, created, changed, cancelled, executed."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from streams.core.config import CoreConfig
from streams.records import (
    CauseKind,
    Direction,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    PlanStatus,
    Priority,
)
from tests.kits.core.partition import START, Bench, goal
from tests.kits.web.agent import API, FAR, NOW, AgentSource, error, operator
from tests.kits.web.group import Group

GOAL = {"entity_id": "shop", "target_metric": "load", "target_value": 0.5}


@pytest.fixture
def source() -> AgentSource:
    return AgentSource()


@pytest.fixture
def web(source: AgentSource) -> httpx.AsyncClient:
    return operator(source)


# --- reading -------------------------------------------------------------------------------


@pytest.mark.spec("S1-135")
async def test_open_goals_are_listed_and_the_counts_match(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.add_goal("g1", goal_type=GoalType.COST_REDUCTION, priority=Priority.LOW)
    source.add_goal("g2", "till", goal_type=GoalType.COST_REDUCTION, progress=0.25, deadline=FAR)
    source.add_goal("g3", priority=Priority.CRITICAL, status=GoalStatus.IN_PROGRESS)
    source.add_goal("g4", status=GoalStatus.ACHIEVED)

    body = (await web.get(f"{API}/goals")).json()

    assert [goal["goal_id"] for goal in body["goals"]] == ["g3", "g2", "g1"]
    assert body["total_active_goals"] == 3
    types, priorities = body["goals_by_type"], body["goals_by_priority"]
    assert (types["cost_reduction"], types["performance_target"]) == (2, 1)
    assert priorities == {"critical": 1, "high": 0, "medium": 1, "low": 1}
    assert sum(types.values()) == sum(priorities.values()) == len(body["goals"])
    assert body["goals"][1] == {
        "goal_id": "g2",
        "entity_id": "till",
        "type": "cost_reduction",
        "priority": "medium",
        "description": "",
        "target_metric": "load",
        "progress": 0.25,
        "status": "active",
        "deadline": FAR,
        "origin": "user",
        "execution_status": None,
    }
    assert body["complete"] is True


@pytest.mark.spec("S1-082", "S1-083", "S1-084", "S1-085")
async def test_goals_are_listed_by_rank_whatever_the_order_in_which_they_came(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    bench = Bench()
    for at, priority in enumerate(reversed(Priority)):
        asked = {"goal_id": f"g{at}", "target_metric": f"m{at}", "priority": priority}
        for made in bench.send("goals", goal(timestamp=START + at, **asked)).records("goals"):
            source.add("goals", f"{made.entity_id}/{made.goal_id}", made)

    listed = (await web.get(f"{API}/goals")).json()["goals"]

    ranked = [("critical", "g3"), ("high", "g2"), ("medium", "g1"), ("low", "g0")]
    assert [(each["priority"], each["goal_id"]) for each in listed] == ranked


async def test_the_latest_plan_of_a_goal_tells_where_it_stands(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.add_goal("g1")
    source.add_plan("p2", attempt=2, status=PlanStatus.RUNNING)
    source.add_plan("p1", attempt=1, status=PlanStatus.FAILED)
    source.add_plan("p3", "till", status=PlanStatus.SCHEDULED)

    (listed,) = (await web.get(f"{API}/goals")).json()["goals"]
    latest = (await web.get(f"{API}/goals/shop/g1/plan")).json()

    assert listed["execution_status"]["status"] == "executing"
    assert latest["plan_id"] == "p2"


async def test_the_goals_of_one_entity(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal("g1")
    source.add_goal("g2", "till")

    body = (await web.get(f"{API}/goals", params={"entity": "till"})).json()

    assert [goal["goal_id"] for goal in body["goals"]] == ["g2"]


@pytest.mark.spec("S1-136")
async def test_one_goal_in_full_by_its_id_alone(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    made = source.add_goal("g1", cause_numbers={"limit": 95.0})
    source.add_goal("g2", "till")

    for path in ("g1", "shop/g1"):
        response = await web.get(f"{API}/goals/{path}")
        assert response.status_code == 200
        assert msgspec.convert(response.json(), Goal) == made
    for path in ("5f0c3a4e-random", "shop/g2"):
        assert error(await web.get(f"{API}/goals/{path}")) == (404, "goal_id")


async def test_an_id_that_may_be_elsewhere_is_503(source: AgentSource) -> None:
    source.mine = frozenset({1, 2, 3})
    source.add_goal("g1", "a")
    web = Group().add("a", source)

    assert (await web.get(f"{API}/goals/g1")).status_code == 200
    missing = await web.get(f"{API}/goals/g2")

    assert error(missing) == (503, "goal_id")
    assert missing.json()["error"]["remedy"] == "name the entity in front: /goals/ENTITY/g2"


async def test_names_with_slashes(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.put("goals", "shop%2F1/a%2Fb", msgspec.to_builtins(source.add_goal("x")), entity="z")

    response = await web.get(f"{API}/goals/shop%252F1/a%252Fb")

    assert response.status_code == 200


async def test_why_a_goal_exists(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal(
        "g1",
        cause_kind=CauseKind.PREDICTION,
        cause_id="prediction-7",
        cause_numbers={"probability": 0.9},
    )

    text = (await web.get(f"{API}/goals/shop/g1/explanation")).text

    assert "prediction-7" in text
    assert "0.9" in text


async def test_no_plan_yet(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal("g1")

    response = await web.get(f"{API}/goals/shop/g1/plan")

    assert error(response) == (404, "goal_id")


# --- creating ------------------------------------------------------------------------------


@pytest.mark.spec("S1-100")
async def test_a_posted_goal_is_a_user_s_once_the_engine_took_it_on(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    response = await web.post(
        f"{API}/goals", json=GOAL | {"direction": "at_most", "priority": "high"}
    )
    (sent,) = source.goals()
    engine = Bench(CoreConfig())
    engine.send("goals", msgspec.structs.replace(sent, timestamp=NOW))
    for made in engine.state("shop").goals.values():
        source.add("goals", f"shop/{made.goal_id}", made)

    assert response.status_code == 202
    body = response.json()
    assert (body["status"], body["topic"]) == ("requested", "test.goals")
    read = (await web.get(f"{API}/goals/shop/{body['id']}")).json()
    assert read["origin"] == "user"
    assert (read["direction"], read["priority"], read["revision"]) == ("at_most", "high", 1)


async def test_everything_that_a_user_decides(web: httpx.AsyncClient, source: AgentSource) -> None:
    asked = {
        "goal_id": "mine",
        "goal_type": "cost_reduction",
        "description": "cheaper",
        "unit": "EUR",
        "hold_ms": 5,
        "deadline": "2096-01-01T00:00:00Z",
        "actions": ["scale_in"],
        "dependencies": ["g0"],
        "group_id": "costs",
        "parent_id": "g9",
        "metadata": {"ticket": "7", "requested_by": "somebody else"},
    }

    response = await web.post(f"{API}/goals", json=GOAL | asked)

    (sent,) = source.goals()
    assert response.json()["id"] == sent.goal_id == "mine"
    assert (sent.revision, sent.origin, sent.actions) == (0, GoalOrigin.USER, ("scale_in",))
    assert (sent.dependencies, sent.parent_id) == (("g0",), "g9")
    assert sent.deadline == 3_976_214_400_000
    assert sent.metadata == {"ticket": "7", "requested_by": "shared token"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"target_value": "x"}, "target_value"),
        ({"goal_type": "foo"}, "goal_type"),
        ({"deadline": 5}, "deadline"),
        ({"deadline": "1969-01-01T00:00:00Z"}, "deadline"),
        ({"hold_ms": -1}, "hold_ms"),
        ({"progress": 1.0}, "progress"),
        ({"entity_id": ""}, "entity_id"),
    ],
)
async def test_a_goal_that_does_not_fit(
    web: httpx.AsyncClient, source: AgentSource, wrong: dict[str, object], field: str
) -> None:
    assert error(await web.post(f"{API}/goals", json=GOAL | wrong)) == (422, field)
    assert source.goals() == []


# --- changing ------------------------------------------------------------------------------


async def test_a_change_keeps_the_rest(web: httpx.AsyncClient, source: AgentSource) -> None:
    before = source.add_goal("g1", description="as before", deadline=FAR, revision=7)

    response = await web.patch(
        f"{API}/goals/shop/g1", json={"target_value": 0.75, "deadline": None}
    )

    (sent,) = source.goals()
    assert response.status_code == 202
    assert (sent.target_value, sent.deadline, sent.revision) == (0.75, None, 0)
    assert (sent.goal_id, sent.description) == ("g1", before.description)
    assert sent.direction is Direction.REACH


async def test_whoever_changes_a_goal_stands_for_it(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.add_goal("g1", metadata={"requested_by": "ann", "ticket": "7"})

    await web.patch(f"{API}/goals/shop/g1", json={"metadata": {"requested_by": "bob"}})

    await web.patch(f"{API}/goals/shop/g1", json={"description": "calm"})

    assert [goal.metadata for goal in source.goals()] == [
        {"requested_by": "shared token"},
        {"requested_by": "shared token", "ticket": "7"},
    ]


async def test_a_change_of_nothing(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal("g1")

    assert error(await web.patch(f"{API}/goals/shop/g1", json={})) == (422, "body")


@pytest.mark.parametrize(
    ("path", "command"), [("cancel", "goal.cancel"), ("execute", "goal.execute")]
)
async def test_what_is_asked_of_a_goal_becomes_a_command(
    web: httpx.AsyncClient, source: AgentSource, path: str, command: str
) -> None:
    source.add_goal("g1")

    response = await web.post(f"{API}/goals/shop/g1/{path}", json={"reason": "because"})

    (sent,) = source.commands()
    assert response.status_code == 202
    assert response.json()["id"] == sent.command_id
    assert (sent.command, sent.entity_id, sent.target) == (command, "shop", "g1")
    assert (sent.issued_by, sent.arguments["reason"]) == ("shared token", "because")


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_plan_may_be_asked_for_show(
    web: httpx.AsyncClient, source: AgentSource, dry_run: bool
) -> None:
    source.add_goal("g1")
    response = await web.post(f"{API}/goals/shop/g1/execute", json={"dry_run": dry_run})
    (sent,) = source.commands()
    assert response.status_code == 202
    assert sent.arguments.get("dry_run", "") == ("true" if dry_run else "")


@pytest.mark.parametrize("path", ["cancel", "execute"])
async def test_closed_and_unknown_goals_are_refused(
    web: httpx.AsyncClient, source: AgentSource, path: str
) -> None:
    source.add_goal("g1", status=GoalStatus.ACHIEVED)

    closed = await web.post(f"{API}/goals/shop/g1/{path}", json={})
    unknown = await web.post(f"{API}/goals/shop/g2/{path}", json={})

    assert error(closed) == (409, "goal_id")
    assert "achieved already" in closed.json()["error"]["message"]
    assert error(unknown) == (404, "goal_id")
    assert source.topics == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/goals"),
        ("PATCH", "/goals/shop/g1"),
        ("POST", "/goals/shop/g1/cancel"),
        ("POST", "/goals/shop/g1/execute"),
        ("POST", "/plans/shop/p1/approve"),
        ("POST", "/plans/shop/p1/reject"),
        ("POST", "/mode"),
        ("POST", "/control/start"),
        ("POST", "/control/stop"),
        ("POST", "/control/kill"),
        ("POST", "/control/release"),
        ("POST", "/analysis/trigger"),
        ("POST", "/metrics"),
        ("POST", "/events"),
    ],
)
async def test_without_a_token_nothing_is_changed(method: str, path: str) -> None:
    source = AgentSource()
    source.add_goal("g1")
    open_to_all, closed = operator(source, token=None), operator(source)
    del closed.headers["Authorization"]

    assert error(await open_to_all.request(method, API + path, json={})) == (
        403,
        "web.tokens_file",
    )
    assert error(await closed.request(method, API + path, json={})) == (401, "Authorization")
    assert (source.topics, source.halt_reason) == ({}, "")


# --- the forecasting API -------------------------------------------------------------------


async def test_progress_cannot_be_claimed(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal("g1", progress=0.25)

    for path in ("g1", "shop/g1", "unknown"):
        response = await web.put(f"/api/forecasting/goals/{path}/progress", json={"progress": 1.0})
        assert error(response) == (409, "progress")
        assert "measured metric" in response.json()["error"]["message"]
    assert source.topics == {}


async def test_execution_by_the_forecasting_api(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.add_goal("g1")

    for path in ("g1", "shop/g1"):
        response = await web.post(f"/api/forecasting/goals/{path}/execute", json={})
        assert response.status_code == 202
    unknown = await web.post("/api/forecasting/goals/g7/execute", json={})

    assert [command.command for command in source.commands()] == ["goal.execute"] * 2
    assert error(unknown) == (404, "goal_id")
