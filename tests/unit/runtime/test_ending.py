"""The thread that ends the process, with the end itself replaced."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator

import pytest
import structlog

from streams.errors import GoalstreamError, StateError, WorkerFailed
from streams.runtime.ending import SIGNALS, Ending
from streams.runtime.failures import named

SOON = 5.0


class Ended:
    """Takes the exit code in the place of the system."""

    def __init__(self) -> None:
        self.code: int | None = None
        self._event = threading.Event()

    def __call__(self, code: int) -> None:
        self.code = code
        self._event.set()

    def wait(self) -> int | None:
        self._event.wait(SOON)
        return self.code


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """An ending that has begun keeps the signals, so that the next test finds its own."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    yield
    signal.set_wakeup_fd(descriptor)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def ending(ended: Ended, stop: float = 0.3, hand_over: float = 0.3, stall: float = 60) -> Ending:
    return Ending(stop_seconds=stop, handover_seconds=hand_over, stall_seconds=stall, end=ended)


def test_a_failure_ends_the_process_though_the_main_thread_is_blocked() -> None:
    ended = Ended()
    watched = ending(ended)
    with structlog.testing.capture_logs() as logged, watched.watching():
        watched.failed(StateError("broken", field="f", value="v"))
        assert ended.wait() == 1
    [last] = logged
    assert last["event"] == "worker did not stop in time"
    assert "broken" in last["error"]
    assert last["field"] == "worker.stop_seconds"
    assert "test_ending.py" in last["stack"]


def test_a_loop_that_stands_still_is_named_with_its_place() -> None:
    ended = Ended()
    watched = ending(ended, stall=0.5)
    with structlog.testing.capture_logs() as logged, watched.watching():
        watched.beat()
        assert ended.wait() == 1
    [last] = logged
    assert last["event"] == "worker failed"
    assert last["field"] == "worker.stall_seconds"
    assert "threading.py" in last["value"] or "test_ending.py" in last["value"]


def test_a_loop_that_beats_or_has_not_begun_is_left_alone() -> None:
    ended = Ended()
    watched = ending(ended, stall=0.5)
    with watched.watching():
        threading.Event().wait(1.0)
        for _ in range(20):
            watched.beat()
            threading.Event().wait(0.05)
    assert ended.code is None


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_the_loop_and_bounds_the_stop(number: signal.Signals) -> None:
    ended, asked = Ended(), threading.Event()
    watched = ending(ended, stop=0.4, hand_over=0.4)
    with structlog.testing.capture_logs() as logged, watched.watching():
        watched.when_asked(asked.set)
        os.kill(os.getpid(), number)
        assert asked.wait(SOON)
        assert ended.code is None
        assert ended.wait() == 1
    assert number.name in logged[0]["error"]


def test_without_an_end_the_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with ending(Ended()).watching():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert all(thread.name != "ending" for thread in threading.enumerate() if thread.is_alive())


def test_a_signal_before_the_loop_listens_is_not_lost() -> None:
    ended, asked = Ended(), threading.Event()
    watched = ending(ended, stop=1, hand_over=1)
    with watched.watching():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(0.5)
        watched.when_asked(asked.set)
        assert asked.is_set()
        ended.wait()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ValueError("x"), "restart"),
        (KeyboardInterrupt(), "restart"),
        (MemoryError(), "memory"),
        (OSError(errno.ENOSPC, "full"), "free space"),
        (Exception("IO error: No space left on device: While appending to file"), "free space"),
    ],
)
def test_whatever_is_raised_is_named(error: BaseException, remedy: str) -> None:
    failure = named(error, "checkpoint")
    assert isinstance(failure, WorkerFailed)
    assert failure.value == "checkpoint"
    assert failure.field
    assert remedy in failure.remedy
    assert failure.__cause__ is error


def test_an_error_with_a_name_keeps_it() -> None:
    error = GoalstreamError("known", field="f")
    assert named(error, "batch") is error
