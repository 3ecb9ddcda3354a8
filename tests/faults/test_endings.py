"""Whatever is raised, and whatever hangs, at any stage: the process ends in time and says why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kits.kafka import breaking_handlers
from tests.kits.kafka.deployment import PARTITIONS, Deployment, WorkerProcess, until
from tests.kits.kafka.ledger import begin
from tests.kits.kafka.verifier import verify
from tests.kits.runtime.broken_worker import LIMITS, STAGES, all_kinds

pytestmark = pytest.mark.timeout(500)

STARTING_SECONDS = 5.0
"""Joining the group, which a worker that fails before it is through waits for."""
SPARE_SECONDS = 3.0
REMEDIES = {"memory": "more memory", "disk_full": "free space"}


class Ended(NamedTuple):
    """How a broken worker ended."""

    code: int
    seconds: float
    """From the break on."""
    log: Path


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Ended]:
    """All stages and kinds, each in a process of its own."""
    directory = tmp_path_factory.mktemp("endings")
    done = subprocess.run(
        [sys.executable, "-m", "tests.kits.runtime.broken_worker", str(directory)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(STAGES)]
    return {
        (stage, kind): Ended(int(code), float(seconds), directory / f"{stage}-{kind}" / "log")
        for stage, kind, code, seconds in rows
    }


def limit(stage: str, kind: str) -> float:
    """Seconds within which the worker has to be gone."""
    if stage == "hand_over" and kind == "waiting":
        noticed = LIMITS["handover_seconds"]
    elif kind in ("blocked", "waiting") or (stage, kind) == ("recovery", "cancelled"):
        noticed = LIMITS["stall_seconds"]
    else:
        noticed = 0
    starting = STARTING_SECONDS if stage == "recovery" else 0
    return noticed + max(starting, LIMITS["stop_seconds"]) + SPARE_SECONDS


@pytest.mark.parametrize("kind", all_kinds())
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_breaks_ends(
    ended: dict[tuple[str, str], Ended], stage: str, kind: str
) -> None:
    code, seconds, log = ended[stage, kind]
    assert code == 1
    assert 0 <= seconds < limit(stage, kind)
    lines = log.read_text().splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    named = [
        line
        for line in logged
        if line["event"] in ("worker failed", "worker did not stop in time")
        and line["field"]
        and line["value"]
        and line["remedy"]
    ]
    told = any(line.startswith("error: ") for line in lines)
    assert named or told
    if kind in REMEDIES and stage != "recovery":
        assert REMEDIES[kind] in named[0]["remedy"]


SAID = {
    "raise": "batch of metrics",
    "block": "the event loop has stood still",
    "disk_full": "the disk is full",
}


@pytest.mark.parametrize("kind", SAID)
def test_the_partitions_of_a_worker_that_breaks_go_to_others(
    deployment: Deployment, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = deployment.worker("a").start().wait_ready()
    ledger = begin(deployment)
    monkeypatch.setenv(breaking_handlers.KIND, kind)
    limits = {"stop_seconds": 10, "handover_seconds": 5, "stall_seconds": 5}
    b = deployment.worker(
        "b", {"worker": {"handlers": [breaking_handlers.__name__], **limits}}
    ).start()
    until(lambda: b.is_ready() and a.is_ready() and bool(owned(b)), "b owns something")
    ledger.send(20_000)
    assert b.wait_ended(25) == 1
    assert SAID[kind] in b.text()
    until(lambda: len(owned(a)) == PARTITIONS, "a owns all partitions")
    deployment.wait_committed()
    a.stop()
    assert verify(deployment, ledger.sent).faults == {}


def owned(worker: WorkerProcess) -> list[int]:
    return worker.get("/partitions").json()["owned"]
