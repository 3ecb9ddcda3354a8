"""``goalstream state``: what is damaged in the changelogs, and how it begins anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.state import CliState
from streams.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.runtime.flawed import Flawed

app = typer.Typer(help="Find damaged values of the changelogs; repair them.", no_args_is_help=True)

Entities = Annotated[
    list[str] | None, typer.Argument(help="Only these entities; without names all of them.")
]


@app.command("check")
def check(ctx: typer.Context, entities: Entities = None) -> None:
    """Read all changelogs and list each key whose newest value is damaged; code 1 when there is
    any. Workers may run."""
    flawed = _found(ctx.obj, entities)
    if flawed:
        raise typer.Exit(1)


@app.command("repair")
def repair(
    ctx: typer.Context,
    entities: Entities = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only tell what would begin anew.")
    ] = False,
) -> None:
    """Let what is damaged begin anew: an entity without its state, a series without its models.

    All workers must be stopped. The damaged values stay among the dead letters.
    """
    from streams.runtime.admin import Cluster
    from streams.runtime.connect import topology_of
    from streams.runtime.flawed import repair as repair_flawed

    state: CliState = ctx.obj
    settings = state.settings()
    client = settings.librdkafka()
    app_id = settings.worker.app_id
    running = Cluster(client).members(app_id)
    if running:
        raise ConfigError(
            "workers are running, and would not hear of it",
            field="worker.app_id",
            value=f"{app_id} ({running} members)",
            remedy="stop all workers of this application, then repair",
        )
    flawed = _found(state, entities)
    if not flawed:
        return
    if not yes:
        typer.echo("nothing was changed; add --yes to let them begin anew")
        raise typer.Exit(1)
    repair_flawed(topology_of(settings), client, flawed)
    typer.echo("they begin anew with the next start")


def _found(state: CliState, entities: Sequence[str] | None) -> list[Flawed]:
    from streams.runtime.connect import topology_of
    from streams.runtime.flawed import find_flawed

    settings = state.settings()
    found = find_flawed(topology_of(settings), settings.librdkafka(), settings.worker.app_id)
    flawed = [each for each in found if not entities or each.entity in entities]
    for each in flawed:
        typer.echo(f"{each}: {each.reason}")
    typer.echo(f"{len(flawed)} damaged values")
    return flawed
