"""A broker that is killed under load and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kits.kafka.deployment import Deployment, deployed, until
from tests.kits.kafka.harness import KafkaHarness
from tests.kits.kafka.ledger import begin
from tests.kits.kafka.verifier import verify
from tools.kafka import KafkaStack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[KafkaStack]:
    """A broker that nobody else uses."""
    stack = KafkaStack(tmp_path / "stack")
    try:
        stack.start_broker()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def deployment(own_stack: KafkaStack, unique: str, tmp_path: Path) -> Iterator[Deployment]:
    yield from deployed(KafkaHarness(own_stack.bootstrap), unique, tmp_path / "deployment")


def test_a_broker_that_comes_back_has_lost_nothing(
    deployment: Deployment, own_stack: KafkaStack
) -> None:
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    ledger.send(10_000)
    worker.wait_ready()
    with ledger.flowing(1_000):
        for kill in (True, False):
            handled = worker.figure("goalstream_records_total", topic="metrics")
            own_stack.stop_broker(kill=kill)
            until(lambda: not own_stack.broker_ready(), "the broker is gone")
            own_stack.start_broker()
            until(
                lambda handled=handled: (
                    worker.figure("goalstream_records_total", topic="metrics") > handled + 5_000
                ),
                "the worker goes on",
            )
    deployment.wait_committed()
    worker.stop()
    assert verify(deployment, ledger.sent).faults == {}
