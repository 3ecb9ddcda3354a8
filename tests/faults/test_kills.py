"""A worker that is killed without warning, and what its successor makes of it."""

from __future__ import annotations

import pytest

from tests.faults.harness import Deployment, until
from tests.faults.ledger import Ledger, goals
from tests.faults.verifier import verify


def begin(deployment: Deployment) -> Ledger:
    """Users' goals are taken on before the first metric, so that both orders are one."""
    deployment.send("goals", *goals())
    deployment.wait_committed("goals")
    return Ledger(deployment)


@pytest.mark.parametrize("state", ["kept", "deleted"])
def test_three_kills_lose_nothing(deployment: Deployment, state: str) -> None:
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    ledger.send(60_000)
    with ledger.flowing(3_000):
        for _ in range(3):
            worker.wait_ready()
            done = worker.figure("goalstream_records_total", topic="metrics")
            until(
                lambda done=done: (
                    worker.figure("goalstream_records_total", topic="metrics") > done + 8_000
                ),
                "some more metrics handled",
            )
            worker.kill()
            if state == "deleted":
                worker.delete_state()
            worker.start()
    worker.wait_ready()
    deployment.wait_committed()
    worker.stop()
    assert verify(deployment, ledger.sent).faults == {}
