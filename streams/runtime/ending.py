"""Ends the process in time, from a thread that needs neither the event loop nor what runs in it.

A worker that has failed, or was told to stop, tries to leave in order; what it waits for may never
come. And a loop that stands still hears no signal and no timer. So a thread of its own takes the
signals, counts how long the loop has been silent, and ends the process when a limit has passed.
Where even this thread does not run, because native code holds the interpreter, ``faulthandler``
does: it writes the stacks of all threads and ends the process.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog

from streams.errors import GoalstreamError, Stalled

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TICK_SECONDS = 0.25
LAST_WORDS_SECONDS = 1.0
"""What the last log line may take: whoever reads the log may have stopped to."""
NATIVE_SECONDS = 5.0
"""How often ``faulthandler`` is told that the interpreter runs."""
NATIVE_PATIENCE_SECONDS = 30.0
"""How much later than this thread it would act: a busy machine may keep this thread waiting."""


def end_process(code: int) -> None:
    """End at once, whatever other threads hold; nothing is flushed but what was written."""
    os._exit(code)


class Ending:
    """Watches one process from ``watching`` on; the limits are in seconds.

    ``failed`` and ``beat`` are called by the event loop. An order to stop by a signal has
    ``handover_seconds`` more than a failure: there is something to hand over.
    """

    def __init__(
        self,
        *,
        stop_seconds: float,
        handover_seconds: float,
        stall_seconds: float,
        end: Callable[[int], None] = end_process,
    ) -> None:
        self._stop_seconds = stop_seconds
        self._handover_seconds = handover_seconds
        self._stall_ticks = max(1, round(stall_seconds / TICK_SECONDS))
        self._stall_seconds = stall_seconds
        self._end = end
        self._deadline: float | None = None
        self._allowed = 0.0
        self._reason = ""
        self._on_signal: Callable[[], None] = _nothing
        self._silent: int | None = None
        """Ticks since the loop's last beat; None before its first one. Ticks and not seconds: a
        process that was frozen as a whole has not been silent."""
        self._over = threading.Event()

    # -- what the loop says --------------------------------------------------------------------

    def beat(self) -> None:
        """The loop runs."""
        self._silent = 0

    def when_asked(self, stop: Callable[[], None]) -> None:
        """``stop`` is called, from another thread, when a signal asks for the end."""
        self._on_signal = stop
        if self._deadline is not None:
            stop()

    def failed(self, error: BaseException) -> None:
        """The process cannot go on: it ends within ``stop_seconds`` from the first call on."""
        self._limit(self._stop_seconds, repr(error))

    def _limit(self, seconds: float, reason: str) -> None:
        deadline = time.monotonic() + seconds
        if self._deadline is None or deadline < self._deadline:
            self._deadline, self._allowed, self._reason = deadline, seconds, reason

    # -- the thread ----------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Generator[None]:
        """Watch while the context lasts, and beyond it where an end has begun: threads that are
        waited for when an interpreter ends may hang, too. To be entered by the main thread."""
        heard, said = socket.socketpair()
        said.setblocking(False)
        former = signal.set_wakeup_fd(said.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, _passed_on) for number in SIGNALS}
        thread = threading.Thread(target=self._watch, args=(heard,), name="ending", daemon=True)
        thread.start()
        try:
            yield
        finally:
            if self._deadline is None:
                self._over.set()
                thread.join()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                signal.set_wakeup_fd(former)
                heard.close()
                said.close()

    def _watch(self, signals: socket.socket) -> None:
        native = 0.0
        while not self._over.is_set():
            if (now := time.monotonic()) >= native:
                native = now + NATIVE_SECONDS
                patience = NATIVE_PATIENCE_SECONDS + self._stall_seconds + self._stop_seconds
                _end_if_the_interpreter_stands(patience)
            if select.select([signals], [], [], TICK_SECONDS)[0]:
                self._take(signals.recv(64))
            else:
                self._tick()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._give_up()
        faulthandler.cancel_dump_traceback_later()

    def _take(self, numbers: bytes) -> None:
        for number in numbers:
            if number in SIGNALS and self._deadline is None:
                seconds = self._handover_seconds + self._stop_seconds
                self._limit(seconds, signal.Signals(number).name)
                self._on_signal()

    def _tick(self) -> None:
        if self._silent is None or self._deadline is not None:
            return
        self._silent += 1
        if self._silent > self._stall_ticks:
            where, stack = _main_stack()
            error = Stalled(
                f"the event loop has stood still for {self._stall_seconds:.0f} s",
                field="worker.stall_seconds",
                value=where,
                remedy="the process ends and should be restarted; if it recurs, the stack in the "
                "log tells what it waited for",
            )
            self._say("worker failed", error, stack=stack)
            self._end(1)
            self._over.set()

    def _give_up(self) -> None:
        error = Stalled(
            f"the worker did not end within {self._allowed:.0f} s after {self._reason}",
            field="worker.stop_seconds",
            value=self._stop_seconds,
            remedy="the process ends at once; its successor reads again what was not committed",
        )
        self._say("worker did not stop in time", error, stack=_main_stack()[1])
        self._end(1)
        self._over.set()

    def _say(self, event: str, error: GoalstreamError, stack: str) -> None:
        """Log by yet another thread: a lock of the log may be held for ever."""

        def speak() -> None:
            log.critical(event, **facts(error), stack=stack)

        speaker = threading.Thread(target=speak, name="last words", daemon=True)
        speaker.start()
        speaker.join(LAST_WORDS_SECONDS)


def facts(error: GoalstreamError) -> dict[str, object]:
    """An error as fields of a log line."""
    return {
        "error": error.message,
        "field": error.field,
        "value": error.value,
        "remedy": error.remedy,
    }


def _end_if_the_interpreter_stands(seconds: float) -> None:
    """Unless this is called again in time, the process ends, by a thread without Python."""
    try:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
    except (OSError, ValueError):  # stderr is closed: there is nowhere to write to
        faulthandler.cancel_dump_traceback_later()


def _main_stack() -> tuple[str, str]:
    """Where the main thread is: its innermost place, and its whole stack."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    stack = traceback.extract_stack(frame)
    last = stack[-1]
    return f"{last.filename}:{last.lineno} in {last.name}", "".join(stack.format())


def _passed_on(_number: int, _frame: object) -> None:
    """The number has gone to the thread by the wake-up descriptor already."""


def _nothing() -> None:
    return
