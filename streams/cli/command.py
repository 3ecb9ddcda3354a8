"""``goalstream command``: every command that the features declare."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from streams.cli.requests import By, Direct, NoWait, Way, ask_command
from streams.cli.views import Url
from streams.errors import ConfigError

app = typer.Typer(help="Send a command, also one of a feature of your own; list all.")


@app.command("send")
def send(  # noqa: PLR0913 - what is asked, and by which way
    ctx: typer.Context,
    entity: Annotated[str, typer.Argument(help="The entity, or * for all.")],
    name: Annotated[str, typer.Argument(help="The command, e.g. goal.cancel.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Its arguments.")
    ] = None,
    target: Annotated[str, typer.Option(help="Id of the goal or plan that is meant.")] = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """Ask for a command and print what became of it; with --kafka its id."""
    given = dict(_argument(text) for text in arguments or ())
    way = Way(ctx.obj, url, direct, no_wait, by)
    typer.echo(ask_command(way, entity, name, target=target, arguments=given))


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
