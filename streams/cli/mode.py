"""``goalstream mode``: what the engine may do by itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from streams.cli.requests import By, Direct, NoWait, Way, ask_command
from streams.cli.views import AsJson, Entity, Url, moment, read_view
from streams.errors import ConfigError, InvalidRecord

app = typer.Typer(help="Show and set what may be done without a person.", no_args_is_help=True)


class ModeChoice(StrEnum):
    OBSERVE = "observe"
    RECOMMEND = "recommend"
    APPROVE = "approve"
    ACT = "act"
    DEFAULT = "default"


class Switch(StrEnum):
    TRUE = "true"
    FALSE = "false"
    DEFAULT = "default"


@app.command("show")
def show(ctx: typer.Context, entity: Entity = "", url: Url = "", as_json: AsJson = False) -> None:
    """Show what is permitted, as the workers have applied it."""
    body = read_view(ctx.obj, url, "/api/autonomous/mode", {"entity_id": entity})
    if as_json:
        typer.echo(msgspec.json.encode(body).decode())
        return
    system = body["system"]
    for line in _lines(system):
        typer.echo(line)
    if not system["settled"]:
        typer.echo("not settled: the partitions differ, or some did not answer", err=True)
    if entity:
        typer.echo(f"{entity}: {msgspec.json.encode(body['entity']).decode()}")


@app.command("set")
def set_(  # noqa: PLR0913 - what is asked, and by which way
    ctx: typer.Context,
    mode: Annotated[
        ModeChoice | None, typer.Argument(help="The most that may be done; default takes it back.")
    ] = None,
    autonomous: Annotated[
        Switch | None, typer.Option(help="Whether goals are set without a person.")
    ] = None,
    goal_type: Annotated[
        str, typer.Option(help="For goals of this type; * for all that are not named.")
    ] = "",
    loop: Annotated[str, typer.Option(help="For this loop; * for all that are not named.")] = "",
    entity: Annotated[str, typer.Option(help="For this entity; for all if absent.")] = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """Permit more or less, from the moment at which the workers read it."""
    from streams.core.kernel.commands import EVERYBODY
    from streams.core.safety.commands import set_mode
    from streams.core.safety.modes import Controls

    given = {
        "mode": mode.value if mode else "",
        "autonomous": autonomous.value if autonomous else "",
        "goal_type": goal_type,
        "loop": loop,
    }
    arguments = {name: value for name, value in given.items() if value}
    try:
        set_mode(Controls(), arguments, by=by, now=0)
    except InvalidRecord as error:
        field = error.field.removeprefix("arguments.")
        raise ConfigError(
            error.message, field=field, value=error.value, remedy=error.remedy
        ) from None
    way = Way(ctx.obj, url, direct, no_wait, by)
    typer.echo(ask_command(way, entity or EVERYBODY, "mode.set", arguments=arguments))


def _lines(system: dict[str, Any]) -> list[str]:
    lines = [
        f"agent: {'running' if system['running'] else 'stopped'}",
        f"autonomous: {str(system['autonomous']).lower()}",
        f"mode: {system['mode']}",
    ]
    for kind, name in (("goal_types", "goal type"), ("loops", "loop")):
        lines += [f"mode of {name} {each}: {mode}" for each, mode in system[kind].items()]
    if system["killed"]:
        lines.append(f"kill switch: {system['killed']}")
    if system["changed_by"] or system["changed_at"]:
        who = system["changed_by"] or "somebody"
        lines.append(f"changed: {moment(system['changed_at'])} by {who}")
    return lines
