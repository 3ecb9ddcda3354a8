"""A worker that is killed without warning, and what its successor makes of what it left."""

from __future__ import annotations

import threading

import pytest

from streams.core.kernel.batch import series_key
from streams.core.kernel.store import TABLES
from tests.kits.kafka.deployment import Deployment, WorkerProcess, until
from tests.kits.kafka.ledger import ENTITIES, METRICS, Ledger, begin, metric
from tests.kits.kafka.verifier import latest, verify

pytestmark = pytest.mark.timeout(300)

RESTORING, RESTORED = "restoring tables", "tables restored"
"""What a worker logs before and after it reads the changelogs."""


def handled(worker: WorkerProcess) -> float:
    return worker.figure("goalstream_records_total", topic="metrics")


@pytest.mark.spec("S0-027")
@pytest.mark.parametrize(
    ("guarantee", "state"),
    [("at_least_once", "kept"), ("at_least_once", "deleted"), ("exactly_once", "deleted")],
)
def test_kills_lose_nothing(deployment: Deployment, state: str) -> None:
    """Each kill leaves stored state of every series, and a burst that is not committed yet."""
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    uncommitted = 0
    worker.wait_ready()
    for _ in range(2):
        ledger.send(5_000)
        deployment.wait_committed("metrics")
        assert {key for _, key in latest(deployment, "models")} == series_of(ledger)
        if state == "kept":
            worker.stop()
            worker.start().wait_ready()
        enough = handled(worker) + 3_000
        ledger.send(12_000)
        until(lambda enough=enough: handled(worker) >= enough, "part of the burst handled")
        worker.kill()
        uncommitted += bool(deployment.behind("metrics"))
        if state == "deleted":
            worker.delete_state()
        # Looked at before the start: a worker that is ready writes on at once.
        everything = sum(map(deployment.changelog_records, TABLES))
        worker.start().wait_ready()
        # Kept is what the last clean stop wrote to disk; behind it the changelogs are read.
        assert (restored(worker) < everything) == (state == "kept")
    assert uncommitted > 0
    deployment.wait_committed()
    worker.stop()
    assert verify(deployment, ledger.sent).faults == {}


def restored(worker: WorkerProcess) -> float:
    """Changelog records that the running process has read."""
    return worker.figure("goalstream_recovery_records_total")


def series_of(ledger: Ledger) -> set[bytes]:
    """Keys of all series that have been written."""
    return {
        series_key(each.entity_id, each.name).encode()
        for each in map(metric, range(min(ledger.sent, ENTITIES * len(METRICS))))
    }


def test_a_restart_without_committed_offsets_changes_nothing(deployment: Deployment) -> None:
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    ledger.send(20_000)
    deployment.wait_committed()
    worker.stop()
    before = verify(deployment, ledger.sent)
    assert before.faults == {}

    deployment.forget_offsets()
    assert deployment.committed() == {}
    worker.start().wait_ready()
    ledger.send(5_000)
    deployment.wait_committed()
    assert worker.figure("goalstream_records_skipped_total", topic="metrics") == 20_000
    worker.stop()
    assert verify(deployment, ledger.sent).faults == {}


def test_kills_in_the_middle_of_recovery_lose_nothing(deployment: Deployment) -> None:
    """Each round is killed a little later after it began to read the changelogs."""
    worker = deployment.worker("a").start()
    ledger = Ledger(deployment, entities=4_000)
    ledger.send(40_000)
    worker.wait_ready()
    deployment.wait_committed()
    worker.kill()
    worker.delete_state()
    cut_off = 0
    for seconds in (0.02, 0.1, 0.3):
        seen = worker.text().count(RESTORING), worker.text().count(RESTORED)
        worker.start()
        until(
            lambda seen=seen: worker.text().count(RESTORING) > seen[0], "recovery begun", pause=0.01
        )
        threading.Event().wait(seconds)
        worker.kill()
        cut_off += worker.text().count(RESTORED) == seen[1]
    assert cut_off > 0  # a fast machine may get through before the last kill
    worker.start().wait_ready()
    ledger.send(5_000)
    deployment.wait_committed()
    worker.stop()
    assert verify(deployment, ledger.sent).faults == {}
