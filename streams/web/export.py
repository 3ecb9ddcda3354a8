"""Goals and patterns as commands that import them elsewhere."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streams.core.transfer import IMPORT
from streams.records import Command
from streams.web.answers import Refused, answer
from streams.web.forecast_messages import Limit, RowsAnswer
from streams.web.ingest import now_ms
from streams.web.requests import Message, Name, body_as, query
from streams.web.rows import Rows

TABLE = "knowledge"
_ENTITY_ALIASES = {"entity": "entity_id"}


class ExportRequest(Message, frozen=True, kw_only=True):
    """What is to be taken along."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    """Of this entity; without it a page of all entities."""
    after: str = ""
    """``next`` of the page before; for all entities only."""
    limit: Limit = 100
    """Entities; for all entities only."""


class ExportAnswer(RowsAnswer, frozen=True, kw_only=True):
    """Lines for ``goalstream produce commands``, one for each entity."""

    commands: list[Command]


class Export:
    """The route that takes knowledge out; ``goalstream produce commands`` takes it in."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def export(self, request: Request) -> Response:
        query(request, ())
        asked = await body_as(request, ExportRequest)
        if asked.entity_id is not None:
            row = await self._rows.one(request, TABLE, asked.entity_id)
            if row is None:
                raise Refused(
                    404,
                    "nothing is known of this entity",
                    field="entity_id",
                    value=asked.entity_id,
                    remedy="GET /tables/knowledge lists the entities",
                )
            return answer(ExportAnswer(commands=[_command(asked.entity_id, row)]))
        page = await self._rows.page(request, TABLE, asked.after, asked.limit)
        body = ExportAnswer(
            commands=[_command(item.key, item.value) for item in page.items],
            next=page.next,
            complete=page.complete,
            unavailable=page.unavailable,
        )
        return answer(body)


def _command(entity_id: str, knowledge: Any) -> Command:
    return Command(
        entity_id=entity_id,
        timestamp=now_ms(),
        command_id=f"import-{uuid.uuid4()}",
        command=IMPORT,
        arguments={"knowledge": msgspec.json.encode(knowledge).decode()},
    )
