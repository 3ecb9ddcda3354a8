from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from streams.errors import ConfigError, Unavailable
from streams.web import PeerDirectory, open_peer_client
from streams.web.group import peers as peers_module
from tests.kits.web.group import Network, respond

B, C = "http://b:5003", "http://c:5003"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(network: Network, clock: Clock) -> AsyncIterator[PeerDirectory]:
    async with httpx.AsyncClient(transport=network, follow_redirects=True) as client:
        directory = PeerDirectory((B, C), client, clock=clock, answer_bytes=100)
        yield directory
        await directory.close()


def claims(*owned: int) -> dict[str, object]:
    return {"count": 4, "owned": owned}


async def test_an_unfit_list_is_refused() -> None:
    async with open_peer_client() as client:
        with pytest.raises(ConfigError, match=r"web\.peers"):
            PeerDirectory(("http://b/path",), client)


async def test_only_listed_peers_are_contacted(directory: PeerDirectory, network: Network) -> None:
    network.handlers["evil"] = respond(200, json={})

    for url in ("http://evil:5003", "http://b:5004", "https://b:5003", "http://b:5003@evil"):
        with pytest.raises(Unavailable, match="not a listed worker"):
            await directory.get(url, "/partitions")

    assert network.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    directory: PeerDirectory, network: Network, status: int
) -> None:
    network.handlers["b"] = respond(status, headers={"Location": "http://evil:80/"})
    network.handlers["evil"] = respond(200, json=claims(1))

    with pytest.raises(Unavailable, match="redirect"):
        await directory.get(B, "/tables/goals")

    assert [request.url.host for request in network.requests] == ["b"]


async def test_an_answer_that_announces_too_much_is_not_read(
    directory: PeerDirectory, network: Network
) -> None:
    async def body() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    headers = {"Content-Length": "101", "Content-Type": "application/json"}
    network.handlers["b"] = respond(200, headers=headers, content=body())

    with pytest.raises(Unavailable, match="larger than 100 bytes"):
        await directory.get(B, "/tables/goals")


async def test_an_endless_answer_is_cut(directory: PeerDirectory, network: Network) -> None:
    chunks = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal chunks
        while True:
            chunks += 1
            yield b"0123456789"

    headers = {"Content-Type": "application/json"}
    network.handlers["b"] = respond(200, headers=headers, content=endless())

    with pytest.raises(Unavailable, match="larger than 100 bytes"):
        await directory.get(B, "/tables/goals")

    assert chunks == 11


async def test_an_answer_at_the_limit_is_taken(directory: PeerDirectory, network: Network) -> None:
    body = b'"' + b"x" * 98 + b'"'
    network.handlers["b"] = respond(200, headers={"Content-Type": "application/json"}, content=body)

    assert (await directory.get(B, "/tables/goals")).body == body


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"status": 200, "html": "<p>"}, "not JSON"),
        ({"status": 401, "json": {}}, "token"),
        ({"status": 421, "json": {}}, "allowed_hosts"),
        ({"status": 500, "json": {}}, "status 500"),
        ({"status": 206, "json": {}}, "status 206"),
    ],
)
async def test_an_unusable_answer_says_why(
    directory: PeerDirectory, network: Network, answer: dict[str, object], problem: str
) -> None:
    network.handlers["b"] = respond(**answer)  # type: ignore[arg-type]  # passed on as given

    with pytest.raises(Unavailable, match=problem) as caught:
        await directory.get(B, "/tables/goals")

    assert (caught.value.field, caught.value.value) == ("web.peers", B)
    assert caught.value.remedy


async def test_a_compressed_answer_is_neither_asked_for_nor_taken(
    directory: PeerDirectory, network: Network
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    async def packed() -> AsyncIterator[bytes]:
        yield b"\x1f\x8b"

    network.handlers["b"] = respond(200, headers=headers, content=packed())

    with pytest.raises(Unavailable, match="compressed"):
        await directory.get(B, "/tables/goals")

    assert network.requests[0].headers["accept-encoding"] == "identity"


async def test_a_peer_that_drips_is_given_up(
    directory: PeerDirectory, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers_module, "TIMEOUT_SECONDS", 0.05)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    network.handlers["b"] = never

    with pytest.raises(Unavailable, match=r"within 0\.05 s"):
        await directory.get(B, "/tables/goals")


async def test_the_owner_is_the_one_that_says_so(
    directory: PeerDirectory, network: Network
) -> None:
    network.handlers["b"] = respond(200, json=claims(0, 1))
    network.handlers["c"] = respond(200, json=claims(3))

    assert [await directory.owner_of(partition, 4) for partition in range(4)] == [B, B, None, C]


async def test_claims_are_held_for_two_seconds(
    directory: PeerDirectory, network: Network, clock: Clock
) -> None:
    network.handlers["b"] = respond(200, json=claims(1))
    network.handlers["c"] = respond(200, json=claims(2))
    await asyncio.gather(*(directory.owner_of(2, 4) for _ in range(10)))
    assert len(network.requests) == 2

    clock.now = 1.9
    assert await directory.owner_of(1, 4) == B
    assert len(network.requests) == 2

    clock.now = 2.0
    network.handlers["b"] = respond(200, json=claims())
    assert await directory.owner_of(1, 4) is None
    assert len(network.requests) == 4


async def test_what_was_forgotten_is_asked_anew(directory: PeerDirectory, network: Network) -> None:
    network.handlers["b"] = respond(200, json=claims())
    assert await directory.owner_of(1, 4) is None
    network.handlers["b"] = respond(200, json=claims(1))

    directory.forget()

    assert await directory.owner_of(1, 4) == B


async def test_a_silent_peer_does_not_hold_up_the_owner(
    directory: PeerDirectory, network: Network
) -> None:
    asked = asyncio.Event()

    async def silent(request: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    network.handlers["b"] = silent
    network.handlers["c"] = respond(200, json=claims(2))

    async with asyncio.timeout(1):
        assert await directory.owner_of(2, 4) == C
        assert await directory.owner_of(2, 4) == C
    assert asked.is_set()
    assert network.paths("b") == ["/partitions"]


@pytest.mark.parametrize("body", [{}, {"count": "4", "owned": [1]}, [1], {"count": 4, "owned": 1}])
async def test_claims_of_another_shape_are_none(
    directory: PeerDirectory, network: Network, body: object
) -> None:
    network.handlers["b"] = respond(200, json=body)

    assert await directory.owner_of(1, 4) is None


async def test_the_peer_client_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://evil:3128")

    async with open_peer_client() as client:
        assert not client.trust_env
        assert not client.follow_redirects
        assert client._mounts == {}
