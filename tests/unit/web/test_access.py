"""Who may do what: tokens of people, their roles, and the name that records bear."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from streams.errors import ConfigError
from streams.records import PlanStatus, Role
from streams.settings.tokens import TokenEntry, digest_of, read_tokens, write_tokens
from streams.web import WebOptions, create_app
from tests.kits.web.agent import API, AgentSource, error
from tests.kits.web.group import TOKEN

PEOPLE = {"vic": "viewer", "olga": "operator", "ann": "approver", "adam": "admin"}
FAR = 10**13


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens.toml"
    write_tokens(
        file, {name: TokenEntry(role, digest_of(secret(name))) for name, role in PEOPLE.items()}
    )
    return file


@pytest.fixture
def source() -> AgentSource:
    source = AgentSource()
    source.learn("shop", "load", [1.0, 2.0])
    source.add_goal("g1")
    source.add_plan("p1", status=PlanStatus.WAITING, expires_at=FAR)
    return source


@pytest.fixture
def app(source: AgentSource, file: Path):
    web = WebOptions(token=SecretStr(TOKEN), tokens_file=file)
    return create_app(source, CollectorRegistry(), web)


def secret(name: str) -> str:
    return f"the-secret-of-{name}-{'x' * 20}"


def asking(app, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://localhost",
        headers={"Prefer": "respond-async"}
        | ({"Authorization": f"Bearer {token}"} if token else {}),
    )


OPERATOR = [
    ("POST", "/api/forecasting/metrics", {}),
    ("POST", f"{API}/metrics", {}),
    ("POST", "/api/forecasting/metrics/batch", {}),
    ("POST", "/api/forecasting/events", {}),
    ("POST", f"{API}/events", {}),
    ("POST", f"{API}/goals", {}),
    ("PATCH", f"{API}/goals/shop/g1", {}),
    ("POST", f"{API}/goals/shop/g1/cancel", {}),
    ("POST", f"{API}/goals/shop/g1/execute", {}),
    ("POST", "/api/forecasting/goals/g1/execute", {}),
    ("POST", "/api/forecasting/goals/shop/g1/execute", {}),
    ("POST", f"{API}/analysis/trigger", {}),
    ("POST", "/api/forecasting/goals/analyze", {}),
    ("POST", f"{API}/control/stop", {}),
    ("POST", f"{API}/control/kill", {"reason": "smoke"}),
    ("POST", "/api/commands", {"command": "agent.stop", "entity_id": "*"}),
]
APPROVER = [
    ("POST", f"{API}/plans/shop/p1/approve", {}),
    ("POST", f"{API}/plans/shop/p1/reject", {}),
    ("POST", "/api/commands", {"command": "plan.approve", "entity_id": "shop", "target": "p1"}),
    ("POST", "/api/commands", {"command": "plan.reject", "entity_id": "shop", "target": "p1"}),
]
ADMIN = [
    ("POST", f"{API}/mode", {"mode": "act"}),
    ("POST", f"{API}/control/start", {}),
    ("POST", f"{API}/control/release", {}),
    (
        "POST",
        "/api/commands",
        {"command": "mode.set", "entity_id": "*", "arguments": {"mode": "act"}},
    ),
    ("POST", "/api/commands", {"command": "agent.start", "entity_id": "*"}),
    ("POST", "/api/commands", {"command": "agent.release", "entity_id": "*"}),
    ("POST", "/api/commands", {"command": "entity.import", "entity_id": "shop"}),
]
NEEDS = (
    [(Role.OPERATOR, *each) for each in OPERATOR]
    + [(Role.APPROVER, *each) for each in APPROVER]
    + [(Role.ADMIN, *each) for each in ADMIN]
)


@pytest.mark.parametrize("who", ["", "eve", *PEOPLE])
@pytest.mark.parametrize(("needed", "method", "path", "said"), NEEDS)
async def test_every_route_for_every_role(
    app, source: AgentSource, who: str, needed: Role, method: str, path: str, said: dict
) -> None:
    async with asking(app, secret(who) if who else "") as web:
        answer = await web.request(method, path, json=said)
    if who not in PEOPLE:
        assert error(answer) == (401, "Authorization")
    elif Role(PEOPLE[who]).rank < needed.rank:
        assert error(answer) == (403, "role")
        asked = Role.OPERATOR if (path, who) == ("/api/commands", "vic") else needed
        assert f"the role {asked.value} is needed" == answer.json()["detail"]
    else:
        assert answer.status_code not in (401, 403)
        return
    assert (source.topics, source.halt_reason) == ({}, "")


async def test_every_route_that_changes_something_is_tried_above(app) -> None:
    async with asking(app, secret("vic")) as web:
        paths = (await web.get("/openapi.json")).json()["paths"]
    writing = {
        (method.upper(), path): operation.get("x-role")
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method != "get"
    }
    answering = {path for (_, path), role in writing.items() if role is None}
    assert answering == {
        "/api/forecasting/export",
        "/api/forecasting/forecast",
        "/api/forecasting/patterns/analyze",
        "/api/forecasting/predict",
        next(path for path in paths if path.endswith("/progress")),  # always refused
    }
    tried = {(method, _template(path)): needed for needed, method, path, _ in NEEDS}
    tried[("POST", "/api/commands")] = Role.OPERATOR
    assert {at: role for at, role in writing.items() if role} == {
        at: role.value for at, role in tried.items()
    }


def _template(path: str) -> str:
    for given, name in (("/shop", "/{entity_id}"), ("/g1", "/{goal_id}"), ("/p1", "/{plan_id}")):
        path = path.replace(given, name)
    return path


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_reads(app, who: str) -> None:
    async with asking(app, secret(who)) as web:
        assert (await web.get(f"{API}/plans")).status_code == 200


async def test_records_bear_the_name_of_the_token(app, source: AgentSource) -> None:
    async with asking(app, secret("ann")) as web:
        await web.post(f"{API}/plans/shop/p1/approve", json={"reason": "seen"})
        await web.post(f"{API}/goals/shop/g1/cancel", json={})
        forged = await web.post(f"{API}/plans/shop/p1/approve", json={"by": "olga"})
        created = await web.post(
            f"{API}/goals",
            json={
                "entity_id": "shop",
                "target_metric": "load",
                "target_value": 1,
                "metadata": {"requested_by": "olga"},
            },
        )

    assert [command.issued_by for command in source.commands()] == ["ann", "ann"]
    assert error(forged) == (422, "by")
    assert created.status_code == 202
    assert source.goals()[-1].metadata == {"requested_by": "ann"}


async def test_a_token_that_was_taken_away_is_refused_at_once(app, file: Path) -> None:
    async with asking(app, secret("olga")) as web:
        before = await web.get("/tables")
        entries = read_tokens(file)
        del entries["olga"]
        write_tokens(file, entries)
        after = await web.get("/tables")
    async with asking(app, secret("vic")) as web:
        other = await web.get("/tables")

    assert (before.status_code, after.status_code, other.status_code) == (200, 401, 200)


async def test_a_damaged_file_changes_nothing_while_it_runs(app, file: Path) -> None:
    file.write_text("what", encoding="utf-8")
    async with asking(app, secret("vic")) as web:
        assert (await web.get("/tables")).status_code == 200
    async with asking(app, secret("eve")) as web:
        assert (await web.get("/tables")).status_code == 401


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what", "not usable"),
        ('["ann"]\nrole = "king"\nsha256 = "' + "0" * 64 + '"', "role"),
        ('["ann"]\nrole = "admin"\nsha256 = "secret"', "no digest"),
        ('["ann"]\nrole = "admin"', "sha256"),
        ('["an n"]\nrole = "admin"\nsha256 = "' + "0" * 64 + '"', "not a name"),
        (
            "".join(f'["{n}"]\nrole = "admin"\nsha256 = "{"0" * 64}"\n' for n in ("a", "b")),
            "same token",
        ),
    ],
)
def test_a_file_that_is_not_understood_stops_the_start(
    file: Path, source: AgentSource, text: str, words: str
) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        create_app(source, CollectorRegistry(), WebOptions(tokens_file=file))


def test_the_file_is_for_its_owner_alone_and_holds_no_token(file: Path) -> None:
    assert os.stat(file).st_mode & 0o777 == 0o600
    text = file.read_text(encoding="utf-8")
    assert all(name in text and secret(name) not in text for name in PEOPLE)


def test_an_address_in_the_network_needs_one_of_both(file: Path) -> None:
    WebOptions(host="10.1.2.3", tokens_file=file)
    WebOptions(host="10.1.2.3", token=SecretStr(TOKEN))
    with pytest.raises(ConfigError, match="without a token"):
        WebOptions(host="10.1.2.3")
