"""Who works with topics; what each may do is derived from the declaration."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who may read or write a topic."""

    PRODUCER = "producer"
    CLIENT = "client"
    OPERATOR = "operator"
    ANALYTICS = "analytics"
    WORKER = "worker"
