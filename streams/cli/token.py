"""``goalstream token``: who may ask the workers for what."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.state import CliState
from streams.errors import ConfigError, UnknownName
from streams.records import Role

if TYPE_CHECKING:
    from streams.settings.tokens import TokenEntry

app = typer.Typer(no_args_is_help=True, help="Tokens of people and services, with their roles.")

Name = Annotated[str, typer.Argument(help="Of the person or service; records bear it.")]


@app.command("add")
def add(
    ctx: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What it permits; each role includes those before.")],
) -> None:
    """Make a token and print it, this once. Workers take it at the next request."""
    from streams.settings.tokens import TokenEntry, digest_of, require_name, write_tokens

    require_name(name)
    file, entries = _file(ctx.obj), _entries(ctx.obj)
    if name in entries:
        raise ConfigError(
            "there is a token of this name",
            field="name",
            value=name,
            remedy=f"goalstream token remove {name}",
        )
    token = secrets.token_urlsafe(32)
    write_tokens(file, entries | {name: TokenEntry(role.value, digest_of(token))})
    typer.echo(token)


@app.command("remove")
def remove(ctx: typer.Context, name: Name) -> None:
    """Take a token away. Workers refuse it from the next request on."""
    from streams.settings.tokens import write_tokens

    entries = _entries(ctx.obj)
    if entries.pop(name, None) is None:
        raise UnknownName("no token of this name", field="name", value=name, remedy="see list")
    write_tokens(_file(ctx.obj), entries)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """Print names and roles."""
    for name, entry in sorted(_entries(ctx.obj).items()):
        typer.echo(f"{name}\t{entry.role}")


def _file(state: CliState) -> Path:
    file = state.settings().web.tokens_file
    if not file:
        raise ConfigError(
            "no file of tokens is named",
            field="web.tokens_file",
            value="",
            remedy="name one in goalstream.toml, or in GOALSTREAM_WEB__TOKENS_FILE",
        )
    return Path(file)


def _entries(state: CliState) -> dict[str, TokenEntry]:
    from streams.settings.tokens import read_tokens

    file = _file(state)
    return read_tokens(file) if file.exists() else {}
