"""A damaged value in a changelog stops a worker by name, and the remedy that is named helps; a
damaged store beside it is rebuilt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.core.kernel.store import ENTITIES
from streams.records import DeadLetter
from streams.runtime.flawed import DAMAGED_STATE
from streams.runtime.rocksdb_store import ASIDE
from streams.runtime.sealed import seal
from tests.kits.kafka.deployment import Deployment, WorkerProcess
from tests.kits.kafka.ledger import begin
from tests.kits.kafka.verifier import decoded, latest

pytestmark = pytest.mark.timeout(300)


def state(deployment: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    """``goalstream state``, to any end."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "state", *words],
        cwd=deployment.home,
        capture_output=True,
        text=True,
        check=False,
    )


def entities(worker: WorkerProcess) -> set[str]:
    """Entities with goals."""
    items = worker.get("/tables/goals?limit=1000").json()["items"]
    return {item["key"].partition("/")[0] for item in items}


def test_the_remedy_for_a_damaged_changelog_helps(deployment: Deployment) -> None:
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    ledger.send(5_000)
    worker.wait_ready()
    deployment.wait_committed()
    before = entities(worker)
    busy = state(deployment, "repair", "--yes")
    assert busy.returncode == 1
    assert "stop all workers" in busy.stderr
    worker.stop()
    (flipped, value), (garbled, _) = sorted(latest(deployment, ENTITIES).items())[:2]
    damaged = bytearray(seal(flipped[1], value) or b"")
    damaged[len(damaged) // 2] ^= 1
    for (partition, key), damage in ((flipped, bytes(damaged)), (garbled, b"\xff" * 50)):
        topic = deployment.changelog(ENTITIES)
        deployment.kafka.produce(topic, [(key, damage)], partition=partition)
    names = {flipped[1].decode(), garbled[1].decode()}

    worker.start()
    assert worker.wait_ended(60) == 1
    assert all(f"entities {name} (" in worker.text() for name in names)
    assert "goalstream state repair" in worker.text()
    letters = [
        record
        for _, record in decoded(deployment, "dead-letter")
        if isinstance(record, DeadLetter) and record.reason == DAMAGED_STATE
    ]
    assert {(each.partition, each.key) for each in letters} == {flipped, garbled}

    told = state(deployment, "repair")
    assert told.returncode == 1
    assert all(name in told.stdout for name in names)
    assert state(deployment, "check").returncode == 1
    assert state(deployment, "repair", "--yes", *names).returncode == 0
    assert state(deployment, "check").returncode == 0

    worker.start().wait_ready()
    assert entities(worker) == before - names
    worker.stop()


def test_a_damaged_store_is_rebuilt_from_the_changelog(deployment: Deployment) -> None:
    worker = deployment.worker("a").start()
    ledger = begin(deployment)
    ledger.send(5_000)
    worker.wait_ready()
    deployment.wait_committed()
    before = worker.get("/tables/goals?limit=1000").json()["items"]
    worker.stop()
    for number in range(4):
        files = (worker.home / "state").rglob(f"entities-{number}.db/*.sst")
        file = max(files, key=lambda path: path.stat().st_size)
        data = bytearray(file.read_bytes())
        for at in range(len(data) // 2, len(data) // 2 + 6):
            data[at] ^= 0xFF
        file.write_bytes(data)
    worker.start().wait_ready()
    assert worker.get("/tables/goals?limit=1000").json()["items"] == before
    assert worker.figure("goalstream_stores_rebuilt_total", table=ENTITIES) == 4
    assert len(list((worker.home / "state").rglob(f"*{ASIDE}"))) == 4
    worker.stop()
