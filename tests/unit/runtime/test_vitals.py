"""When a worker is ready, what waits for it, and what the log says of it."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.runtime.logs import configure_logging
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.transport import BatchThread
from streams.runtime.vitals import Readiness, Vitals, not_ready

READY = Readiness("running", 2, member=True, checkpoint_age=3)


def test_ready_asks_for_all_of_it() -> None:
    assert not_ready(READY, 3) == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (READY._replace(phase="recovering"), "recovering"),
        (READY._replace(phase="failed"), "failed"),
        (READY._replace(owned=0), "no partition"),
        (READY._replace(member=False), "coordinator"),
        (READY._replace(checkpoint_age=3.1), "checkpoint"),
    ],
)
def test_what_makes_a_worker_not_ready_is_said(changed: Readiness, reason: str) -> None:
    assert reason in not_ready(changed, 3)


def test_lag_counts_what_exists_and_is_not_applied() -> None:
    applied = {"metrics": 9, "events": -1}
    part = SimpleNamespace(applied=lambda source: applied.get(source, -1))
    ends = {"agent-metrics": 15, "agent-events": 7}
    consumer = SimpleNamespace(
        # The two offsets behind event 4 are marks of transactions.
        settled=lambda tp, _: 7 if tp.topic == "agent-events" else None,
        highwater=lambda tp: ends.get(tp.topic),
    )
    now = [100.0]
    vitals = Vitals(
        as_any(SimpleNamespace(partitions={3: part})),
        lambda: as_any(consumer),
        as_any(SimpleNamespace(kafka_name=lambda source: f"agent-{source}")),
        metrics := WorkerMetrics(CollectorRegistry()),
        lambda: now[0],
    )
    vitals.measure_lags({TP("agent-events", 3): 5})
    assert vitals.lag == 5
    vitals.export(1, ready=True)
    assert metrics.lag.labels("metrics", "3")._value.get() == 5
    assert metrics.ready._value.get() == 1
    now[0] += 4
    assert vitals.checkpoint_age == 4
    vitals.saved()
    assert vitals.checkpoint_age == 0


def as_any(value: object) -> Any:
    return value


@pytest.mark.parametrize(
    ("generation", "coordinator_id", "known"), [(3, 1, True), (-1, 1, False), (3, None, False)]
)
def test_the_group_knows_a_worker_with_a_generation_and_a_coordinator(
    generation: int, coordinator_id: int | None, known: bool
) -> None:
    coordinator = SimpleNamespace(generation=generation, coordinator_id=coordinator_id)
    thread = SimpleNamespace(_consumer=SimpleNamespace(_coordinator=coordinator))
    found = BatchThread.is_known
    assert isinstance(found, property)
    assert found.fget is not None
    assert found.fget(thread) is known


# -- the log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize(("stream", "colours"), [(io.StringIO, False), (Terminal, True)])
def test_colours_are_for_terminals(
    stream: type[io.StringIO], colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = stream()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("INFO", json_lines=False)
    structlog.get_logger("streams.test").warning("said", value=1)
    assert "said" in written.getvalue()
    assert ("\x1b" in written.getvalue()) is colours


@pytest.mark.usefixtures("_logging")
def test_what_libraries_do_step_by_step_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("INFO", json_lines=True)
    logging.getLogger("httpx").info("HTTP Request: GET http://registry/subjects")
    logging.getLogger("faust.transport").info("step")
    assert written.getvalue() == ""
    logging.getLogger("httpx").warning("told")
    assert "told" in written.getvalue()
