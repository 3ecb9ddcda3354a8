"""``goalstream worker``: one worker with its views until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from streams.cli.state import CliState

if TYPE_CHECKING:
    from streams.runtime.ending import Ending
    from streams.runtime.worker import Worker
    from streams.settings import Settings

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.25

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
    from streams.runtime.ending import Ending
    from streams.runtime.failures import named
    from streams.runtime.logs import configure_logging

    state: CliState = ctx.obj
    if handlers:
        state = replace(state, overrides={**state.overrides, "worker.handlers": ",".join(handlers)})
    settings = state.settings()
    configure_logging(settings.logging.level, json_lines=settings.logging.json_lines)
    # Models are many long-lived objects without cycles: the default thresholds walk them at
    # every turn, which costs a quarter of the time with 100,000 series.
    gc.set_threshold(50_000, 50, 100)
    options = settings.worker
    ending = Ending(
        stop_seconds=options.stop_seconds,
        handover_seconds=options.handover_seconds,
        stall_seconds=options.stall_seconds,
    )
    with broker_for(settings) as reachable, ending.watching(), asyncio.Runner() as runner:
        try:
            runner.run(_run(reachable, ending))
        except BaseException as error:
            # Said before the runner closes: tasks and threads that it waits for may never end.
            ending.failed(error)
            raise named(error, "the event loop") from None


async def _run(settings: Settings, ending: Ending) -> None:
    from streams.runtime.worker import Worker
    from streams.web.serve import serve_views

    worker_ = Worker(settings, on_failure=ending.failed)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending.when_asked(lambda: _from_thread(loop, stop))
    beating = asyncio.create_task(_beat(ending))
    if not await _started(worker_, stop):
        return
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
        await worker_.stop()
        beating.cancel()
    await worker_.wait()  # raises what broke while it stopped
    log.info("worker stopped")


def _from_thread(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: there is nothing left to stop
        loop.call_soon_threadsafe(stop.set)


async def _beat(ending: Ending) -> None:
    while True:
        ending.beat()
        await asyncio.sleep(BEAT_SECONDS)


async def _started(worker_: Worker, stop: asyncio.Event) -> bool:
    """False when the worker was told to stop before it had started; it holds nothing then."""
    starting, asked = asyncio.create_task(worker_.start()), asyncio.create_task(stop.wait())
    await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    return False


async def _until_stopped(worker_: Worker, stop: asyncio.Event) -> None:
    asked, ended = asyncio.create_task(stop.wait()), asyncio.create_task(worker_.wait())
    done, pending = await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if ended in done:
        ended.result()
