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
KILLS = 6
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


@pytest.mark.parametrize("checkpoint_seconds", [1, 3])
def test_nothing_that_was_published_is_contradicted(
    deployment: Deployment, checkpoint_seconds: int
) -> None:
    """A successor reads the topics in another interleaving than the one that was killed."""
    worker = deployment.worker("a", {"worker": {"checkpoint_seconds": checkpoint_seconds}})
    worker.start().wait_ready()
    achieved: dict[str, Goal] = {}
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
            until(lambda seen=seen: is_achieved(seen()), "a goal achieved", pause=0.001)
        else:
            threading.Event().wait(0.03 * round_)  # in the middle of whatever it is doing
        worker.kill()
        achieved |= {goal.goal_id: goal for goal in published(deployment) if is_achieved([goal])}
        worker.start().wait_ready()
        deployment.wait_committed()
    rows = worker.get(f"/tables/goals?limit={ROWS}").json()["items"]
    worker.stop()
    said = published(deployment)
    state = {row["value"]["goal_id"]: row["value"] for row in rows}
    assert achieved
    ghosts = {id_ for id_ in achieved if state[id_]["status"] != "achieved"}
    times = Counter((goal.goal_id, goal.revision) for goal in said)
    assert ghosts == set()
    assert [key for key, count in times.items() if count > 1] == []
    latest = {goal.goal_id: goal for goal in said}
    assert len(latest) == GOALS * KILLS
    for id_, goal in latest.items():
        assert (state[id_]["revision"], state[id_]["status"]) == (goal.revision, goal.status)


def is_achieved(goals: list[Goal]) -> bool:
    return any(goal.status is GoalStatus.ACHIEVED for goal in goals)


# --- zombies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point", [freezer.BEFORE_WRITE, freezer.BEFORE_OFFSETS, freezer.BEFORE_COMMIT]
)
def test_a_worker_frozen_in_a_transaction_leaves_no_half_of_it(
    deployment: Deployment, point: str
) -> None:
    """The group gives its partitions away while it stands still between its check and its write."""
    module = {"worker": {"handlers": [freezer.__name__]}}
    a, b = deployment.worker("a", module), deployment.worker("b", module)
    a.start()
    ledger = begin(deployment)
    b.start()
    until(lambda: owned(a) + owned(b) == PARTITIONS and owned(a) > 0 < owned(b), "shared")
    ledger.send(10_000)
    (a.home / freezer.FREEZE).write_text(point)
    ledger.send(10_000)
    until((a.home / freezer.FROZEN).exists, "a is frozen")
    until(lambda: deployment.members() == 1, "the group has given it up")
    if point != freezer.BEFORE_COMMIT:
        # Nobody asked the group for this one, so b need not know how it ends.
        until(lambda: owned(b) == PARTITIONS, "b has all")
        ledger.send(5_000)
        deployment.wait_committed()
    a.resume()
    until(lambda: owned(a) + owned(b) == PARTITIONS and owned(a) > 0 < owned(b), "shared again")
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
