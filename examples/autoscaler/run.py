"""``python -m examples.autoscaler``: all loads through the engine, then table and picture."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.quality.data import LENGTH
from examples.autoscaler.brokered import Brokered
from examples.autoscaler.compare import comparison, draw, markdown, table
from examples.autoscaler.in_memory import InMemory
from examples.autoscaler.loads import MADE, RECORDED, loads
from examples.autoscaler.scenario import autoscaler_settings
from examples.autoscaler.service import Fleet, Service
from examples.autoscaler.tally import Tally
from streams.errors import GoalstreamError
from streams.runtime.logs import configure_logging

PICTURE = Path("build/autoscaler.png")
WIDTH = 140
"""Columns of the table, also when the output is a file."""
LEAST_STEPS = 50
"""Of a load; with fewer there is nothing to compare."""
TOLD_EVERY = 1_000
"""Steps of a service."""


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console(width=WIDTH, highlight=False)
    fleet = Fleet(loads(arguments.load, arguments.steps))
    begun = time.perf_counter()
    try:
        tally = _live(fleet, partial(_tell, console), fast=arguments.fast)
    except GoalstreamError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    seconds = time.perf_counter() - begun
    found = [comparison(service) for service in fleet.services.values()]
    console.print(markdown(found) if arguments.markdown else table(found))
    for line in tally.lines():
        console.print(line)
    draw(found, arguments.picture)
    console.print(f"{seconds:.0f} s; picture in {arguments.picture}")
    return 0


def _tell(console: Console, service: Service) -> None:
    if service.step % TOLD_EVERY == 0:
        console.log(f"{service.load.name}: {service.step} of {len(service.load.timestamps)} steps")


def _live(fleet: Fleet, tell: Callable[[Service], None], *, fast: bool) -> Tally:
    with tempfile.TemporaryDirectory(prefix="goalstream-autoscaler-") as folder:
        settings = autoscaler_settings(Path(folder))
        configure_logging(settings.logging.level, json_lines=False)
        if fast:
            in_memory = InMemory(fleet, settings, tell)
            in_memory.run()
            return in_memory.tally
        brokered = Brokered(fleet, settings, tell)
        asyncio.run(brokered.run())
        return brokered.tally


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.autoscaler", description=__doc__)
    parser.add_argument("--steps", type=_steps, default=LENGTH, help="of each load at most")
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        choices=(*RECORDED, *MADE),
        help="only this one; repeatable",
    )
    parser.add_argument("--fast", action="store_true", help="the core alone, without a broker")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--markdown", action="store_true", help="the table for a page")
    return parser


def _steps(text: str) -> int:
    number = int(text)
    if not LEAST_STEPS <= number <= LENGTH:
        raise argparse.ArgumentTypeError(f"{number} is not in {LEAST_STEPS}..{LENGTH}")
    return number


if __name__ == "__main__":
    sys.exit(main())
