"""One moment in the life of a loop."""

from __future__ import annotations

from enum import StrEnum

from streams.records.base import Record


class LoopState(StrEnum):
    PENDING = "pending"
    SLEEPING = "sleeping"
    WAITING = "waiting"
    PROCESSING = "processing"
    ERROR = "error"
    STOPPED = "stopped"


class LoopEvent(Record, frozen=True, kw_only=True):
    loop_id: str
    loop_name: str
    kind: str
    from_state: LoopState | None = None
    to_state: LoopState | None = None
    event_seq: int
    wake_reason: str = ""
    attempt: int = 0
    elapsed_ms: float | None = None
    error: str = ""
    summary: str = ""
