"""What became of a request: told by the worker that owns its partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from streams.errors import Unavailable
from streams.runtime.publisher import Written
from streams.runtime.results import APPLIED, Result
from streams.web.group.peers import PeerDirectory
from streams.web.group.source import ViewSource

ASK_SECONDS = 1.0
"""For which another worker waits before it says that it does not know yet."""
_AGAIN_SECONDS = 0.2


class ResultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one record of ``commands`` or ``goals``."""

    known: bool
    """False while it is not handled, or when that was on another worker."""
    reason: str = ""
    """Why it was refused; empty when it was applied."""
    detail: str = ""


class Followed:
    """Follows records to where they are applied."""

    def __init__(self, source: ViewSource, peers: PeerDirectory | None) -> None:
        self._source = source
        self._peers = peers

    async def here(
        self, logical: str, partition: int, offset: int, seconds: float
    ) -> Result | None:
        """What this worker knows within ``seconds``."""
        if partition not in self._source.owned():
            return None
        return await self._source.result(logical, partition, offset, seconds)

    async def all(self, logical: str, written: Sequence[Written], seconds: float) -> Result | None:
        """The first refusal, APPLIED when there is none, None when not all are known in time."""
        deadline = time.monotonic() + seconds
        results = await asyncio.gather(
            *(self._one(logical, at.partition, at.offset, deadline) for at in written)
        )
        refused = next((result for result in results if result and result.reason), None)
        if refused is not None:
            return refused
        return APPLIED if all(results) else None

    async def _one(
        self, logical: str, partition: int, offset: int, deadline: float
    ) -> Result | None:
        while (left := deadline - time.monotonic()) > 0:
            if partition in self._source.owned():
                wait = min(left, ASK_SECONDS)
                found = await self._source.result(logical, partition, offset, wait)
            else:
                found = await self._asked(logical, partition, offset)
            if found is not None:
                return found
            await asyncio.sleep(min(_AGAIN_SECONDS, left))
        return None

    async def _asked(self, logical: str, partition: int, offset: int) -> Result | None:
        if self._peers is None:
            return None
        path = f"/results/{logical}/{partition}/{offset}"
        count = self._source.partition_count()
        try:
            reply = await self._peers.ask_owner(partition, count, path)
            answer = None if reply is None else msgspec.json.decode(reply.body, type=ResultAnswer)
        except (Unavailable, msgspec.DecodeError):
            return None
        return Result(answer.reason, answer.detail) if answer is not None and answer.known else None
