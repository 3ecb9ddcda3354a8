"""Plans over HTTP, and the word of a person on those that wait."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from streams.records import Plan, PlanStatus
from tests.kits.web.agent import API, FAR, NOW, AgentSource, error, operator


@pytest.fixture
def source() -> AgentSource:
    return AgentSource()


@pytest.fixture
def web(source: AgentSource) -> httpx.AsyncClient:
    return operator(source)


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200
    return [plan["plan_id"] for plan in response.json()["plans"]]


async def test_plans_in_the_order_in_which_they_are_due(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.add_plan("p1", scheduled_time=NOW + 2)
    source.add_plan("p2", "till", scheduled_time=NOW + 1, status=PlanStatus.FAILED)
    source.add_plan("p3", goal_id="g2", scheduled_time=NOW)
    path = f"{API}/plans"

    assert ids(await web.get(path)) == ["p3", "p2", "p1"]
    assert ids(await web.get(path, params={"status": "failed"})) == ["p2"]
    assert ids(await web.get(path, params={"goal_id": "g2"})) == ["p3"]
    assert ids(await web.get(path, params={"entity": "shop"})) == ["p3", "p1"]
    assert error(await web.get(path, params={"status": "foo"})) == (400, "status")


async def test_one_plan_is_its_record(web: httpx.AsyncClient, source: AgentSource) -> None:
    made = source.add_plan("p1", expected_metric="load", expected_effect=-5.0, dry_run=True)

    response = await web.get(f"{API}/plans/shop/p1")

    assert msgspec.convert(response.json(), Plan) == made
    assert error(await web.get(f"{API}/plans/shop/p2")) == (404, "plan_id")


async def test_the_queue_of_approvals(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_plan("late", status=PlanStatus.WAITING, expires_at=FAR + 1)
    source.add_plan("soon", "till", status=PlanStatus.WAITING, expires_at=FAR)
    source.add_plan("resource", status=PlanStatus.WAITING)
    source.add_plan("due")

    assert ids(await web.get(f"{API}/approvals")) == ["soon", "late"]
    assert ids(await web.get(f"{API}/approvals", params={"entity_id": "shop"})) == ["late"]


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_a_word_becomes_a_command(
    web: httpx.AsyncClient, source: AgentSource, word: str
) -> None:
    source.add_plan("p1", status=PlanStatus.WAITING, expires_at=FAR)

    response = await web.post(f"{API}/plans/shop/p1/{word}", json={"reason": "seen"})

    (sent,) = source.commands()
    assert response.status_code == 202
    assert (sent.command, sent.entity_id, sent.target) == (f"plan.{word}", "shop", "p1")
    assert (sent.arguments, sent.issued_by) == ({"reason": "seen"}, "shared token")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": PlanStatus.RUNNING}, "it is running"),
        ({"status": PlanStatus.WAITING, "reason": "no free cpu"}, "waiting (no free cpu)"),
        ({"status": PlanStatus.WAITING, "expires_at": NOW - 10**11}, "time for approval is over"),
    ],
)
async def test_only_what_waits_for_a_person_has_an_answer(
    web: httpx.AsyncClient, source: AgentSource, fields: dict[str, Any], words: str
) -> None:
    source.add_plan("p1", **fields)

    response = await web.post(f"{API}/plans/shop/p1/approve", json={})

    assert error(response) == (409, "plan_id")
    assert words in response.json()["error"]["message"]
    assert source.topics == {}
