"""Goals over HTTP."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from streams.records import Goal, GoalStatus, GoalType, Priority
from streams.web import TableInfo
from tests.kits.web.group import Group
from tests.kits.web.memory import MemorySource

API = "/api/forecasting/goals"
KNOWN = (TableInfo("goals", "Goals", "entity/goal id"),)
PATH_SLASH = "%252F"


class GoalSource(MemorySource):
    """Keys of goals begin with the entity, as those of a worker do."""

    def entity_of(self, table: str, key: str) -> str | None:
        return key.partition("/")[0].replace("%2F", "/").replace("%25", "%")


def worker(*owned: int) -> GoalSource:
    return GoalSource(mine=frozenset(owned), known=KNOWN)


def put(
    source: MemorySource,
    key: str,
    status: GoalStatus = GoalStatus.ACTIVE,
    goal_type: GoalType = GoalType.PERFORMANCE_TARGET,
    priority: Priority = Priority.MEDIUM,
) -> Goal:
    entity, goal_id = (part.replace("%2F", "/").replace("%25", "%") for part in key.split("/"))
    goal = Goal(
        entity_id=entity,
        timestamp=1000,
        goal_id=goal_id,
        target_metric="load",
        target_value=0.5,
        status=status,
        goal_type=goal_type,
        priority=priority,
    )
    source.put("goals", key, msgspec.to_builtins(goal), entity=entity)
    return goal


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200
    return [goal["goal_id"] for goal in response.json()["goals"]]


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


@pytest.fixture
def source() -> GoalSource:
    return worker(0, 1, 2, 3)


@pytest.fixture
def web(source: GoalSource) -> httpx.AsyncClient:
    return Group().add("localhost", source)


@pytest.mark.spec("S1-148")
async def test_achieved_goals_are_listed_and_an_unknown_status_is_400(
    web: httpx.AsyncClient, source: GoalSource
) -> None:
    put(source, "shop/g1", GoalStatus.ACHIEVED)
    put(source, "shop/g2", GoalStatus.ACTIVE)
    put(source, "till/g3", GoalStatus.ACHIEVED)

    achieved = await web.get(API, params={"status": "achieved"})
    unknown = await web.get(API, params={"status": "foo"})

    assert ids(achieved) == ["g1", "g3"]
    assert {goal["status"] for goal in achieved.json()["goals"]} == {"achieved"}
    assert unknown.status_code == 400
    assert unknown.json()["error"] == {
        "message": "no such status",
        "field": "status",
        "value": "foo",
        "remedy": "use one of active, in_progress, achieved, failed, cancelled",
    }


@pytest.mark.parametrize("status", list(GoalStatus))
async def test_every_status_can_be_asked_for(
    web: httpx.AsyncClient, source: GoalSource, status: GoalStatus
) -> None:
    for each in GoalStatus:
        put(source, f"shop/{each.value}", each)

    assert ids(await web.get(API, params={"status": status.value})) == [status.value]


async def test_filters_hold_together(web: httpx.AsyncClient, source: GoalSource) -> None:
    put(source, "shop/g1", goal_type=GoalType.SLA_MAINTENANCE, priority=Priority.HIGH)
    put(source, "shop/g2", goal_type=GoalType.SLA_MAINTENANCE, priority=Priority.LOW)
    put(source, "shop/g3", goal_type=GoalType.COST_REDUCTION, priority=Priority.HIGH)
    put(source, "till/g4", goal_type=GoalType.SLA_MAINTENANCE, priority=Priority.HIGH)
    asked = {"goal_type": "sla_maintenance", "priority": "high"}

    assert ids(await web.get(API)) == ["g1", "g2", "g3", "g4"]
    assert ids(await web.get(API, params=asked)) == ["g1", "g4"]
    assert ids(await web.get(API, params=asked | {"entity": "shop"})) == ["g1"]


@pytest.mark.parametrize("field", ["goal_type", "priority"])
async def test_other_unknown_values_are_400(web: httpx.AsyncClient, field: str) -> None:
    response = await web.get(API, params={field: "foo", "entity": "shop"})

    assert error(response) == (400, field)
    kinds = {"goal_type": GoalType, "priority": Priority}[field]
    assert all(kind.value in response.json()["error"]["remedy"] for kind in kinds)


async def test_goals_of_all_workers_page_by_page() -> None:
    group, here, there = Group(), worker(1, 2, 3), worker(0)
    put(here, "a/g1")
    put(there, "shop/g2")
    put(here, "b/g3")
    a = group.add("a", here, "b", "c")
    group.add("b", there, "a")

    first = await a.get(API, params={"limit": 2})
    second = await a.get(API, params={"limit": 2, "after": first.json()["next"]})

    assert (ids(first), ids(second)) == (["g1", "g3"], ["g2"])
    assert second.json()["next"] is None
    assert (second.json()["complete"], second.json()["unavailable"]) == (True, ["http://c:5003"])


async def test_one_goal_from_any_worker() -> None:
    group, there = Group(), worker(0)
    goal = put(there, "shop/g1", GoalStatus.FAILED)
    a = group.add("a", worker(1, 2, 3), "b")
    group.add("b", there, "a")

    response = await a.get(f"{API}/shop/g1")

    assert response.status_code == 200
    assert msgspec.convert(response.json(), Goal) == goal


async def test_an_unknown_goal_is_404(web: httpx.AsyncClient, source: GoalSource) -> None:
    put(source, "shop/g1")

    for path in ("shop/g2", "till/g1"):
        response = await web.get(f"{API}/{path}")
        assert error(response) == (404, "goal_id")
        assert response.json()["error"]["value"] == path.partition("/")[2]
        assert response.json()["error"]["remedy"].startswith("GET /api/forecasting/goals")


async def test_nobody_has_the_goal_s_partition() -> None:
    a = Group().add("a", worker(1, 2, 3), "b")

    response = await a.get(f"{API}/shop/g1")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_names_with_slashes(web: httpx.AsyncClient, source: GoalSource) -> None:
    put(source, "shop%2F1/a%2Fb")

    one = await web.get(f"{API}/shop{PATH_SLASH}1/a{PATH_SLASH}b")

    assert one.json()["goal_id"] == "a/b"
    assert ids(await web.get(API, params={"entity": "shop/1"})) == ["a/b"]
