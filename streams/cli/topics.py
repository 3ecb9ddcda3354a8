"""``goalstream topics``: the declared topics and the cluster."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from streams.cli.state import stdout
from streams.errors import ConfigError
from streams.wire.roles import Role

if TYPE_CHECKING:
    from streams.runtime.topic_changes import TopologyChange

DIFFERENT = 2
"""Exit code when the cluster is not in step."""

app = typer.Typer(help="Declared topics, schemas and access rules.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("plan")
def show_plan(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what differs between topics.yaml and the cluster; exit code 2 when something does."""
    from streams.runtime.admin import Cluster, plan
    from streams.runtime.connect import opened_registry, topology_of
    from streams.runtime.topic_changes import in_step

    settings = ctx.obj.settings()
    cluster = Cluster(settings.librdkafka())
    with opened_registry(settings) as registry:
        changes = plan(topology_of(settings), cluster, registry)
    if as_json:
        typer.echo(json.dumps({"changes": _rows(changes), "in_step": in_step(changes)}))
    elif changes:
        stdout().print(_table(changes))
    else:
        typer.echo("in step")
    raise typer.Exit(0 if in_step(changes) else DIFFERENT)


@app.command("apply")
def run_apply(
    ctx: typer.Context,
    delete_removed: Annotated[
        bool,
        typer.Option("--delete-removed", help="Also delete the topics listed under 'removed'."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the deletion.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create and alter topics and register schemas; exit code 2 when differences remain."""
    from streams.runtime.admin import Cluster, apply, plan
    from streams.runtime.connect import opened_registry, topology_of
    from streams.runtime.topic_changes import in_step

    settings = ctx.obj.settings()
    topology = topology_of(settings)
    if delete_removed and not yes:
        raise ConfigError(
            f"this deletes {', '.join(topology.removed) or 'nothing'} with all records",
            field="--delete-removed",
            value=True,
            remedy="add --yes when that is what you want",
        )
    cluster = Cluster(settings.librdkafka())
    with opened_registry(settings) as registry:
        changes = plan(topology, cluster, registry)
        done = apply(changes, topology, cluster, registry, delete_removed=delete_removed)
    left = [change for change in changes if change not in done]
    if as_json:
        result = {"made": _rows(done), "left": _rows(left), "in_step": in_step(left)}
        typer.echo(json.dumps(result))
    else:
        _report(done, left)
    raise typer.Exit(0 if in_step(left) else DIFFERENT)


@app.command("acls")
def show_acls(
    ctx: typer.Context,
    role: Annotated[list[Role] | None, typer.Option(help="Only this role; repeatable.")] = None,
    principal: Annotated[
        str, typer.Option(help="Name of the principal; {role} stands for the role.")
    ] = "User:goalstream-{role}",
    as_json: AsJson = False,
) -> None:
    """Print the access rules of each role as commands of kafka-acls.sh. Asks no broker."""
    from streams.runtime.acls import rules
    from streams.runtime.connect import topology_of

    settings = ctx.obj.settings()
    chosen = [rule for rule in rules(topology_of(settings)) if not role or rule.role in role]
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(rule) for rule in chosen], indent=2))
        return
    for rule in chosen:
        name = principal.replace("{role}", rule.role.value)
        typer.echo(rule.command(name, settings.kafka.bootstrap))


def _report(done: Sequence[TopologyChange], left: Sequence[TopologyChange]) -> None:
    if done:
        stdout().print(_table(done))
    typer.echo(f"{len(done)} changes made" if done else "nothing to change")
    if left:
        typer.echo(f"{len(left)} differences left as they are:")
        stdout().print(_table(left))


def _rows(changes: Sequence[TopologyChange]) -> list[dict[str, str]]:
    return [dataclasses.asdict(change) for change in changes]


_STYLES = {"blocked": "red", "manual": "yellow", "delete": "red"}


def _table(changes: Sequence[TopologyChange]) -> Table:
    table = Table("change", "topic or subject", "setting", "now", "declared", "reason")
    for change in changes:
        table.add_row(
            change.kind.value,
            change.target,
            change.setting,
            change.current,
            change.wanted,
            change.reason,
            style=_STYLES.get(change.kind, ""),
        )
    return table
