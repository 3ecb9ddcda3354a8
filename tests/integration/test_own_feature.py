"""A worker with a feature of the user's own: its table, command, view and timer on real Kafka."""

from __future__ import annotations

import httpx
import pytest

from streams.records import Alert, Command, Event
from tests.kits.kafka.deployment import Deployment, WorkerProcess, until
from tests.kits.kafka.ledger import START_MS
from tests.kits.kafka.verifier import decoded

pytestmark = pytest.mark.timeout(300)

SHOP = "corner-shop"


def visit(number: int) -> Event:
    return Event(
        entity_id=SHOP,
        timestamp=START_MS + number,
        event_id=f"visit-{number}",
        event_type="visit",
    )


def row(worker: WorkerProcess) -> dict[str, object]:
    reply = httpx.get(f"{worker.url}/tables/visits/{SHOP}", timeout=10, trust_env=False)
    assert reply.status_code == 200, reply.text
    return reply.json()["value"]


def test_it_counts_resets_and_raises_its_alert_over_a_restart(deployment: Deployment) -> None:
    own = {
        "worker": {"tick_seconds": 0.2},
        'features."examples.own_feature:Visits"': {"quiet_seconds": 2},
    }
    worker = deployment.worker("a", own).start().wait_ready()
    deployment.send("events", *(visit(number) for number in range(5)), visit(3))
    deployment.wait_committed()
    assert row(worker)["count"] == 5
    worker.stop()

    worker.start().wait_ready()
    assert row(worker)["count"] == 5
    reset = Command(
        entity_id=SHOP,
        timestamp=START_MS + 10,
        command_id="reset",
        command="visits.reset",
        arguments={"count": "40"},
    )
    deployment.send("commands", reset)
    deployment.send("events", visit(7), visit(8))
    deployment.wait_committed()
    assert row(worker)["count"] == 42
    until(lambda: bool(decoded(deployment, "alerts")), "the alert that nobody comes")
    worker.stop()
    for _, alert in decoded(deployment, "alerts"):
        assert isinstance(alert, Alert)
        assert (alert.entity_id, alert.rule) == (SHOP, "no_visits")
