"""The Kafka that a run uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.kafka import KafkaStack


@contextmanager
def kafka(bootstrap: str | None, directory: Path) -> Iterator[str]:
    """Bootstrap address: the given one, or a broker started in ``directory`` for this run."""
    if bootstrap:
        yield bootstrap
        return
    stack = KafkaStack(directory / "kafka")
    try:
        stack.start_broker()
        yield stack.bootstrap
    finally:
        stack.stop_broker()
