"""``goalstream goal``, ``plan`` and ``mode``: what they write, and what they show of a worker."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from streams.cli.app import app
from streams.core.safety.modes import Controls, Mode
from streams.records import GoalStatus, PlanStatus, Priority
from streams.runtime import results
from streams.runtime.embedded import PARTITIONS, EmbeddedBroker
from streams.settings.tokens import TokenEntry, digest_of, write_tokens
from streams.web import WebOptions, WebServer, create_app
from tests.kits.web.agent import FAR, NOW, AgentSource, Telling
from tests.kits.web.group import TOKEN


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GOALSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    running = EmbeddedBroker()
    yield running
    running.close()


@pytest.fixture
def source() -> AgentSource:
    return AgentSource()


@pytest.fixture
async def url(source: AgentSource) -> AsyncIterator[str]:
    """The views of a worker with ``source``."""
    server = WebServer(create_app(source, CollectorRegistry(), WebOptions()), "127.0.0.1", 0)
    await server.start()
    yield server.url
    await server.stop()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


async def ask(*arguments: str) -> Result:
    """Call beside the server of this test."""
    return await asyncio.to_thread(invoke, *arguments)


class Cluster:
    """Runs commands on a broker and reads what they have written."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._options = ("--set", f"kafka.bootstrap={broker.bootstrap}")

    def run(self, *arguments: str) -> Result:
        return invoke(*self._options, *arguments)

    def written(self, topic: str, count: int) -> list[dict[str, object]]:
        arguments = ("--from", "beginning", "--max", str(count), "--timeout", "20")
        result = self.run("consume", topic, *arguments)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(lines) == count, result.output
        return lines


@pytest.fixture
def cluster(broker: EmbeddedBroker) -> Cluster:
    return Cluster(broker)


# --- writing -------------------------------------------------------------------------------


def test_a_goal_is_written_with_all_that_a_user_decides(cluster: Cluster) -> None:
    result = cluster.run(
        "goal", "create", "shop", "latency", "200", "--direction", "at_most", "--type",
        "sla_maintenance", "--priority", "high", "--deadline", "2096-01-01T00:00:00Z", "--hold",
        "1.5", "--action", "scale_out", "--action", "purge", "--after", "g0", "--parent", "g9",
        "--description", "fast", "--unit", "ms", "--kafka",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    (line,) = cluster.written("goals", 1)
    assert line["key"] == "shop"
    goal = line["record"]
    assert isinstance(goal, dict)
    assert goal["goal_id"] == result.stdout.strip()
    wanted = {
        "goal_type": "sla_maintenance", "priority": "high", "direction": "at_most",
        "target_metric": "latency", "target_value": 200.0, "deadline": 3_976_214_400_000,
        "hold_ms": 1500, "actions": ["scale_out", "purge"], "dependencies": ["g0"],
        "parent_id": "g9", "description": "fast", "unit": "ms", "revision": 0,
        "metadata": {"requested_by": "ann"},
    }  # fmt: skip
    assert {name: goal[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("arguments", "command", "target", "given"),
    [
        (
            ["goal", "cancel", "shop", "g1", "--reason", "done"],
            "goal.cancel",
            "g1",
            {"reason": "done"},
        ),
        (["plan", "approve", "shop", "p1"], "plan.approve", "p1", {}),
        (
            ["plan", "reject", "shop", "p1", "--by", "bob", "--reason", "no"],
            "plan.reject",
            "p1",
            {"reason": "no"},
        ),
        (["mode", "set", "act", "--entity", "shop"], "mode.set", "", {"mode": "act"}),
    ],
)
def test_a_word_to_one_entity_is_one_command(
    cluster: Cluster, arguments: list[str], command: str, target: str, given: dict[str, str]
) -> None:
    assert cluster.run(*arguments, "--kafka").exit_code == 0
    (line,) = cluster.written("commands", 1)
    sent = line["record"]
    assert isinstance(sent, dict)
    assert (sent["entity_id"], sent["command"], sent["target"]) == ("shop", command, target)
    assert (sent["arguments"], sent["issued_by"]) == (given, "bob" if "bob" in arguments else "ann")


def test_a_mode_for_all_is_written_to_every_partition(cluster: Cluster) -> None:
    result = cluster.run(*"mode set approve --autonomous false --by bob --kafka".split())

    assert result.exit_code == 0, result.output
    lines = cluster.written("commands", PARTITIONS)
    assert sorted(str(line["partition"]) for line in lines) == ["0", "1", "2", "3"]
    records = [line["record"] for line in lines]
    assert all(record == records[0] for record in records)
    assert isinstance(records[0], dict)
    assert (records[0]["entity_id"], records[0]["issued_by"]) == ("*", "bob")
    assert records[0]["arguments"] == {"mode": "approve", "autonomous": "false"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["goal", "create", "shop", "load", "1", "--deadline", "tomorrow"], "not a moment"),
        (["goal", "create", "shop", "load", "1", "--deadline", "5"], "has passed"),
        (["mode", "set"], "say mode or autonomous"),
        (["mode", "set", "act", "--goal-type", "foo"], "goal_type"),
        (["mode", "set", "act", "--goal-type", "*", "--loop", "x"], "not both"),
        (["plan", "list", "--waiting", "--status", "done"], "two filters"),
    ],
)
def test_mistakes_are_found_before_anything_is_asked(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)

    assert result.exit_code == 1
    assert message in result.stderr


