"""Loaded as a module of handlers, it makes the worker's next metrics break it."""

from __future__ import annotations

import os
import threading
from typing import Any

from streams.core.partition import Partition
from streams.runtime.handlers import Handler

HANDLERS: list[Handler] = []

KIND = "TEST_BREAKS_BY"
"""Variable of the environment: ``raise`` or ``block``."""


def _break(*_args: Any) -> Any:
    if os.environ[KIND] == "block":
        threading.Event().wait()
    raise ValueError("by hand")


if KIND in os.environ:
    Partition.apply_metrics = _break
