"""Asks a running worker: one address, one token and one way to fail for every command."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from streams.cli.state import CliState
from streams.errors import ConfigError, GoalstreamError, Unavailable

if TYPE_CHECKING:
    from streams.settings import Settings

TIMEOUT_SECONDS = 30.0
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="GOALSTREAM_URL",
        show_default=False,
        help="Address of any worker of the group. That of web.host and web.port if absent.",
    ),
]
Entity = Annotated[str, typer.Option(help="Of this entity; of all if absent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def read_view(state: CliState, url: str, path: str, query: Mapping[str, str]) -> Any:
    """What the worker at ``url``, or where the settings say, answers to GET; empty values are left
    out. Raises like ``call_worker``."""
    params = {name: value for name, value in query.items() if value}
    return call_worker(state, url, "GET", path, params=params)


def call_worker(
    state: CliState,
    url: str,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """What the worker at ``url``, or where the settings say, answers.

    The token is that of web.token_file. Raises Unavailable when it gives no answer,
    GoalstreamError with its words when it refuses.
    """
    import httpx

    from streams.settings import read_secret

    settings = state.settings()
    token_file, address = settings.web.token_file, url or _address(settings)
    shown = dict(headers or {})
    if token_file:
        shown["Authorization"] = f"Bearer {read_secret(token_file, 'web.token_file')}"
    try:
        with httpx.Client(base_url=address, headers=shown, timeout=TIMEOUT_SECONDS) as client:
            response = client.request(method, path, params=params, json=body)
            answer = msgspec.json.decode(response.content)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
        raise Unavailable(
            f"the worker does not answer: {error}",
            field="--url",
            value=address,
            remedy="give the address of a worker's views",
        ) from error
    if response.is_success:
        return answer
    said = answer if isinstance(answer, dict) else {}
    raise GoalstreamError(
        said.get("detail") or f"the worker answers with status {response.status_code}",
        field=said.get("field", ""),
        value=said.get("value"),
        remedy=said.get("remedy", ""),
    )


def _address(settings: Settings) -> str:
    host, port = settings.web.host, settings.web.port
    if not port:
        raise ConfigError(
            "the worker listens on any free port",
            field="web.port",
            value=port,
            remedy="give --url with the address that the worker has logged",
        )
    return f"http://{_asked(host)}:{port}"


def _asked(host: str) -> str:
    """How a worker that listens on ``host`` is reached from its own machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return "[::1]" if address.is_unspecified else f"[{address}]"
    return "127.0.0.1" if address.is_unspecified else host


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
