"""Commands over HTTP are listed, and checked, by what the features declare."""

from __future__ import annotations

import httpx
import pytest

from streams.core.config import CoreConfig
from streams.core.features import build_features
from tests.kits.web.agent import AgentSource, error, operator


@pytest.fixture
def source() -> AgentSource:
    return AgentSource()


@pytest.fixture
def web(source: AgentSource) -> httpx.AsyncClient:
    return operator(source)


async def test_every_command_is_listed_with_its_arguments(web: httpx.AsyncClient) -> None:
    told = {each["command"]: each for each in (await web.get("/api/commands")).json()["commands"]}
    assert told.keys() == build_features(CoreConfig()).commands.keys()
    assert told["goal.cancel"]["arguments"] == [["by", "text", False], ["reason", "text", False]]
    assert told["agent.kill"]["for_all"]
    assert told["plan.approve"]["signed"]


async def test_a_command_is_written_as_it_was_asked_for(
    web: httpx.AsyncClient, source: AgentSource
) -> None:
    said = {
        "command": "goal.create",
        "entity_id": "shop",
        "target": "calm",
        "arguments": {"target_metric": "cpu", "target_value": "70"},
    }
    assert (await web.post("/api/commands", json=said)).status_code == 202
    (sent,) = source.commands()
    assert (sent.command, sent.entity_id, sent.target, sent.issued_by) == (
        "goal.create", "shop", "calm", "shared token",
    )  # fmt: skip
    assert sent.arguments == said["arguments"]


@pytest.mark.parametrize(
    ("said", "field", "remedy"),
    [
        ({"command": "goal.make"}, "command", "goal."),
        ({"command": "goal.cancel", "entity_id": "*"}, "entity_id", "name it"),
        ({"command": "plan.approve", "arguments": {"by": "eve"}}, "arguments.by", "leave it out"),
        ({"command": "plan.approve", "by": "eve"}, "by", "openapi"),
        ({"command": "goal.cancel", "arguments": {"raeson": "x"}}, "arguments.raeson", "reason"),
        ({"command": "goal.create", "arguments": {"target_metric": "a"}}, "arguments.*", "target"),
        (
            {"command": "goal.execute", "arguments": {"dry_run": "maybe"}},
            "arguments.dry_run",
            "bool",
        ),
    ],
)
async def test_what_the_engine_would_not_understand_is_not_written(
    web: httpx.AsyncClient, source: AgentSource, said: dict[str, object], field: str, remedy: str
) -> None:
    answer = await web.post("/api/commands", json={"entity_id": "shop"} | said)
    assert error(answer) == (422, field)
    assert remedy in answer.json()["remedy"]
    assert list(source.commands()) == []
