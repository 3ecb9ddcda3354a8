"""Workers in which one stage breaks in one way: ``python -m tests.kits.runtime.broken_worker DIR``.

All imports and the compiling are done once; then a process is forked for each stage and kind, some
at a time, which runs ``goalstream worker`` on an embedded broker, with its log in DIR/STAGE-KIND.
Stdout gets a line ``STAGE KIND CODE SECONDS`` for each; the seconds count from the break on.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.cli import app
from streams.core.forecasting.config import ForecastConfig
from streams.core.partition import Partition
from streams.records import Metric
from streams.runtime.checkpoint import Checkpointer
from streams.runtime.engine import Engine
from streams.runtime.recovery import ChangelogReader
from streams.runtime.ticker import Ticker
from streams.runtime.warmup import warm_up
from streams.runtime.worker import Worker
from streams.web import serve

LIMITS = {"stop_seconds": 6, "handover_seconds": 3, "stall_seconds": 8}
"""Settings of the workers, seconds."""
AT_ONCE = 4
"""Processes at a time."""
PATIENCE_SECONDS = 60.0
"""After which one is killed."""
BROKE = "broke"
"""File in the folder whose time is that of the break."""


class NoException(BaseException):
    """What ``except Exception`` lets pass."""


RAISED: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: ValueError("by hand"),
    "base_exception": lambda: NoException("by hand"),
    "memory": MemoryError,
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(0),
    "cancelled": asyncio.CancelledError,
    "disk_full": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "000012.sst"),
}
HANGS = ("blocked", "waiting")
STAGES = ("batch", "timer", "checkpoint", "hand_over", "recovery")


class _Fault:
    """Takes the place of methods once it is armed; until then they do what they did."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._folder = folder
        self.armed = False

    def strike(self) -> None:
        (self._folder / BROKE).touch(exist_ok=True)
        if self._kind in RAISED:
            raise RAISED[self._kind]()
        if self._kind == "blocked":
            threading.Event().wait()

    def replace(self, owner: type, name: str) -> None:
        """A method that does not await."""
        original = getattr(owner, name)

        def struck(*args: Any, **options: Any) -> Any:
            if self.armed:
                self.strike()
            return original(*args, **options)

        setattr(owner, name, struck)

    def replace_async(self, owner: type, name: str) -> None:
        original = getattr(owner, name)

        async def struck(*args: Any, **options: Any) -> Any:
            if self.armed:
                self.strike()
                await asyncio.Event().wait()
            return await original(*args, **options)

        setattr(owner, name, struck)


def _broken(stage: str, kind: str, folder: Path) -> _Fault:
    """The fault, put in its place."""
    fault = _Fault(kind, folder)
    if stage == "recovery":
        fault.armed = True
        fault.replace_async(ChangelogReader, "restore")
    elif stage == "checkpoint":
        fault.replace_async(Checkpointer, "run")
    elif stage == "hand_over":
        fault.replace_async(Engine, "last_checkpoint")
    elif kind == "waiting":
        fault.replace_async(Engine, {"batch": "handle", "timer": "load_timers"}[stage])
    else:
        owner = {"batch": (Partition, "apply_metrics"), "timer": (Ticker, "due")}[stage]
        fault.replace(*owner)
    return fault


def _fed(stage: str, fault: _Fault) -> Callable[[Worker], Any]:
    """``serve_views`` with something to do for the worker as soon as it runs."""
    original = serve.serve_views

    async def feed(worker: Worker) -> None:
        while worker.phase != "running":
            await asyncio.sleep(0.05)
        fault.armed = True
        if stage == "hand_over":
            os.kill(os.getpid(), signal.SIGTERM)
        now = time.time_ns() // 1_000_000
        while True:
            now += 60_000
            metric = Metric(entity_id="web-1", timestamp=now, name="cpu_usage", value=50.0)
            await worker.publisher.publish("metrics", [metric])
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def served(worker: Worker) -> AsyncGenerator[str]:
        async with original(worker) as url:
            feeding = asyncio.create_task(feed(worker))
            yield url
            feeding.cancel()

    return served


def _run(stage: str, kind: str, folder: Path) -> None:
    """In the forked process: never returns normally."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    serve.serve_views = _fed(stage, _broken(stage, kind, folder))  # type: ignore[assignment]  # broken on purpose
    settings = {"kafka.bootstrap": "embedded", "web.port": 0, "logging.json": "true"}
    settings |= {f"worker.{name}": seconds for name, seconds in LIMITS.items()}
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    app.app([*sets, "worker"])


class _Running(NamedTuple):
    stage: str
    kind: str
    folder: Path
    deadline: float

    def since_break(self) -> float:
        """Seconds; negative when it never broke."""
        broke = self.folder / BROKE
        return time.time() - broke.stat().st_mtime if broke.exists() else -1.0


def main(directory: Path) -> None:
    """Run all of them."""
    warm_up(ForecastConfig())
    waiting = [(stage, kind) for stage in STAGES for kind in all_kinds()]
    running: dict[int, _Running] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            stage, kind = waiting.pop(0)
            folder = directory / f"{stage}-{kind}"
            folder.mkdir()
            pid = os.fork()
            if not pid:
                _run(stage, kind, folder)
            running[pid] = _Running(stage, kind, folder, time.monotonic() + PATIENCE_SECONDS)
        for pid, each in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > each.deadline:
                os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                print(each.stage, each.kind, code, f"{each.since_break():.2f}", flush=True)
                del running[pid]
        threading.Event().wait(0.05)


def all_kinds() -> Sequence[str]:
    return (*RAISED, *HANGS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
