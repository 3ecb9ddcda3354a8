"""``goalstream doctor``: checks everything a worker needs, and says what to do."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from streams.cli.state import CliState, stdout

if TYPE_CHECKING:
    from streams.cli.checks import CheckResult

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check versions, settings, broker, topics, registry and state; exit code 1 on a failure."""
    from streams.cli.checks import Status, examine

    state: CliState = ctx.obj
    findings = examine(state.settings)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        _print(findings)
    if any(finding.status is Status.FAIL for finding in findings):
        raise typer.Exit(1)


def _print(findings: list[CheckResult]) -> None:
    console = stdout()
    for finding in findings:
        colour = _COLOURS[finding.status]
        console.print(
            f"[{colour}]{finding.status.value:>4}[/] {finding.check}: {escape(finding.detail)}",
            highlight=False,
            soft_wrap=True,
        )
        if finding.remedy:
            console.print(f"     -> {escape(finding.remedy)}", highlight=False, soft_wrap=True)
