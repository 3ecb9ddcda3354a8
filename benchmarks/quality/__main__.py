"""``python -m benchmarks.quality --data DIR``: forecasts, breaches, anomalies, closed loop."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.quality.data import QUICK, names, splits
from benchmarks.quality.marks import LEVELS
from benchmarks.quality.measurement import measure
from benchmarks.quality.methods import DEFAULT, METHODS, factory
from benchmarks.quality.report import (
    draw_reliability,
    marks_table,
    missed,
    tables,
    write_json,
)
from benchmarks.quality.summary import SplitSummary, summaries
from streams.errors import GoalstreamError

DATA = Path("../shared/data/nab")
OUTPUT = Path("build/quality.json")
DIAGRAM = Path("build/quality-reliability.png")
WIDTH = 190
"""Columns of the tables, also when the output is a file."""


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console(width=WIDTH, highlight=False)
    begun = time.perf_counter()
    try:
        chosen = _chosen(names(arguments.data), arguments.quick)
        methods = [DEFAULT, *arguments.extra]
        if arguments.baselines:
            methods = [*(name for name in METHODS if name != DEFAULT), *arguments.extra, DEFAULT]
        for name in methods:
            factory(name)  # an unknown one shows at once
        scores = measure(arguments.data, chosen, methods, arguments.jobs, console.log)
        results = summaries(scores, splits(chosen))
        seconds = time.perf_counter() - begun
        write_json(arguments.output, results, {"quick": arguments.quick, "seconds": seconds})
        every = next(each for each in results if each.split == "all")
        draw_reliability(
            arguments.diagram, {name: of.breaches for name, of in every.methods.items()}
        )
    except (GoalstreamError, OSError) as error:
        console.print(f"[red]{error}[/red]")
        return 2
    for table in tables(results):
        console.print(table)
    console.print(f"{seconds:.0f} s; written to {arguments.output} and {arguments.diagram}")
    judged = next(each for each in results if each.split == arguments.judge)
    console.print(marks_table(DEFAULT, judged))
    return _verdict(judged, arguments.require, console)


def _chosen(every: list[str], quick: bool) -> list[str]:
    if not quick:
        return every
    return [name for name in every if name in QUICK] or every[: len(QUICK)]


def _verdict(of: SplitSummary, level: str | None, console: Console) -> int:
    below = missed(DEFAULT, of, level) if level else []
    for mark in below:
        console.print(f"[red]{mark.figure} is {mark.value:.3f}: not {level}[/red]")
    return 1 if below else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of CSV and windows.json")
    parser.add_argument("--quick", action="store_true", help="a few short series")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        metavar="MODULE:ATTRIBUTE",
        help="another predictor: what makes a fresh one; repeatable, also FILE.py:ATTRIBUTE",
    )
    parser.add_argument("--baselines", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--judge", choices=("all", "selection", "held out"), default="all")
    parser.add_argument(
        "--require", choices=LEVELS, help="exit code 1 when the default is below this level"
    )
    parser.add_argument("--require-good", dest="require", action="store_const", const="good")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--diagram", type=Path, default=DIAGRAM)
    return parser


if __name__ == "__main__":
    sys.exit(main())
