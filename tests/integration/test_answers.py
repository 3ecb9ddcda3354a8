"""Requests to a worker on real Kafka are answered with what the engine made of them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from streams.records import Goal
from streams.settings.tokens import TokenEntry, digest_of, write_tokens
from tests.kits.kafka.deployment import Deployment
from tests.kits.kafka.verifier import decoded

pytestmark = pytest.mark.timeout(300)

PEOPLE = {"olga": "operator", "adam": "admin"}
GOAL = {"entity_id": "shop", "target_metric": "load", "target_value": 0.5, "goal_id": "calm"}


def secret(name: str) -> str:
    return f"the-secret-of-{name}-on-this-machine"


def test_the_effect_and_the_refusal_come_back(deployment: Deployment, tmp_path: Path) -> None:
    entries = {name: TokenEntry(role, digest_of(secret(name))) for name, role in PEOPLE.items()}
    write_tokens(tmp_path / "tokens.toml", entries)
    own = {"web": {"tokens_file": str(tmp_path / "tokens.toml")}}
    worker = deployment.worker("a", own).start().wait_ready()

    def post(who: str, path: str, said: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {secret(who)}"}
        url = f"{worker.url}{path}"
        return httpx.post(url, json=said, headers=headers, timeout=30, trust_env=False)

    created = post("olga", "/api/autonomous/goals", GOAL)
    assert (created.status_code, created.json()["status"]) == (200, "applied"), created.text
    assert created.json()["effect"]["status"] == "active"

    unknown = {"command": "goal.cancel", "entity_id": "shop", "target": "none"}
    refused = post("olga", "/api/commands", unknown)
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("unknown_goal: ")

    forbidden = post("olga", "/api/autonomous/mode", {"mode": "observe"})
    assert (forbidden.status_code, forbidden.json()["field"]) == (403, "role")
    everywhere = post("adam", "/api/autonomous/mode", {"mode": "observe"})
    assert (everywhere.status_code, everywhere.json()["status"]) == (200, "applied")

    cancelled = post("olga", "/api/autonomous/goals/shop/calm/cancel", {"reason": "enough"})
    assert cancelled.json()["effect"]["status"] == "cancelled"
    worker.stop()
    goals = [record for _, record in decoded(deployment, "goals") if isinstance(record, Goal)]
    assert {goal.metadata["requested_by"] for goal in goals} == {"olga"}
