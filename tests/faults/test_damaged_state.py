"""A damaged value in a changelog stops a worker by name, and the remedy that is named helps; a
damaged store beside it is rebuilt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.core.kernel.store import ENTITIES
from streams.records import DeadLetter
from streams.runtime.flawed import DAMAGED_STATE
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


@pytest.mark.parametrize("kind", ["garbage", "flipped"])
def test_the_remedy_for_a_damaged_changelog_helps(deployment: Deployment, kind: str) -> None:
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
    stored = latest(deployment, ENTITIES)
    (partition, key), value = sorted(stored.items())[0]
    damaged = bytearray(seal(key, value) or b"")
    damaged[len(damaged) // 2] ^= 1
    deployment.kafka.produce(
        deployment.changelog(ENTITIES),
        [(key, b"\xff" * 50 if kind == "garbage" else bytes(damaged))],
        partition=partition,
    )
    name = key.decode()

    worker.start()
    assert worker.wait_ended(60) == 1
    assert f"entities {name} (" in worker.text()
    assert "goalstream state repair" in worker.text()
    [letter] = [
        record
        for _, record in decoded(deployment, "dead-letter")
        if isinstance(record, DeadLetter) and record.reason == DAMAGED_STATE
    ]
    assert (letter.key, letter.partition) == (key, partition)

    assert state(deployment, "check").returncode == 1
    told = state(deployment, "repair")
    assert told.returncode == 1
    assert name in told.stdout
    assert state(deployment, "check").returncode == 1
    assert state(deployment, "repair", "--yes", name).returncode == 0
    assert state(deployment, "check").returncode == 0

    worker.start().wait_ready()
    assert entities(worker) == before - {name}
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
    starts = 0
    while True:
        starts += 1
        assert starts <= 6  # each start finds one more, at worst
        worker.start()
        try:
            worker.wait_ready()
            after = worker.get("/tables/goals?limit=1000")
        except (AssertionError, OSError):
            assert worker.wait_ended() == 1
            assert "local store is damaged" in worker.text()
            continue
        if after.status_code == 200 and worker.get("/health/live").status_code == 200:
            break
        assert worker.wait_ended() == 1
    assert after.json()["items"] == before
    assert "set aside" in worker.text()
    worker.stop()