def test_a_decision_needs_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no user")

    monkeypatch.setattr("getpass.getuser", nobody)

    result = invoke("plan", "approve", "shop", "p1", "--kafka")

    assert result.exit_code == 1
    assert "--by" in result.stderr


# --- asking a worker -------------------------------------------------------------------------


@pytest.fixture
def telling() -> Telling:
    return Telling()


@pytest.fixture
async def flags(telling: Telling, tmp_path: Path) -> AsyncIterator[list[str]]:
    """Of a command line with ann's token, who is an admin."""
    write_tokens(tmp_path / "tokens", {"ann": TokenEntry("admin", digest_of(TOKEN))})
    (tmp_path / "token").write_text(TOKEN, encoding="ascii")
    options = WebOptions(tokens_file=tmp_path / "tokens")
    server = WebServer(create_app(telling, CollectorRegistry(), options), "127.0.0.1", 0)
    await server.start()
    port = server.url.rpartition(":")[2]
    yield [f"--set=web.token_file={tmp_path / 'token'}", f"--set=web.port={port}"]
    await server.stop()


async def test_a_goal_is_asked_for_and_shown(telling: Telling, flags: list[str]) -> None:
    telling.told["goals", 0, 0] = results.APPLIED
    telling.add_goal("mine")
    words = ["goal", "create", "shop", "latency", "200", "--direction", "at_most", "--id", "mine"]

    result = await ask(*flags, *words, "--hold", "1.5", "--action", "purge")

    assert (result.exit_code, result.stdout) == (0, "mine\n"), result.output
    assert "applied: active" in result.stderr
    (sent,) = telling.goals()
    assert (sent.target_value, sent.hold_ms, sent.actions) == (200.0, 1500, ("purge",))
    assert sent.metadata == {"requested_by": "ann"}


@pytest.mark.parametrize(
    ("words", "command", "arguments", "printed"),
    [
        (["goal", "cancel", "shop", "g1", "--reason", "x"], "goal.cancel", "x", "applied: active"),
        (["plan", "approve", "shop", "p1"], "plan.approve", "", "applied: waiting"),
        (["plan", "reject", "shop", "p1", "--reason", "x"], "plan.reject", "x", "applied: waiting"),
        (["command", "send", "shop", "goal.cancel", "reason=x"], "goal.cancel", "x", "applied"),
    ],
)
async def test_a_word_is_answered_with_its_effect(
    telling: Telling, flags: list[str], words: list[str], command: str, arguments: str, printed: str
) -> None:
    telling.told["commands", 0, 0] = results.APPLIED
    telling.add_goal("g1")
    telling.add_plan("p1", status=PlanStatus.WAITING, expires_at=FAR)

    result = await ask(*flags, *words)

    assert (result.exit_code, result.stdout.strip()) == (0, printed), result.output
    (sent,) = telling.commands()
    assert (sent.command, sent.arguments.get("reason", ""), sent.issued_by) == (
        command, arguments, "ann",
    )  # fmt: skip


async def test_a_refusal_of_the_engine_is_the_exit_code(telling: Telling, flags: list[str]) -> None:
    telling.told["commands", 0, 0] = results.Result("same_person", "let another person approve it")
    telling.add_plan("p1", status=PlanStatus.WAITING, expires_at=FAR)

    result = await ask(*flags, "plan", "approve", "shop", "p1")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "same_person: let another person approve it" in result.stderr


async def test_a_script_need_not_wait(telling: Telling, flags: list[str]) -> None:
    result = await ask(*flags, "command", "send", "shop", "analysis.run", "--no-wait")

    assert (result.exit_code, result.stdout) == (0, "requested\n")
    assert telling.asked == []


