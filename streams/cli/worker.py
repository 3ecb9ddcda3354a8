"""``goalstream worker``: one worker with its views until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from streams.cli.state import CliState

if TYPE_CHECKING:
    from streams.runtime.worker import Worker
    from streams.settings import Settings

log = structlog.get_logger(__name__)

STOP_SECONDS = 15.0
"""What a stop may take beyond the hand-over of the partitions."""


Handlers = Annotated[
    list[str] | None,
    typer.Option(
        "--handlers", metavar="MODULE", help="A module with HANDLERS, instead of those set."
    ),
]


def worker(ctx: typer.Context, handlers: Handlers = None) -> None:
    """Run a worker: read the inputs, keep state, publish, serve the views.

    Ends with code 0 after SIGTERM or SIGINT, and with code 1 and a named error when it cannot
    go on; a supervisor should start it again.
    """
    from streams.runtime.embedded import broker_for
    from streams.runtime.logs import configure_logging

    state: CliState = ctx.obj
    if handlers:
        state = replace(state, overrides={**state.overrides, "worker.handlers": ",".join(handlers)})
    settings = state.settings()
    configure_logging(settings.logging.level, json_lines=settings.logging.json_lines)
    # Models are many long-lived objects without cycles: the default thresholds walk them at
    # every turn, which costs a quarter of the time with 100,000 series.
    gc.set_threshold(50_000, 50, 100)
    with broker_for(settings) as reachable:
        asyncio.run(_run(reachable))


async def _run(settings: Settings) -> None:
    from streams.runtime.worker import Worker
    from streams.web.serve import serve_views

    worker_ = Worker(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await worker_.start()
    try:
        async with serve_views(worker_) as url:
            log.info(
                "worker started",
                app_id=settings.worker.app_id,
                bootstrap=settings.kafka.bootstrap,
                views=url,
            )
            await _until_stopped(worker_, stop)
    finally:
        await _stop(worker_, settings.worker.handover_seconds + STOP_SECONDS)
    log.info("worker stopped")


async def _stop(worker_: Worker, seconds: float) -> None:
    """Stop in order, or end the process: a supervisor can only restart what has ended."""
    try:
        async with asyncio.timeout(seconds):
            await worker_.stop()
    except TimeoutError:
        reason = worker_.failure
        log.critical("worker did not stop in time", seconds=seconds, reason=repr(reason))
        os._exit(1)


async def _until_stopped(worker_: Worker, stop: asyncio.Event) -> None:
    asked, ended = asyncio.create_task(stop.wait()), asyncio.create_task(worker_.wait())
    done, pending = await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if ended in done:
        ended.result()
