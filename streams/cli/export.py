"""``goalstream export``: goals and patterns of a running system, as commands that import them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import msgspec
import typer

from streams.cli.state import CliState
from streams.core.transfer import IMPORT
from streams.errors import Unavailable
from streams.settings.model import read_secret

PAGE = 1000
TIMEOUT_SECONDS = 30.0


def export(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Option(help="Views of any worker of the group.")
    ] = "http://127.0.0.1:5003",
) -> None:
    """Write a line for each entity; ``goalstream produce commands FILE`` imports them elsewhere.

    An entity that already has goals or patterns there refuses its line (dead letter not_empty).
    The token is that of web.token_file.
    """
    state: CliState = ctx.obj
    token_file = state.settings().web.token_file
    headers = (
        {"Authorization": f"Bearer {read_secret(token_file, 'web.token_file')}"}
        if token_file
        else {}
    )
    count = 0
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
        for entity, knowledge in rows(client):
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


def rows(client: httpx.Client) -> Iterator[tuple[str, Any]]:
    """(entity, knowledge) of all workers; raises Unavailable unless every one has answered."""
    after: str | None = ""
    while after is not None:
        page = _page(client, after)
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


def _page(client: httpx.Client, after: str) -> dict[str, Any]:
    query = {"all": "true", "limit": str(PAGE), "after": after}
    try:
        response = client.get("/tables/knowledge", params=query)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"the worker does not answer: {error}",
            field="--url",
            value=str(client.base_url),
            remedy="give the address of a worker's views, and web.token_file where it has one",
        ) from error
    return msgspec.json.decode(response.content)
