"""Real servers on free loopback ports."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from streams.errors import ConfigError, GoalstreamError
from streams.runtime.metrics import WorkerMetrics
from streams.web import PeerDirectory, WebOptions, WebServer, create_app, open_peer_client
from tests.kits.web.group import TOKEN
from tests.kits.web.memory import MemorySource

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return server.getsockname()[1]


@asynccontextmanager
async def serving(
    source: MemorySource, *, port: int = 0, peers: tuple[str, ...] = (), token: str | None = None
) -> AsyncIterator[WebServer]:
    options = WebOptions(port=port, peers=peers, token=SecretStr(token) if token else None)
    registry = CollectorRegistry()
    WorkerMetrics(registry).records.labels("metrics").inc(2)
    async with open_peer_client() as client:
        directory = PeerDirectory(options.peers, client, token=options.token)
        app = create_app(source, registry, options, directory)
        server = WebServer(app, options.host, options.port)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
            await directory.close()


def reader(token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(trust_env=False, headers=headers)


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_key_of_b_is_read_through_a(token: str | None) -> None:
    a, b = MemorySource(mine=frozenset({0, 1})), MemorySource(mine=frozenset({2, 3}))
    a.put("suggestions", "e", {"from": "a"})
    b.put("suggestions", "e/ü", {"from": "none"})
    b.put("metric_state", "abc/cpu %.?", {"from": "b"})
    ports = free_port(), free_port()
    peers = tuple(f"http://{LOOPBACK}:{port}" for port in ports)
    async with (
        serving(a, port=ports[0], peers=peers, token=token) as server_a,
        serving(b, port=ports[1], peers=peers, token=token) as server_b,
        reader(token) as http,
    ):
        for server in (server_a, server_b):
            row = await http.get(f"{server.url}/tables/metric_state/abc/cpu%20%25.%3F")
            assert row.json()["value"] == {"from": "b"}
            row = await http.get(f"{server.url}/tables/suggestions/e")
            assert row.json()["value"] == {"from": "a"}
            missing = await http.get(f"{server.url}/tables/suggestions/xyz")
            assert missing.status_code == 404
            listing = (await http.get(f"{server.url}/tables/suggestions?all=true")).json()
            assert [item["key"] for item in listing["items"]] == ["e"]
            assert listing["complete"]

        await server_b.stop()
        gone = await http.get(f"{server_a.url}/tables/metric_state/abc/cpu%20%25.%3F")
        assert (gone.status_code, gone.headers["retry-after"]) == (503, "1")


async def test_the_token_and_the_host_are_checked_on_the_wire() -> None:
    async with serving(MemorySource(), token=TOKEN) as server, reader() as http:
        assert (await http.get(f"{server.url}/health/live")).status_code == 200
        assert (await http.get(f"{server.url}/tables")).status_code == 401
        rebound = await http.get(
            f"{server.url}/tables",
            headers={"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"},
        )
        assert rebound.status_code == 421


async def test_metrics_are_scraped() -> None:
    async with serving(MemorySource()) as server, reader() as http:
        scrape = await http.get(
            f"{server.url}/metrics", headers={"Accept": "application/openmetrics-text"}
        )

    assert scrape.headers["content-type"].startswith("application/openmetrics-text")
    assert 'goalstream_records_total{topic="metrics"} 2.0' in scrape.text
    assert "server" not in scrape.headers


async def test_a_head_request_has_no_body() -> None:
    async with serving(MemorySource()) as server, reader() as http:
        response = await http.head(f"{server.url}/tables")

    assert response.status_code == 200
    assert int(response.headers["content-length"]) > 0
    assert response.content == b""


async def test_a_taken_port_names_itself_and_the_remedy() -> None:
    async with serving(MemorySource()) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConfigError) as caught:
            async with serving(MemorySource(), port=port):
                pytest.fail("two servers on one port")

    assert caught.value.value == f"{LOOPBACK}:{port}"
    assert f"{LOOPBACK}:{port}" in caught.value.message
    assert "another" in caught.value.remedy


async def test_a_host_that_is_not_here_is_refused() -> None:
    server = WebServer(
        create_app(MemorySource(), CollectorRegistry(), WebOptions()), "192.0.2.1", 0
    )

    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        await server.start()

    await server.stop()


async def test_stop_frees_the_port_and_start_works_again() -> None:
    app = create_app(MemorySource(), CollectorRegistry(), WebOptions())
    server = WebServer(app, LOOPBACK, free_port())
    for _ in range(2):
        await server.start()
        with pytest.raises(GoalstreamError, match="runs already"):
            await server.start()
        async with reader() as http:
            assert (await http.get(f"{server.url}/health/live")).status_code == 200
        await server.stop()
        async with reader() as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{server.url}/health/live")


async def test_signals_stay_with_their_owner() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    async with serving(MemorySource()):
        during = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    assert during == before


async def test_ipv6_loopback() -> None:
    server = WebServer(create_app(MemorySource(), CollectorRegistry(), WebOptions()), "::1", 0)
    await server.start()
    try:
        async with reader() as http:
            response = await http.get(f"{server.url}/health/live")
    finally:
        await server.stop()

    assert response.status_code == 200
    assert server.url.startswith("http://[::1]:")


async def test_an_open_connection_does_not_hold_up_the_stop() -> None:
    async with serving(MemorySource()) as server:
        port = int(server.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        await writer.drain()
        async with asyncio.timeout(10):
            await server.stop()
        writer.close()
