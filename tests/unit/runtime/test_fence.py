"""Whether a worker may still store state: the group's answer, and how long it holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime import transport
from streams.runtime.transport import BatchConsumer, BatchThread
from tests.kits.runtime.faust_app import unconnected_app


class Coordinator:
    """Answers heartbeats as told, and keeps the generation that aiokafka would."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.generation = 5

    async def _do_heartbeat(self) -> bool:
        answer = self.answers.pop(0)
        if answer is False:
            self.generation = -1
        return answer is True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of the monotonic clock, to be set."""
    now = [1_000.0]
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(transport, "ASK_AGAIN_SECONDS", 0.0)
    return now


async def consumer_of(
    coordinator: Coordinator, home: Path, monkeypatch: pytest.MonkeyPatch
) -> BatchConsumer:
    async def nothing(*_: Any) -> None:
        return

    async def call(_thread: BatchThread, question: Any) -> Any:
        return await question()

    consumer = BatchConsumer(
        unconnected_app(home).transport,
        callback=nothing,
        on_partitions_revoked=nothing,
        on_partitions_assigned=nothing,
    )
    monkeypatch.setattr(BatchThread, "call_thread", call)
    member = SimpleNamespace(_coordinator=coordinator)
    monkeypatch.setattr(BatchThread, "_ensure_consumer", lambda _: member)
    return consumer


async def test_an_answer_holds_for_a_part_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    coordinator = Coordinator(True, True, False)
    consumer = await consumer_of(coordinator, tmp_path, monkeypatch)
    session = consumer.app.conf.broker_session_timeout
    assert await consumer.owns()
    clock[0] += session / 4
    assert await consumer.owns()
    assert len(coordinator.answers) == 2
    clock[0] += session / 4
    assert await consumer.owns()
    # The process stood still; meanwhile the group gave its partitions away.
    clock[0] += session
    assert not await consumer.owns()
    assert coordinator.answers == []


async def test_no_answer_is_neither_yes_nor_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    coordinator = Coordinator(None, None, True, None, False)
    consumer = await consumer_of(coordinator, tmp_path, monkeypatch)
    assert await consumer.owns()
    assert coordinator.answers == [None, False]
    clock[0] += consumer.app.conf.broker_session_timeout
    assert not await consumer.owns()
