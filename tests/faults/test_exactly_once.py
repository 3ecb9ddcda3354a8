"""``worker.guarantee = "exactly_once"``: what a reader of committed records sees, whoever dies."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from confluent_kafka import Producer

from streams.records import Command, Goal, GoalStatus, Metric
from tests.kits.kafka import freezer
from tests.kits.kafka.deployment import PARTITIONS, Deployment, WorkerProcess, until
from tests.kits.kafka.ledger import START_MS, begin
from tests.kits.kafka.verifier import decoded, verify

pytestmark = pytest.mark.timeout(300)

GOALS = 40
KILLS = 3
ROWS = 1_000


@pytest.fixture
def guarantee() -> str:
    return "exactly_once"


def owned(worker: WorkerProcess) -> int:
    return len(worker.get("/partitions").json()["owned"]) if worker.is_ready() else 0


# --- ghosts --------------------------------------------------------------------------------------


def reading(round_: int, number: int, value: float, minute: int) -> Metric:
    return Metric(
        entity_id=f"k{round_}-{number}",
        timestamp=START_MS + minute * 60_000,
        name="pm",
        value=value,
    )


def wish(round_: int, number: int) -> Command:
    return Command(
        entity_id=f"k{round_}-{number}",
        timestamp=START_MS + 60_000,
        command_id=f"c{round_}-{number}",
        command="goal.create",
        target=f"g{round_}-{number}",
        arguments={"target_metric": "pm", "target_value": "10", "direction": "reach"},
    )


def published(deployment: Deployment) -> list[Goal]:
    """What the engine has said of goals, as a reader of committed records sees it."""
    return [record for _, record in decoded(deployment, "goals") if isinstance(record, Goal)]


def test_nothing_that_was_published_is_contradicted(deployment: Deployment) -> None:
    """A successor reads the topics in another interleaving than the one that was killed."""
    workers = [
        deployment.worker(name, {"worker": {"checkpoint_seconds": seconds}})
        for name, seconds in (("a", 1), ("b", 3))
    ]
    worker = workers[0].start().wait_ready()
    achieved: set[str] = set()
    for round_ in range(KILLS):
        deployment.send("metrics", *(reading(round_, n, 50.0, 0) for n in range(GOALS)))
        deployment.wait_committed("metrics")
        deployment.send("commands", *(wish(round_, n) for n in range(GOALS)))
        mine = f"g{round_}-"

        def seen(mine: str = mine) -> list[Goal]:
            return [goal for goal in published(deployment) if goal.goal_id.startswith(mine)]

        until(lambda seen=seen: len(seen()) >= GOALS, "goals published", pause=0.01)
        deployment.send("metrics", *(reading(round_, n, 5.0, 2) for n in range(GOALS)))
        if round_ % 2:
            threading.Event().wait(0.02 * round_)  # in the middle of whatever it is doing
        else:
            until(lambda seen=seen: any(map(is_achieved, seen())), "one achieved", pause=0.001)
        worker.kill()
        achieved |= {goal.goal_id for goal in published(deployment) if is_achieved(goal)}
        worker = workers[(round_ + 1) % 2].start().wait_ready()
        deployment.wait_committed()
    rows = worker.get(f"/tables/goals?limit={ROWS}").json()["items"]
    worker.stop()
    said = published(deployment)
    state = {row["value"]["goal_id"]: row["value"] for row in rows}
    assert achieved
    assert {id_ for id_ in achieved if state[id_]["status"] != "achieved"} == set()
    times = Counter((goal.goal_id, goal.revision) for goal in said)
    assert [key for key, count in times.items() if count > 1] == []
    latest = {goal.goal_id: goal for goal in said}
    assert len(latest) == GOALS * KILLS
    for id_, goal in latest.items():
        assert (state[id_]["revision"], state[id_]["status"]) == (goal.revision, goal.status)


def is_achieved(goal: Goal) -> bool:
    return goal.status is GoalStatus.ACHIEVED


# --- zombies -------------------------------------------------------------------------------------


def test_a_worker_frozen_in_a_transaction_leaves_no_half_of_it(deployment: Deployment) -> None:
    """The group gives its partitions away while it stands still between its check and its write."""
    module = {"worker": {"handlers": [freezer.__name__]}}
    a, b = deployment.worker("a", module), deployment.worker("b", module)
    a.start()
    ledger = begin(deployment)
    b.start()
    for point in (freezer.BEFORE_WRITE, freezer.BEFORE_OFFSETS, freezer.BEFORE_COMMIT):
        until(lambda: owned(a) > 0 < owned(b) == PARTITIONS - owned(a), "shared")
        (a.home / freezer.FREEZE).write_text(point)
        ledger.send(10_000)
        until((a.home / freezer.FROZEN).exists, "a is frozen")
        until(lambda: deployment.members() == 1, "the group has given it up")
        if point != freezer.BEFORE_COMMIT:  # the group has accepted its offsets: it may go on
            until(lambda: owned(b) == PARTITIONS, "b has all")
            ledger.send(5_000)
            deployment.wait_committed()
        (a.home / freezer.FROZEN).unlink()
        a.resume()
    until(lambda: owned(a) > 0 < owned(b) == PARTITIONS - owned(a), "shared again")
    ledger.send(5_000)
    deployment.wait_committed()
    a.stop()
    b.stop()
    assert verify(deployment, ledger.sent).faults == {}


# --- other people's transactions -----------------------------------------------------------------


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_records_of_aborted_transactions_are_skipped(deployment: Deployment) -> None:
    worker = deployment.worker("a").start().wait_ready()
    producer = Producer(
        {
            "bootstrap.servers": deployment.kafka.bootstrap,
            "partitioner": "murmur2_random",
            "transactional.id": f"{deployment.name}-somebody",
        }
    )
    producer.init_transactions()
    for value, ends in ((1.0, producer.abort_transaction), (2.0, producer.commit_transaction)):
        producer.begin_transaction()
        for number in range(3):
            record = reading(0, number, value, int(value))
            producer.produce(
                deployment.topic("metrics"), deployment.encode("metrics", record), record.entity_id
            )
        producer.flush()
        ends()
    deployment.wait_committed("metrics")  # also past the marks of the transactions
    rows = worker.get("/tables/metric_state?limit=10").json()["items"]
    assert {row["key"]: row["value"]["count"] for row in rows} == {
        f"k0-{n}/pm": 1 for n in range(3)
    }
    until(lambda: worker.figure("goalstream_lag_records") == 0, "no lag")
    worker.stop()
