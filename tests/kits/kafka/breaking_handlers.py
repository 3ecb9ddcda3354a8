"""Loaded as a module of handlers, it makes the worker break as soon as it has something to do."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any

from streams.core.partition import Partition
from streams.runtime.handlers import Handler
from streams.runtime.tables import TableSet

HANDLERS: list[Handler] = []

KIND = "TEST_BREAKS_BY"
"""Variable of the environment: ``raise`` or ``block``, in a batch; ``disk_full``, when saving."""


def _raise(*_args: Any) -> Any:
    raise ValueError("by hand")


def _block(*_args: Any) -> Any:
    threading.Event().wait()


def _disk_full(*_args: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


match os.environ.get(KIND):
    case "raise":
        Partition.apply_metrics = _raise
    case "block":
        Partition.apply_metrics = _block
    case "disk_full":
        TableSet.write = _disk_full
    case _:
        pass
