"""``goalstream goal``: goals of people, and those that are pursued."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from streams.cli.requests import (
    By,
    Direct,
    NoWait,
    Reason,
    Way,
    ask,
    login,
    path_of,
    send_command,
    send_goal,
    told,
)
from streams.cli.rows import to_ms
from streams.cli.state import CliState, stdout
from streams.cli.views import AsJson, Entity, Url, moment, read_view, warn_if_incomplete
from streams.errors import InvalidRecord
from streams.records import Direction, Goal, GoalType, Priority

app = typer.Typer(help="Create, cancel and list goals.", no_args_is_help=True)


@app.command("create")
def create(  # noqa: PLR0913 - what a user decides about a goal
    ctx: typer.Context,
    entity: Annotated[str, typer.Argument(help="What is to be steered.")],
    metric: Annotated[str, typer.Argument(help="The metric that is to be moved.")],
    target: Annotated[float, typer.Argument(help="The value that it is to have.")],
    direction: Annotated[
        Direction, typer.Option(help="Hit the target, or stay on one side of it.")
    ] = Direction.REACH,
    goal_type: Annotated[
        GoalType, typer.Option("--type", help="Kind of the goal.")
    ] = GoalType.PERFORMANCE_TARGET,
    priority: Annotated[Priority, typer.Option(help="How urgent it is.")] = Priority.MEDIUM,
    deadline: Annotated[str, typer.Option(help="ISO 8601, or ms since the epoch.")] = "",
    hold: Annotated[
        float, typer.Option(min=0, help="Seconds for which at_most or at_least must hold.")
    ] = 0.0,
    unit: Annotated[str, typer.Option(help="Of the metric.")] = "",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    action: Annotated[
        list[str] | None,
        typer.Option(help="Action to carry out; repeatable, in order. Else the engine chooses."),
    ] = None,
    after: Annotated[
        list[str] | None, typer.Option(help="Goal that must be achieved first; repeatable.")
    ] = None,
    parent: Annotated[str, typer.Option(help="Goal of which this one is a part.")] = "",
    goal_id: Annotated[
        str, typer.Option("--id", help="Makes repeats harmless; made up if absent.")
    ] = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """Ask for a goal and print its id, and on stderr what became of it.

    The id of an open goal changes that goal.
    """
    from streams.core.goals.feature import REQUESTER

    state: CliState = ctx.obj
    way = Way(state, url, direct, no_wait, by)
    who = by or login()
    now = state.now()
    due = to_ms("--deadline", deadline) if deadline else None
    if due is not None and due <= now:
        raise InvalidRecord(
            "the deadline has passed",
            field="--deadline",
            value=deadline,
            remedy="use a later moment, or none",
        )
    goal = Goal(
        entity_id=entity,
        timestamp=now,
        goal_id=goal_id or state.new_id(),
        goal_type=goal_type,
        priority=priority,
        description=description,
        target_metric=metric,
        target_value=target,
        unit=unit,
        direction=direction,
        hold_ms=round(hold * 1000),
        deadline=due,
        actions=tuple(action or ()),
        dependencies=tuple(after or ()),
        parent_id=parent,
        metadata={REQUESTER: who} if direct and who else {},
    )
    if direct:
        send_goal(way, goal)
        typer.echo(goal.goal_id)
        return
    asked = {name: value for name, value in _asked(goal).items() if value}
    answer = ask(way, "/api/autonomous/goals", asked)
    typer.echo(answer["id"])
    typer.echo(told(answer), err=True)


@app.command("cancel")
def cancel(
    ctx: typer.Context,
    entity: Annotated[str, typer.Argument(help="Whose goal it is.")],
    goal_id: Annotated[str, typer.Argument(help="The goal.")],
    reason: Reason = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """Cancel an open goal; no further step of its plan starts."""
    way = Way(ctx.obj, url, direct, no_wait, by)
    if direct:
        send_command(way, entity, "goal.cancel", target=goal_id, arguments={"reason": reason})
        return
    typer.echo(told(ask(way, path_of("goals", entity, goal_id, "cancel"), {"reason": reason})))


@app.command("list")
def list_(ctx: typer.Context, entity: Entity = "", url: Url = "", as_json: AsJson = False) -> None:
    """List goals that are active or in progress, the most urgent first."""
    body = read_view(ctx.obj, url, "/api/autonomous/goals", {"entity_id": entity})
    warn_if_incomplete(body)
    if as_json:
        typer.echo(msgspec.json.encode(body["goals"]).decode())
        return
    table = Table("entity", "goal", "type", "priority", "status", "progress", "deadline", "plan")
    for goal in body["goals"]:
        table.add_row(
            goal["entity_id"],
            goal["goal_id"],
            goal["type"],
            goal["priority"],
            goal["status"],
            f"{goal['progress']:.0%}",
            moment(goal["deadline"]),
            _plan(goal["execution_status"]),
        )
    stdout().print(table)


def _asked(goal: Goal) -> dict[str, Any]:
    """What the worker is told of a goal."""
    names = (
        "entity_id", "goal_id", "goal_type", "priority", "description", "target_metric",
        "target_value", "unit", "direction", "hold_ms", "deadline", "actions", "dependencies",
        "parent_id",
    )  # fmt: skip
    return {name: msgspec.to_builtins(getattr(goal, name)) for name in names}


def _plan(execution: dict[str, Any] | None) -> str:
    if execution is None:
        return ""
    reason = execution.get("reason")
    return execution["status"] + (f": {reason}" if reason else "")
