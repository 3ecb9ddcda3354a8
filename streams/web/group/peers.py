"""The other workers: only those on the list, never with a reader's headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import msgspec
from pydantic import SecretStr

from streams.errors import Unavailable
from streams.web.http.errors import MEDIA_TYPE as PROBLEM
from streams.web.http.options import peer_addresses
from streams.web.http.requests import HOP_HEADER

TIMEOUT_SECONDS = 3.0
CLAIMS_SECONDS = 2.0
ANSWER_BYTES = 8 * 1024 * 1024
STATUSES = (200, 400, 404, 409, 422, 503)
"""Of answers that say something about the question."""
_MEDIA_TYPES = ("application/json", PROBLEM)


def open_peer_client() -> httpx.AsyncClient:
    """A client that ignores proxies and credentials of the environment and follows nothing."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS)


class Claims(msgspec.Struct, frozen=True):
    """Which partitions a worker owns and has recovered."""

    count: int
    """Partitions in the whole group."""
    owned: list[int]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer said, with one of STATUSES and a body of JSON."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    task: asyncio.Task[Claims | None]


class PeerDirectory:
    """Knows which listed worker owns a partition, and asks it."""

    def __init__(
        self,
        allow_list: Iterable[str],
        client: httpx.AsyncClient,
        *,
        token: SecretStr | None = None,
        clock: Callable[[], float] = time.monotonic,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        """``clock`` gives seconds; ConfigError when an address of the list is unfit."""
        self.peers = peer_addresses(allow_list)
        self._client = client
        self._clock = clock
        self._answer_bytes = answer_bytes
        # Encoded answers could unpack to far more than the limit.
        self._headers = {HOP_HEADER: "1", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._asked: dict[str, _Asked] = {}

    async def owner_of(self, partition: int, count: int) -> str | None:
        """The first peer found to own ``partition`` of ``count``; None when nobody says so."""
        waiting = {self._claims(peer): peer for peer in self.peers}
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                peer, claims = waiting.pop(task), task.result()
                if claims and claims.count == count and partition in claims.owned:
                    return peer
        return None

    async def ask_owner(
        self, partition: int, count: int, path: str, params: dict[str, str] | None = None
    ) -> Reply | None:
        """GET ``path`` of the peer found to own ``partition`` of ``count``; None without one.

        Raises Unavailable when that peer gives no usable answer in time.
        """
        owner = await self.owner_of(partition, count)
        return None if owner is None else await self.get(owner, path, params)

    def forget(self) -> None:
        """Ask anew at the next occasion: a partition was found to have moved."""
        self._asked = {peer: asked for peer, asked in self._asked.items() if not asked.task.done()}

    async def get(self, peer: str, path: str, params: dict[str, str] | None = None) -> Reply:
        """GET ``path`` of a listed peer; Unavailable when it gives no usable answer in time."""
        if peer not in self.peers:
            raise Unavailable(
                "not a listed worker", field="web.peers", value=peer, remedy="add it to the list"
            )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._get(peer, path, params)
        except TimeoutError:
            raise _no_answer(peer, f"no answer within {TIMEOUT_SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _no_answer(peer, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """End the questions under way. The client stays open; whoever opened it closes it."""
        tasks = [asked.task for asked in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _claims(self, peer: str) -> asyncio.Task[Claims | None]:
        """One question to a peer at a time, its answer (also none) held for a moment."""
        asked = self._asked.get(peer)
        now = self._clock()
        if asked is None or (asked.task.done() and now - asked.at >= CLAIMS_SECONDS):
            asked = _Asked(now, asyncio.create_task(self._ask_claims(peer)))
            self._asked[peer] = asked
        return asked.task

    async def _ask_claims(self, peer: str) -> Claims | None:
        try:
            reply = await self.get(peer, "/partitions")
            return msgspec.json.decode(reply.body, type=Claims) if reply.status == 200 else None
        except (Unavailable, msgspec.DecodeError):
            return None

    async def _get(self, peer: str, path: str, params: dict[str, str] | None) -> Reply:
        request = self._client.stream(
            "GET", peer + path, params=params, headers=self._headers, follow_redirects=False
        )
        async with request as response:
            self._check(peer, response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._answer_bytes:
                    raise self._too_large(peer)
            return Reply(response.status_code, bytes(body))

    def _check(self, peer: str, response: httpx.Response) -> None:
        status, headers = response.status_code, response.headers
        if response.has_redirect_location:
            raise _no_answer(peer, "it answered with a redirect, which is not followed")
        if status == 401:
            raise _no_answer(peer, "it refused the token", "give all workers the same token")
        if status == 421:
            raise _no_answer(peer, "it does not know its name", "set its web.allowed_hosts")
        if status not in STATUSES:
            raise _no_answer(peer, f"it answered with status {status}")
        if headers.get("content-type", "").partition(";")[0] not in _MEDIA_TYPES:
            raise _no_answer(peer, "its answer is not JSON")
        if headers.get("content-encoding", "identity") != "identity":
            raise _no_answer(peer, "its answer is compressed")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._answer_bytes:
            raise self._too_large(peer)

    def _too_large(self, peer: str) -> Unavailable:
        problem = f"its answer is larger than {self._answer_bytes} bytes"
        return _no_answer(peer, problem, "ask for fewer rows with limit")


def table_path(table: str, key: str | None = None) -> str:
    """The path of a table or of a row; every key comes back unchanged at the other side."""
    path = f"/tables/{quote(table, safe='')}"
    # Dots are escaped too: a key of dots would otherwise be taken for a step up the path.
    return path if key is None else f"{path}/{quote(key, safe='').replace('.', '%2E')}"


def _no_answer(peer: str, problem: str, remedy: str = "") -> Unavailable:
    return Unavailable(
        f"a worker gives no usable answer: {problem}",
        field="web.peers",
        value=peer,
        remedy=remedy or "check that the address is a running goalstream worker",
    )
