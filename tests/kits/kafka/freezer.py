"""Loaded by a worker as a module of handlers: it stops the process at a point of a transaction.

The point is the content of the file ``freeze`` in the worker's folder; ``frozen`` is there once
the process stands still, and is all that tells it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.runtime.handlers import Handler
from streams.runtime.transactions import Transactions

FREEZE, FROZEN = "freeze", "frozen"
BEFORE_WRITE, BEFORE_OFFSETS, BEFORE_COMMIT = "before-write", "before-offsets", "before-commit"

HANDLERS: list[Handler] = []


def _pass(point: str) -> None:
    file = Path(FREEZE)
    if file.exists() and file.read_text() == point:
        file.rename(FROZEN)
        os.kill(os.getpid(), signal.SIGSTOP)


def _install() -> None:
    write: Callable[..., Any] = Transactions._write
    ask: Callable[..., Any] = Transactions._ask_group

    def _write(*arguments: Any) -> Any:
        _pass(BEFORE_WRITE)
        written = write(*arguments)
        _pass(BEFORE_OFFSETS)
        return written

    def _ask_group(*arguments: Any) -> None:
        ask(*arguments)
        _pass(BEFORE_COMMIT)

    Transactions._write = _write  # type: ignore[method-assign]  # in a process of its own
    Transactions._ask_group = _ask_group  # type: ignore[method-assign]  # the same


_install()
