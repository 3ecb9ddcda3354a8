"""Handlers for the steps of plans that leave a line in a file for each time that they ran."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from streams.runtime.handlers import Handler

_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_PAUSE_SECONDS = 0.05


def ran(file: Path) -> list[str]:
    """The names of the steps that ran, in order."""
    return [line.partition(" ")[0] for line in _lines(file)]


def effects(file: Path) -> list[str]:
    """The effect id of each of them."""
    return [line.partition(" ")[2] for line in _lines(file)]


def drain(params: dict[str, str], _goal_id: str) -> dict[str, object]:
    _note("drain", params)
    return {"success": True, "output": "drained"}


def shed(params: dict[str, str], _goal_id: str) -> dict[str, object]:
    """Ends only when the file ``gate`` exists, where one is named."""
    _note("shed", params)
    gate = params.get("gate")
    while gate and not Path(gate).exists():
        threading.Event().wait(_PAUSE_SECONDS)
    return {"success": True, "impact": {params["target_metric"]: -30.0}}


HANDLERS = [Handler("drain", drain), Handler("shed", shed)]


def _note(name: str, params: dict[str, str]) -> None:
    """One write of one line: whole, also when the process is killed right after."""
    file = os.open(params["file"], _FILE_FLAGS)
    try:
        os.write(file, f"{name} {params['effect_id']}\n".encode())
    finally:
        os.close(file)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
