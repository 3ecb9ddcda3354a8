"""Reads the views of a running worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import msgspec
import typer

from streams.cli.state import CliState
from streams.errors import GoalstreamError, Unavailable
from streams.settings.model import read_secret

TIMEOUT_SECONDS = 30.0
LOCAL = "http://127.0.0.1:5003"
Url = Annotated[str, typer.Option(help="Views of any worker of the group.")]
Entity = Annotated[str, typer.Option(help="Of this entity; of all if absent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def read_view(state: CliState, url: str, path: str, query: Mapping[str, str]) -> Any:
    """What a worker answers; the token is that of web.token_file.

    Raises Unavailable when it gives no answer, GoalstreamError with its words when it refuses.
    """
    token_file = state.settings().web.token_file
    headers = (
        {"Authorization": f"Bearer {read_secret(token_file, 'web.token_file')}"}
        if token_file
        else {}
    )
    params = {name: value for name, value in query.items() if value}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
            response = client.get(path, params=params)
            body = msgspec.json.decode(response.content)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
        raise Unavailable(
            f"the worker does not answer: {error}",
            field="--url",
            value=url,
            remedy="give the address of a worker's views",
        ) from error
    if response.is_success:
        return body
    said = body.get("error", {}) if isinstance(body, dict) else {}
    raise GoalstreamError(
        said.get("message") or f"the worker answers with status {response.status_code}",
        field=said.get("field", ""),
        value=said.get("value"),
        remedy=said.get("remedy", ""),
    )


def warn_if_incomplete(body: Mapping[str, Any]) -> None:
    """Say on stderr when something is missing in an answer."""
    if not body["complete"]:
        missing = ", ".join(body["unavailable"]) or "some partitions"
        typer.echo(f"not complete: {missing} did not answer in time", err=True)


def moment(ms: int | None) -> str:
    """A moment for people, in UTC; empty when there is none."""
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
