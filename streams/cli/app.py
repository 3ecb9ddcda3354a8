"""The command ``goalstream``: global options, and the commands, each loaded when it is used.

A new command is a module with a line in ``COMMANDS``. What a module imports at its top costs time
whenever help is asked for: slow libraries are imported where they are used.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from streams.cli.state import CliState, complain
from streams.errors import ConfigError, GoalstreamError

COMMANDS = {
    "config": "Print the settings in force as TOML: flags, environment, file and defaults.",
    "topics": "Declared topics, schemas and access rules.",
    "produce": "Send records; columns or keys are the record's fields.",
    "consume": "Print records as JSON lines until interrupted.",
    "export": "Write a line for each entity; ``goalstream produce commands FILE`` imports them "
    "elsewhere.",
    "doctor": "Check versions, settings, broker, topics, registry and state; exit code 1 on a "
    "failure.",
    "worker": "Run a worker: read the inputs, keep state, publish, serve the views.",
    "demo": "Replay real series against a worker: watch forecasts, goals, plans and measured "
    "effects.",
    "backtest": "Replay recorded series and compare each forecast with what came. Needs no broker.",
    "goal": "Create, cancel and list goals.",
    "command": "Send a command, also one of a feature of your own; list all.",
    "plan": "List plans; approve or reject those that wait.",
    "mode": "Show and set what may be done without a person.",
    "token": "Tokens of people and services, with their roles.",
    "policy": "How candidates are chosen.",
    "state": "Find damaged values of the changelogs; repair them.",
    "replay": "Feed recorded topics to the core and compare its decisions with those recorded.",
}
"""Name of the module, which is that of the command, and the first line of its help."""
MODULES = {"state": "state_repair"}
"""Modules of another name than their command."""


class Deferred(TyperCommand):
    """A command of which only name and summary are known until it is called, or asked for help
    or completion. Its module has a group ``app``, or a function of the command's name."""

    def load(self) -> Any:
        name = str(self.name)
        module = import_module(f"streams.cli.{MODULES.get(name, name)}")
        if hasattr(module, "app"):
            return get_group(module.app)
        single = typer.Typer(add_completion=False)
        single.command()(getattr(module, str(self.name)))
        return get_command(single)

    def make_context(self, info_name: str | None, args: list[str], **extra: Any) -> Any:
        return self.load().make_context(info_name, args, **extra)


class Goalstream(TyperGroup):
    """All commands. Turns every error raised on purpose into one message on stderr and exit
    code 1."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, summary in COMMANDS.items():
            self.add_command(Deferred(name, help=summary))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GoalstreamError as error:
            if ctx.params.get("_debug"):
                raise
            complain(error)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Goalstream,
    name="goalstream",
    help="Event-streaming engine for goal-driven systems on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CLIENTS = ("confluent-kafka", "aiokafka", "faust-streaming")


def _show_version(wanted: bool) -> None:
    if wanted:
        for name in ("goalstream", *CLIENTS):
            typer.echo(f"{name} {version(name)}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="GOALSTREAM_CONFIG",
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
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the release and those of the Kafka clients.",
        ),
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
