"""The command ``goalstream``: global options, and one module per group of commands.

A new command is a function in a module of its own, registered at the end of this file.
"""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from streams.cli import (
    backtest,
    config,
    consume,
    demo,
    doctor,
    export,
    goal,
    mode,
    plan,
    policy,
    produce,
    replay,
    topics,
    worker,
)
from streams.cli.state import CliState, complain
from streams.errors import ConfigError, GoalstreamError
from streams.settings import FILE_VARIABLE


class ErrorBoundary(TyperGroup):
    """Turns every error raised on purpose into one message on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GoalstreamError as error:
            if ctx.params.get("_debug"):
                raise
            complain(error)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=ErrorBoundary,
    name="goalstream",
    help="Event-streaming engine for goal-driven systems on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"goalstream {version('goalstream')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar=FILE_VARIABLE,
            metavar="FILE",
            help="Settings in TOML. Without it goalstream.toml is read if it is there.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting; repeatable."),
    ] = None,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error comes from.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    overrides = dict(_override(text) for text in settings or [])
    # A caller inside the program may have brought a clock and an id source of its own.
    given = ctx.obj or CliState()
    ctx.obj = dataclasses.replace(given, file=config_file, overrides=overrides)


def _override(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(
            "not a setting", field="--set", value=key, remedy="write --set section.key=value"
        )
    return key.strip(), value


def main() -> None:
    """Entry point of the installed command."""
    app()


app.command("config")(config.show)
app.add_typer(topics.app, name="topics")
app.command("produce")(produce.produce)
app.command("consume")(consume.consume)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("worker")(worker.worker)
app.command("demo")(demo.demo)
app.command("backtest")(backtest.backtest)
app.add_typer(goal.app, name="goal")
app.add_typer(plan.app, name="plan")
app.add_typer(mode.app, name="mode")
app.add_typer(policy.app, name="policy")
app.command("replay")(replay.replay)
