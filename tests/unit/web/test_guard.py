from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.types import Message

from streams.web import WebOptions, create_app
from tests.kits.web.group import TOKEN
from tests.kits.web.memory import MemorySource


def reader(options: WebOptions, local: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client whose connections come in at the address ``local``."""
    app = create_app(MemorySource(), CollectorRegistry(), options)

    async def at_local(scope, receive, send) -> None:
        await app(scope | {"server": (local, 5003)}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(at_local), base_url="http://localhost")


LOCKED = WebOptions(host="10.1.2.3", token=SecretStr(TOKEN), allowed_hosts=("Worker-1.example",))


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1:5003", "[::1]:5003", "LOCALHOST:80", "worker-1.example:5003",
     "10.1.2.3", "10.9.9.9:5003"],
)  # fmt: skip
async def test_own_names_are_answered(host: str) -> None:
    response = await reader(LOCKED, "10.9.9.9").get("/health/live", headers={"Host": host})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "worker-1.example.evil.example", "localhost.evil.example", "10.9.9.8",
     "127.0.0.2", "169.254.169.254:80"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/health/live", "/tables", "/none"])
async def test_a_rebound_name_is_refused_on_every_path(host: str, path: str) -> None:
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}

    response = await reader(LOCKED, "10.9.9.9").get(path, headers=headers)

    assert response.status_code == 421
    assert response.json()["error"]["field"] == "Host"
    assert "web.allowed_hosts" in response.json()["error"]["remedy"]


async def test_a_name_never_counts_as_the_own_address() -> None:
    response = await reader(WebOptions(), "evil.example").get(
        "/api", headers={"Host": "evil.example"}
    )

    assert response.status_code == 421


@pytest.mark.parametrize(
    "hosts",
    [[], ["localhost", "evil.example"], [""], ["user@localhost"], ["localhost/x"], ["[::1"],
     ["localhost:port"]],
)  # fmt: skip
async def test_a_host_header_that_is_none_is_refused(hosts: list[str]) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api",
        "query_string": b"",
        "headers": [(b"host", host.encode()) for host in hosts],
        "server": ("127.0.0.1", 5003),
    }
    await create_app(MemorySource(), CollectorRegistry(), WebOptions())(scope, receive, send)

    assert sent[0]["status"] == 400


PATHS = ["/health", "/api", "/metrics", "/partitions", "/tables", "/tables/goals",
         "/tables/goals/g1", "/none", "/health/live/", "//health/live"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "shown",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}",
     TOKEN, "Bearer \u00e4"],
)  # fmt: skip
async def test_without_the_token_nothing_is_told(path: str, shown: str | None) -> None:
    headers = [] if shown is None else [(b"Authorization", shown.encode("latin-1"))]

    response = await reader(LOCKED).get(path, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["field"] == "Authorization"
    assert TOKEN not in response.text


async def test_two_authorization_headers_are_none() -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")]

    assert (await reader(LOCKED).get("/api", headers=headers)).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens(scheme: str) -> None:
    response = await reader(LOCKED).get("/api", headers={"Authorization": f"{scheme} {TOKEN}"})

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_probes_need_no_token(path: str) -> None:
    assert (await reader(LOCKED).get(path)).status_code == 200


async def test_the_method_is_not_told_without_the_token() -> None:
    assert (await reader(LOCKED).post("/tables")).status_code == 401


async def test_websockets_are_closed_at_once() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/tables", "headers": [(b"host", b"localhost")]}
    await create_app(MemorySource(), CollectorRegistry(), WebOptions())(scope, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
