"""Knowledge taken out over HTTP goes into an empty system."""

from __future__ import annotations

import msgspec

from streams.core.config import CoreConfig
from streams.core.transfer import knowledge_of
from streams.records import Command
from tests.kits.core.partition import Bench, event, goal
from tests.kits.web.agent import AgentSource, error, operator

API = "/api/forecasting/export"


async def test_an_export_imports() -> None:
    full, empty = Bench(CoreConfig()), Bench(CoreConfig())
    full.send("goals", goal())
    for number in range(12):
        full.send("events", event(f"e{number}", event_type="backup"))
    source = AgentSource()
    source.add("knowledge", "svc", knowledge_of(full.entity()))

    response = await operator(source).post(API, json={"entity_id": "svc"})
    (command,) = response.json()["commands"]
    empty.send("commands", msgspec.convert(command, Command))

    assert response.status_code == 200
    assert empty.state().goals.keys() == full.state().goals.keys() == {"g-1"}
    assert empty.state().patterns == full.state().patterns


async def test_all_entities_page_by_page() -> None:
    source = AgentSource()
    for entity in ("a", "b", "c"):
        source.put("knowledge", entity, {"goals": []})
    web = operator(source)

    first = (await web.post(API, json={"limit": 2})).json()
    second = (await web.post(API, json={"limit": 2, "after": first["next"]})).json()

    found = [command["entity_id"] for page in (first, second) for command in page["commands"]]
    assert (found, second["next"], second["complete"]) == (["a", "b", "c"], None, True)
    assert len({command["command_id"] for command in first["commands"]}) == 2


async def test_reading_needs_no_more_than_reading() -> None:
    source = AgentSource()
    source.put("knowledge", "a", {"goals": []})

    response = await operator(source, token=None).post(API, json={})

    assert response.status_code == 200
    assert source.topics == {}


async def test_an_unknown_entity() -> None:
    response = await operator(AgentSource()).post(API, json={"entity_id": "a"})

    assert error(response) == (404, "entity_id")
