"""Questions about one entity: answered here when this worker owns it, else by the owner."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from streams.web.group.peers import PeerDirectory, Reply
from streams.web.group.source import ViewSource
from streams.web.http.errors import Refusal, Refused, not_now
from streams.web.http.requests import Message, Name

_T = TypeVar("_T")
_SERIES_ALIASES = {"entity": "entity_id", "metric": "metric_name"}
_REFUSALS = (400, 404, 409, 422)
"""Answers about the question itself, which are the same wherever it is asked."""


class SeriesRequest(Message, frozen=True, kw_only=True):
    """One series."""

    aliases = _SERIES_ALIASES
    entity_id: Name
    metric_name: Name


class Relay:
    """Passes a question on to the worker that owns its entity, once."""

    def __init__(self, source: ViewSource, peers: PeerDirectory | None) -> None:
        self._source = source
        self._peers = peers

    async def ask(
        self, entity: str, path: str, params: dict[str, str], kind: type[_T], *, local: bool
    ) -> _T | None:
        """What the owner of ``entity`` answers to GET ``path``; None when that is this worker.

        ``kind`` is the form of a good answer. ``local`` is set for a question that comes from
        another worker: it is never passed on, so none travels in circles. Raises Refused with the
        owner's refusal, or with 503 when no owner can be asked.
        """
        count = self._source.partition_count()
        if not count:
            raise partitions_unknown("entity_id", entity)
        partition = self._source.partition_of(entity)
        if partition in self._source.owned():
            return None
        nobody = nobody_has(partition, "entity_id", entity)
        if local or self._peers is None:
            raise nobody
        reply = await self._peers.ask_owner(partition, count, path, params)
        if reply is None:
            raise nobody
        try:
            return _understood(reply, kind)
        except msgspec.DecodeError:
            self._peers.forget()
            raise nobody from None


def partitions_unknown(field: str, value: object) -> Refused:
    """503 of a worker that does not know yet how many partitions there are."""
    return not_now(
        "the partitions are not known yet",
        field=field,
        value=value,
        remedy="try again; GET /health/ready says what the worker waits for",
    )


def nobody_has(partition: int, field: str, value: object) -> Refused:
    """503 for a partition that no reachable worker owns."""
    return not_now(
        f"no worker has partition {partition} ready",
        field=field,
        value=value,
        remedy="try again; if it stays so, list all workers in web.peers and see /health/ready",
    )


def _understood(reply: Reply, kind: type[_T]) -> _T:
    """The answer, or its refusal raised; DecodeError when it is neither."""
    if reply.status == 200:
        return msgspec.json.decode(reply.body, type=kind)
    body = msgspec.json.decode(reply.body, type=Refusal)
    error = body.error
    if reply.status not in _REFUSALS or error.field == "path":
        # The partition has moved, or the peer is of a release that lacks the route.
        raise msgspec.DecodeError(error.message)
    raise Refused(
        reply.status,
        error.message,
        field=error.field,
        value=error.value,
        remedy=error.remedy,
        history=body.history,
    )
