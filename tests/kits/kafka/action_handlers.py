"""Handlers that leave a line in a file for each time that they ran."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path

from streams.runtime.handlers import Handler

_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def note(params: dict[str, str]) -> None:
    """One write of one line: whole, also when the process is killed right after."""
    file = os.open(params["file"], _FILE_FLAGS)
    try:
        os.write(file, f"{params['id']}\n".encode())
    finally:
        os.close(file)


def runs(file: Path) -> Counter[str]:
    """How often each action ran."""
    return Counter(file.read_text().split())


def restart(params: dict[str, str], _goal_id: str) -> dict[str, object]:
    note(params)
    return {"success": True, "output": params["id"]}


def slow(params: dict[str, str], _goal_id: str) -> str:
    note(params)
    threading.Event().wait(0.05)
    return params["id"]


def broken(params: dict[str, str], _goal_id: str) -> None:
    note(params)
    raise ValueError(params["id"])


HANDLERS = [
    Handler("restart", restart),
    Handler("slow", slow),
    Handler("again", slow, idempotent=True),
    Handler("broken", broken),
]
