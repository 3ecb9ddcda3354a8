"""``goalstream policy``: judge another way of choosing by the log of decisions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from streams.cli.state import check_writable, stdout
from streams.errors import ConfigError, InvalidRecord
from streams.records import Decision

if TYPE_CHECKING:
    from streams.core.learning.off_policy import Estimate

STDIN = "-"
MIN_SAMPLES = 30
"""As learning.min_decisions: what a worker wants before it chooses by experience."""

app = typer.Typer(help="How candidates are chosen.", no_args_is_help=True)


@app.command("evaluate")
def evaluate_policies(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Decisions as JSON lines, as 'goalstream consume decisions' prints them; "
            "- for standard input.",
        ),
    ],
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="NAME",
            help="greedy, uniform or always:CANDIDATE; repeatable. greedy and uniform if absent.",
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Certainty of interval and lower bound.")] = 0.95,
    min_samples: Annotated[
        int, typer.Option(min=2, help="Measured decisions below which nothing is said.")
    ] = MIN_SAMPLES,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
) -> None:
    """Say what other policies would have earned, from decisions whose reward was measured.

    A policy is better than the one in use when its lower bound is above what was logged. The
    bounds hold for any number of decisions, as long as the system did not change.
    """
    # The estimators bring slow libraries that no other command needs.
    from streams.core.learning.decision_log import named_policy, read_log
    from streams.core.learning.off_policy import evaluate

    check_writable(json_file, "--json")
    names = list(dict.fromkeys(policies or ["greedy", "uniform"]))
    chosen = {name: named_policy(name) for name in names}
    log = read_log(decision for file in files for decision in _decisions(file))
    estimates = {
        name: evaluate(log.entries, policy, level=level, min_samples=min_samples)
        for name, policy in chosen.items()
    }
    stdout().print(_table(estimates, level))
    typer.echo(f"{len(log.entries)} measured decisions, {log.unmeasured} without a reward")
    if json_file is not None:
        figures = {name: asdict(estimate) for name, estimate in estimates.items()}
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _decisions(file: Path) -> Iterator[Decision]:
    """The decisions of a file. Raises ConfigError, or InvalidRecord with the line."""
    with ExitStack() as stack:
        try:
            lines = _opened(file, stack)
        except OSError as error:
            raise ConfigError(
                f"file cannot be read: {error.strerror}",
                field="FILE",
                value=str(file),
                remedy="name a file of JSON lines, or - for standard input",
            ) from error
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _decision(line, f"{file}:{number}")


def _opened(file: Path, stack: ExitStack) -> TextIO:
    if str(file) == STDIN:
        return sys.stdin
    return stack.enter_context(file.open(encoding="utf-8"))


def _decision(line: str, place: str) -> Decision:
    try:
        found: Any = msgspec.json.decode(line)
        content = found.get("record", found) if isinstance(found, dict) else found
        return msgspec.convert(content, Decision)
    except msgspec.MsgspecError as error:
        raise InvalidRecord(
            f"not a decision: {error}",
            field=place,
            value=line.strip()[:80],
            remedy="give lines as 'goalstream consume decisions' prints them",
        ) from error


def _table(estimates: dict[str, Estimate], level: float) -> Table:
    table = Table(title="Mean reward per decision, -1 to 1")
    table.add_column("policy")
    heads = ("decisions", "logged", "IPS", "SNIPS", "DR", "ESS")
    for head in (*heads, f"{level:.4g} interval", "lower bound"):
        table.add_column(head, justify="right")
    for name, estimate in estimates.items():
        table.add_row(escape(name), *_cells(estimate))
    return table


def _cells(estimate: Estimate) -> Sequence[str]:
    from streams.core.learning.off_policy import MIN_EFFECTIVE

    points = [estimate.ips, estimate.snips, estimate.doubly_robust]
    effective = f"{estimate.effective_samples:.1f}"
    if estimate.is_supported:
        told = [*(f"{point:+.3f}" for point in points), effective]
    else:
        told = ["-", "-", "-", f"need {MIN_EFFECTIVE}, have {effective}"]
    return [
        str(estimate.decisions),
        f"{estimate.logged:+.3f}",
        *told,
        f"{estimate.low:+.3f} to {estimate.high:+.3f}",
        f"{estimate.lower:+.3f}",
    ]