async def test_nobody_who_applies_it_is_an_error(
    telling: Telling, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.web.http.access.PATIENCE", 0.05)

    result = await ask(*flags, "mode", "set", "act")

    assert result.exit_code == 1
    assert "no worker has applied it" in result.stderr
    assert len(telling.commands()) == 1


async def test_a_worker_knows_who_asks(telling: Telling, flags: list[str]) -> None:
    result = await ask(*flags, "mode", "set", "act", "--by", "bob")

    assert result.exit_code == 1
    assert "--kafka" in result.stderr
    assert telling.commands() == []


# --- reading -------------------------------------------------------------------------------


async def test_goals_are_listed(source: AgentSource, url: str) -> None:
    source.add_goal("g1", priority=Priority.HIGH, progress=0.25, deadline=NOW)
    source.add_goal("g2", "till", status=GoalStatus.IN_PROGRESS)
    source.add_plan("p1", status=PlanStatus.WAITING, reason="no free cpu")

    result = await ask("goal", "list", "--url", url)
    of_till = await ask("goal", "list", "--url", url, "--entity", "till", "--json")

    assert result.exit_code == 0, result.output
    assert "25%" in result.stdout
    assert "2026-09-21 14:13:20Z" in result.stdout
    assert "scheduled: no free cpu" in result.stdout
    assert [goal["goal_id"] for goal in json.loads(of_till.stdout)] == ["g2"]


async def test_plans_are_listed(source: AgentSource, url: str) -> None:
    source.add_plan("p1", status=PlanStatus.WAITING, expires_at=FAR, reason="irreversible")
    source.add_plan(
        "p2",
        expected_metric="load",
        expected_effect=-0.5,
        expected_lower=-0.75,
        expected_upper=-0.25,
        dry_run=True,
    )

    result = await ask("plan", "list", "--url", url)
    waiting = await ask("plan", "list", "--url", url, "--waiting", "--json")
    scheduled = await ask("plan", "list", "--url", url, "--status", "scheduled", "--json")

    assert "load -0.5 (-0.75 to -0.25)" in result.stdout
    assert "scheduled (dry run)" in result.stdout
    assert "irreversible (until 2096-" in result.stdout
    assert [plan["plan_id"] for plan in json.loads(waiting.stdout)] == ["p1"]
    assert [plan["plan_id"] for plan in json.loads(scheduled.stdout)] == ["p2"]


@pytest.mark.parametrize(
    "words", [["goal", "list"], ["plan", "list"], ["mode", "show"], ["export"]]
)
async def test_the_worker_is_that_of_url_or_variable_or_port(
    url: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = f"web.port={url.rpartition(':')[2]}"
    assert (await ask("--set", port, *words)).exit_code == 0

    nowhere = "http://127.0.0.1:1"
    wrong = await ask("--set", port, *words, "--url", nowhere)
    assert (wrong.exit_code, f"--url = '{nowhere}'" in wrong.stderr) == (1, True)
    monkeypatch.setenv("GOALSTREAM_URL", nowhere)
    wrong = await ask("--set", port, *words)
    assert (wrong.exit_code, f"--url = '{nowhere}'" in wrong.stderr) == (1, True)
    assert (await ask(*words, "--url", url)).exit_code == 0
    monkeypatch.setenv("GOALSTREAM_URL", url)
    assert (await ask(*words)).exit_code == 0


@pytest.mark.parametrize(
    "words", [["goal", "list"], ["plan", "list"], ["mode", "show"], ["export"]]
)
async def test_the_token_is_that_of_the_settings(
    source: AgentSource, tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    file.chmod(0o600)
    options = WebOptions.load(host="127.0.0.1", port=0, token_file=str(file))
    server = WebServer(create_app(source, CollectorRegistry(), options), "127.0.0.1", 0)
    await server.start()
    try:
        # The worker may listen on all addresses: it is asked on this machine.
        where = ("web.host=0.0.0.0", f"web.port={server.url.rpartition(':')[2]}")
        flags = [f"--set={each}" for each in (*where, f"web.token_file={file}")]
        with_token = await ask(*flags, *words)
        without = await ask(*words, "--url", server.url)
    finally:
        await server.stop()
    assert with_token.exit_code == 0, with_token.stderr
    assert (without.exit_code, "token" in without.stderr) == (1, True)


def test_a_port_that_the_system_chooses_cannot_be_guessed() -> None:
    result = invoke("--set", "web.port=0", "mode", "show")
    assert (result.exit_code, "web.port = 0" in result.stderr) == (1, True)
    assert "--url" in result.stderr


async def test_the_mode_is_shown(source: AgentSource, url: str) -> None:
    source.controls = Controls(
        mode=Mode.APPROVE, loops={"poll": Mode.ACT}, changed_by="ann", changed_at=NOW
    )
    source.apply()
    source.control(1, Controls(running=False))

    result = await ask("mode", "show", "--url", url, "--entity", "shop")
    as_json = await ask("mode", "show", "--url", url, "--json")

    assert result.stdout.splitlines() == [
        "agent: stopped",
        "autonomous: true",
        "mode: recommend",
        "mode of loop poll: act",
        "changed: 2026-09-21 14:13:20Z by ann",
        "shop: null",
    ]
    assert "not settled" in result.stderr
    assert json.loads(as_json.stdout)["system"]["settled"] is False


async def test_what_is_missing_is_said(source: AgentSource, url: str) -> None:
    source.mine = frozenset({1})

    result = await ask("goal", "list", "--url", url)

    assert "not complete: some partitions" in result.stderr


async def test_a_refusal_is_repeated_in_the_worker_s_words(source: AgentSource, url: str) -> None:
    source.known = []

    result = await ask("goal", "list", "--url", url)

    assert result.exit_code == 1
    assert "no such table" in result.stderr


def test_a_worker_that_is_away() -> None:
    result = invoke("goal", "list", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "the worker does not answer" in result.stderr
    assert "--url" in result.stderr
