"""``goalstream command``: every command that the features declare."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from streams.cli.requests import By, send_command
from streams.errors import ConfigError

app = typer.Typer(help="Send a command, also one of a feature of your own; list all.")


@app.command("send")
def send(
    ctx: typer.Context,
    entity: Annotated[str, typer.Argument(help="The entity, or * for all.")],
    name: Annotated[str, typer.Argument(help="The command, e.g. goal.cancel.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Its arguments.")
    ] = None,
    target: Annotated[str, typer.Option(help="Id of the goal or plan that is meant.")] = "",
    by: By = "",
) -> None:
    """Check a command as the engine will, and write it."""
    given = dict(_argument(text) for text in arguments or ())
    typer.echo(send_command(ctx.obj, entity, name, target=target, arguments=given, by=by))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List commands with their arguments."""
    from rich.console import Console

    from streams.core.features import build_features

    table = Table("command", "what it does", "target", "arguments")
    for name, spec in sorted(build_features(ctx.obj.settings().core()).commands.items()):
        told = ", ".join(f"{each.name} ({each.kind})" for each in spec.described())
        table.add_row(name, spec.summary, spec.target, told)
    Console().print(table)


def _argument(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ConfigError(
            "not an argument", field="NAME=VALUE", value=text, remedy="write name=value"
        )
    return name, value
