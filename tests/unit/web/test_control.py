"""Mode, start, stop, kill switch and analysis over HTTP."""

from __future__ import annotations

import httpx
import pytest

from streams.core.kernel.commands import EVERYBODY
from streams.core.safety.modes import Controls, Mode
from streams.errors import Unavailable
from tests.kits.web.agent import API, NOW, AgentSource, error, operator
from tests.kits.web.group import Group


@pytest.fixture
def source() -> AgentSource:
    return AgentSource()


@pytest.fixture
def web(source: AgentSource) -> httpx.AsyncClient:
    return operator(source)


# --- mode ----------------------------------------------------------------------------------


@pytest.mark.spec("S1-139")
async def test_manual_mode_shows_once_it_is_applied(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    wrong = await web.post(f"{API}/mode", json={"autonomous": "no"})
    before = (await web.get(f"{API}/status")).json()
    response = await web.post(f"{API}/mode", json={"autonomous": False})
    source.apply()
    after = (await web.get(f"{API}/status")).json()

    assert error(wrong) == (422, "autonomous")
    assert response.status_code == 202
    assert len(response.json()["written"]) == source.count
    (sent,) = source.commands()
    assert (sent.command, sent.entity_id) == ("mode.set", EVERYBODY)
    assert sent.arguments == {"autonomous": "false"}
    assert (before["autonomous_mode"], after["autonomous_mode"]) == (True, False)
    assert after["control"]["changed_by"] == "shared token"


async def test_a_mode_for_one_goal_type(web: httpx.AsyncClient, source: AgentSource) -> None:
    await web.post(f"{API}/mode", json={"mode": "act", "goal_type": "cost_reduction"})
    source.apply()

    system = (await web.get(f"{API}/mode")).json()["system"]

    assert (system["mode"], system["goal_types"]) == ("recommend", {"cost_reduction": "act"})


async def test_a_mode_for_one_entity(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add("autonomy", "shop", {"effective": {"mode": "observe"}})

    response = await web.post(f"{API}/mode", json={"mode": "observe", "entity": "shop"})
    shown = (await web.get(f"{API}/mode", params={"entity": "shop"})).json()

    (sent,) = source.commands()
    assert (sent.entity_id, sent.arguments) == ("shop", {"mode": "observe"})
    assert len(response.json()["written"]) == 1
    assert shown["entity"] == {"effective": {"mode": "observe"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "mode"),
        ({"mode": "fly"}, "mode"),
        ({"goal_type": "cost_reduction"}, "mode"),
        ({"mode": "act", "goal_type": "foo"}, "goal_type"),
        ({"mode": "act", "goal_type": "*", "loop": "poll"}, "loop"),
        ({"autonomous": 1}, "autonomous"),
        ({"automatic": True}, "automatic"),
    ],
)
async def test_what_cannot_be_set(
    web: httpx.AsyncClient, source: AgentSource, body: dict[str, object], field: str
) -> None:
    assert error(await web.post(f"{API}/mode", json=body)) == (422, field)
    assert source.topics == {}


async def test_partitions_that_differ_are_not_settled(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.control(2, Controls(mode=Mode.ACT, running=False, autonomous=True, changed_at=NOW))

    system = (await web.get(f"{API}/mode")).json()["system"]

    assert (system["settled"], system["running"], system["mode"]) == (False, False, "recommend")


async def test_a_worker_that_is_alone_does_not_speak_for_the_others(source: AgentSource) -> None:
    source.mine = frozenset({1, 2, 3})
    web = Group().add("localhost", source)

    assert (await web.get(f"{API}/mode")).json()["system"]["settled"] is False


# --- start and stop ------------------------------------------------------------------------


@pytest.mark.spec("S1-145")
async def test_a_stopped_agent_runs_after_start(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.controls = Controls(running=False)
    source.apply()
    before = (await web.get(f"{API}/status")).json()["running"]

    response = await web.post(f"{API}/control/start", json={})
    source.apply()

    assert (before, response.status_code, response.json()["status"]) == (False, 202, "requested")
    assert (await web.get(f"{API}/status")).json()["running"] is True


@pytest.mark.spec("S1-146")
async def test_a_stopped_agent_keeps_its_data(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.add_goal("g1")

    response = await web.post(f"{API}/control/stop", json={})
    source.apply()

    assert response.status_code == 202
    status = (await web.get(f"{API}/status")).json()
    assert (status["running"], status["active_goals"]) == (False, 1)


@pytest.mark.spec("S1-007")
async def test_a_start_of_what_runs_changes_nothing(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    before = (await web.get(f"{API}/status")).json()["control"]

    response = await web.post(f"{API}/control/start", json={})
    source.apply()

    assert (response.status_code, response.json()["status"]) == (200, "unchanged")
    assert (await web.get(f"{API}/status")).json()["control"] == before


# --- kill switch ---------------------------------------------------------------------------


async def test_the_kill_switch_needs_no_broker(web: httpx.AsyncClient, source: AgentSource) -> None:
    source.broken = True

    response = await web.post(f"{API}/control/kill", json={"reason": "smoke"})

    assert (source.halt_reason, response.status_code) == ("smoke (shared token)", 200)
    body = response.json()
    assert (body["halted"], body["everywhere"]) == ("smoke (shared token)", False)
    assert "no broker" in body["message"]
    assert (await web.get(f"{API}/status")).json()["halted"] == "smoke (shared token)"


async def test_the_kill_switch_tells_everybody(web: httpx.AsyncClient, source: AgentSource) -> None:
    killed = await web.post(f"{API}/control/kill", json={"reason": "smoke"})
    released = await web.post(f"{API}/control/release", json={})

    assert (killed.status_code, killed.json()["everywhere"]) == (202, True)
    assert (released.status_code, released.json()["halted"]) == (202, "")
    assert [(c.command, c.entity_id) for c in source.commands()] == [
        ("agent.kill", EVERYBODY),
        ("agent.release", EVERYBODY),
    ]
    assert source.commands()[0].arguments == {"reason": "smoke"}


async def test_a_switch_that_cannot_be_stored_is_no_success(
    web: httpx.AsyncClient, source: AgentSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_reason: str) -> None:
        raise Unavailable("disk is full", field="worker.kill_file", value="x", remedy="make room")

    monkeypatch.setattr(source, "halt", fail)

    response = await web.post(f"{API}/control/kill", json={"reason": "smoke"})

    assert error(response) == (503, "worker.kill_file")


# --- analysis ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [f"{API}/analysis/trigger", "/api/forecasting/goals/analyze"])
async def test_an_analysis_of_one_or_all(
    web: httpx.AsyncClient, source: AgentSource, path: str
) -> None:
    for key in ("till/load", "shop/load", "shop/cpu"):
        source.put("metric_state", key, {})

    one = await web.post(path, json={"entity_id": "shop"})
    every = await web.post(path, json={})

    assert (one.status_code, every.status_code) == (202, 202)
    assert {"status", "timestamp", "message"} <= set(one.json())
    sent = source.commands()
    assert {command.command for command in sent} == {"analysis.run"}
    assert [command.entity_id for command in sent] == ["shop", "shop", "till"]
    assert len({command.command_id for command in sent}) == 3
    assert sent[2].command_id.startswith(every.json()["id"])
    assert len(every.json()["written"]) == 2


async def test_nothing_can_be_analysed_yet(web: httpx.AsyncClient, source: AgentSource) -> None:
    assert error(await web.post(f"{API}/analysis/trigger", json={})) == (409, "entity_id")
    assert source.topics == {}


@pytest.mark.spec("S1-138")
async def test_an_analysis_that_cannot_be_asked_for_is_no_success(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    source.broken = True

    response = await web.post(f"{API}/analysis/trigger", json={"entity_id": "shop"})

    assert error(response) == (503, "topic")
    assert response.json()["status"] == 503
    assert "id" not in response.json()
