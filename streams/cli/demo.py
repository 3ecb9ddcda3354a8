"""``goalstream demo``: the whole flow in one process, on recorded series."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.state import CliState, check_writable

if TYPE_CHECKING:
    from streams.demo.run import Result

REPLAY_SECONDS = 28.0


def demo(
    ctx: typer.Context,
    seconds: Annotated[
        float, typer.Option(min=5.0, max=3600.0, help="How long the two weeks take.")
    ] = REPLAY_SECONDS,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the views up afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Replay real series against a worker: watch forecasts, goals, plans and measured effects.

    Needs nothing but this package: broker, worker and views live in this process and leave
    nothing behind. Ends with code 1 when a record is unaccounted for, or no goal of the
    engine was pursued to a measured effect.
    """
    from rich.console import Console

    from streams.demo.run import run_demo
    from streams.demo.scenario import demo_settings
    from streams.runtime.logs import configure_logging

    state: CliState = ctx.obj
    settings = demo_settings(state.settings(), seconds)
    check_writable(json_file, "--json")
    level = settings.logging.level
    configure_logging(
        "WARNING" if level == "INFO" else level, json_lines=settings.logging.json_lines
    )
    faults: list[str] = []

    async def afterwards(result: Result) -> None:
        faults.extend(result.faults)
        if json_file is not None:
            json_file.write_text(json.dumps(result.figures, indent=2) + "\n", encoding="utf-8")
        if serve:
            typer.echo("serving until Ctrl-C")
            await _until_signal()

    try:
        asyncio.run(_ended_by_sigterm(run_demo(settings, seconds, Console(), afterwards)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    if faults:
        raise typer.Exit(1)


async def _ended_by_sigterm(work: Coroutine[Any, Any, None]) -> None:
    """``work``, which cleans up after SIGTERM as it does after Ctrl-C."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


async def _until_signal() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
