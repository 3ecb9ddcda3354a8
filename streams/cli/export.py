"""``goalstream export``: goals and patterns of a running system, as commands that import them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import typer

from streams.cli.state import CliState
from streams.cli.views import Url, read_view
from streams.errors import Unavailable

PAGE = 1000


def export(ctx: typer.Context, url: Url = "") -> None:
    """Write a line for each entity; ``goalstream produce commands FILE`` imports them elsewhere.

    An entity that already has goals or patterns there refuses its line (dead letter not_empty).
    """
    from streams.core.transfer import IMPORT

    state: CliState = ctx.obj
    count = 0
    for entity, knowledge in _rows(state, url):
        line = {
            "command_id": f"import-{state.new_id()}",
            "entity_id": entity,
            "timestamp": state.now(),
            "command": IMPORT,
            "arguments": {"knowledge": msgspec.json.encode(knowledge).decode()},
        }
        typer.echo(msgspec.json.encode(line).decode())
        count += 1
    typer.echo(f"{count} entities", err=True)


def _rows(state: CliState, url: str) -> Iterator[tuple[str, Any]]:
    """(entity, knowledge) of all workers; raises Unavailable unless every one has answered."""
    after: str | None = ""
    while after is not None:
        query = {"all": "true", "limit": str(PAGE), "after": after}
        page = read_view(state, url, "/tables/knowledge", query)
        if not page["complete"]:
            raise Unavailable(
                "some partitions did not answer",
                field="unavailable",
                value=page.get("unavailable", []),
                remedy="name every worker in web.peers, and try again when all are ready",
            )
        for item in page["items"]:
            yield item["key"], item["value"]
        after = page["next"]
