"""``goalstream plan``: what is going to be done, and the word of a person on it."""

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
    told,
)
from streams.cli.state import stdout
from streams.cli.views import AsJson, Entity, Url, moment, read_view, warn_if_incomplete
from streams.errors import ConfigError
from streams.records import PlanStatus

app = typer.Typer(help="List plans; approve or reject those that wait.", no_args_is_help=True)

EntityOf = Annotated[str, typer.Argument(help="Whose plan it is.")]
PlanId = Annotated[str, typer.Argument(help="The plan.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    entity: Entity = "",
    status: Annotated[PlanStatus | None, typer.Option(help="Only those of this status.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that wait for a person.")
    ] = False,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """List plans, open and lately ended, with their steps and what is expected of them."""
    if waiting and status is not None:
        raise ConfigError(
            "two filters", field="--status", value=status.value, remedy="leave one out"
        )
    path = "/api/autonomous/approvals" if waiting else "/api/autonomous/plans"
    query = {"entity_id": entity, "status": status.value if status else ""}
    body = read_view(ctx.obj, url, path, query)
    warn_if_incomplete(body)
    if as_json:
        typer.echo(msgspec.json.encode(body["plans"]).decode())
        return
    table = Table("entity", "plan", "goal", "status", "due", "steps", "expected", "reason")
    for plan in body["plans"]:
        table.add_row(
            plan["entity_id"],
            plan["plan_id"],
            plan["goal_id"],
            plan["status"] + (" (dry run)" if plan["dry_run"] else ""),
            moment(plan["scheduled_time"]),
            ", ".join(step["name"] for step in plan["actions"]),
            _expected(plan),
            _reason(plan),
        )
    stdout().print(table)


@app.command("approve")
def approve(
    ctx: typer.Context,
    entity: EntityOf,
    plan_id: PlanId,
    reason: Reason = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """Let a plan begin that waits for it.

    What cannot be undone must be approved by somebody else than who asked for its goal.
    """
    _say(Way(ctx.obj, url, direct, no_wait, by), "approve", entity, plan_id, reason)


@app.command("reject")
def reject(
    ctx: typer.Context,
    entity: EntityOf,
    plan_id: PlanId,
    reason: Reason = "",
    url: Url = "",
    direct: Direct = False,
    no_wait: NoWait = False,
    by: By = "",
) -> None:
    """End a plan that waits for approval."""
    _say(Way(ctx.obj, url, direct, no_wait, by), "reject", entity, plan_id, reason)


def _say(way: Way, word: str, entity: str, plan_id: str, reason: str) -> None:
    if not way.direct:
        typer.echo(told(ask(way, path_of("plans", entity, plan_id, word), {"reason": reason})))
        return
    if not (way.by or login()):
        raise ConfigError("nobody is named", field="--by", value="", remedy="say who decides")
    send_command(way, entity, f"plan.{word}", target=plan_id, arguments={"reason": reason})


def _expected(plan: dict[str, Any]) -> str:
    effect, lower, upper = (plan[f"expected_{name}"] for name in ("effect", "lower", "upper"))
    if effect is None:
        return ""
    interval = "" if lower is None or upper is None else f" ({lower:g} to {upper:g})"
    return f"{plan['expected_metric']} {effect:+g}{interval}"


def _reason(plan: dict[str, Any]) -> str:
    until = moment(plan["expires_at"])
    return plan["reason"] + (f" (until {until})" if until else "")
