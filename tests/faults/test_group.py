"""Workers that come, go and stand still while others take over."""

from __future__ import annotations

import json

import pytest

from tests.kits.kafka.deployment import PARTITIONS, Deployment, until
from tests.kits.kafka.ledger import Ledger, begin, entity
from tests.kits.kafka.verifier import verify

pytestmark = pytest.mark.timeout(300)


def owned(deployment: Deployment, *names: str) -> int:
    """Partitions that these workers say they own and have recovered."""
    deployment.require_running()
    return sum(
        len(worker.get("/partitions").json()["owned"])
        for worker in map(deployment.workers.__getitem__, names)
        if worker.is_ready()
    )


def wait_owned(deployment: Deployment, *names: str) -> None:
    """Wait until these workers share all partitions, each of them with some."""
    until(
        lambda: (
            owned(deployment, *names) == PARTITIONS
            and all(deployment.workers[name].is_ready() for name in names)
        ),
        f"all partitions owned by {names}",
    )


@pytest.mark.spec("S0-024")
def test_six_joins_and_leaves_under_load_lose_nothing(deployment: Deployment) -> None:
    a, b, c = (deployment.worker(name) for name in "abc")
    a.start()
    ledger = begin(deployment)
    ledger.send(10_000)
    with ledger.flowing(1_500):
        wait_owned(deployment, "a")
        b.start()
        wait_owned(deployment, "a", "b")
        c.start()
        wait_owned(deployment, "a", "b", "c")
        b.stop()
        wait_owned(deployment, "a", "c")
        b.start()
        wait_owned(deployment, "a", "b", "c")
        a.stop()
        wait_owned(deployment, "b", "c")
        c.stop()
        wait_owned(deployment, "b")
    deployment.wait_committed()
    b.stop()
    assert verify(deployment, ledger.sent).faults == {}


@pytest.mark.spec("S1-202")
def test_two_workers_share_the_models_of_all_series(deployment: Deployment) -> None:
    a, b = deployment.worker("a").start(), deployment.worker("b").start()
    wait_owned(deployment, "a", "b")
    Ledger(deployment, entities=100).send(2_000)
    deployment.wait_committed()
    held = [
        {item["key"] for item in worker.get("/tables/models?limit=1000").json()["items"]}
        for worker in (a, b)
    ]
    assert all(held)
    assert held[0].isdisjoint(held[1])
    holding = {key.partition("/")[0] for key in held[0] | held[1]}
    assert holding == {entity(number) for number in range(100)}


@pytest.mark.parametrize("guarantee", ["exactly_once"])
def test_a_join_and_two_leaves_under_load_show_nothing_twice(deployment: Deployment) -> None:
    a, b = deployment.worker("a"), deployment.worker("b")
    a.start()
    ledger = begin(deployment)
    ledger.send(10_000)
    with ledger.flowing(1_500):
        wait_owned(deployment, "a")
        b.start()
        wait_owned(deployment, "a", "b")
        a.stop()
        wait_owned(deployment, "b")
    deployment.wait_committed()
    b.stop()
    assert verify(deployment, ledger.sent).faults == {}


def test_a_worker_that_stood_still_does_not_undo_its_successor(deployment: Deployment) -> None:
    """It wakes up with state that the group has long given to another, and may not store it."""
    a, b = deployment.worker("a"), deployment.worker("b")
    a.start()
    ledger = begin(deployment)
    b.start()
    wait_owned(deployment, "a", "b")
    ledger.send(30_000)
    until(lambda: a.figure("goalstream_records_total", topic="metrics") > 2_000, "a is busy")
    a.pause()
    wait_owned(deployment, "b")
    ledger.send(5_000)
    deployment.wait_committed()
    a.resume()
    wait_owned(deployment, "a", "b")
    ledger.send(5_000)
    deployment.wait_committed()
    a.stop()
    b.stop()
    assert verify(deployment, ledger.sent).faults == {}


def test_a_second_worker_on_a_state_directory_names_the_first(deployment: Deployment) -> None:
    first = deployment.worker("first").start().wait_ready()
    state = {"worker": {"state_dir": str(first.home / "state")}}
    second = deployment.worker("second", state).start()
    assert second.wait_ended() == 1
    holder = json.dumps({"id": deployment.name, "pid": first.pid})[:-1]
    assert "in use by another worker" in " ".join(second.text().split())
    assert holder in second.text()
    assert first.is_ready()
    first.stop()
