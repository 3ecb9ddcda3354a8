"""What a person asks of the engine on the command line: of a worker, or as a record on a topic."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from streams.cli.state import CliState
from streams.cli.views import call_worker
from streams.errors import ConfigError, Unavailable
from streams.records import Command, Goal, Record

By = Annotated[str, typer.Option(help="With --kafka: who asks; the name of the login if absent.")]
Direct = Annotated[
    bool,
    typer.Option(
        "--kafka", help="Write to Kafka instead of asking a worker; nothing is waited for."
    ),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not wait until a worker has applied it.")
]
Reason = Annotated[str, typer.Option(help="Why.")]


class Way(NamedTuple):
    """How a request reaches the engine."""

    state: CliState
    url: str = ""
    """Of a worker; empty for that of the settings."""
    direct: bool = False
    """Whether it is written to Kafka."""
    no_wait: bool = False
    by: str = ""
    """Who asks; for what is written to Kafka only, since a worker knows it by the token."""


def ask(way: Way, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST to a worker; the answer, once the engine has applied the request.

    Raises GoalstreamError with the worker's words for a refusal, Unavailable when nobody has
    applied it in time.
    """
    if way.by:
        raise ConfigError(
            "a worker knows by the token who asks",
            field="--by",
            value=way.by,
            remedy="leave it out, or write to Kafka with --kafka",
        )
    given = {name: value for name, value in body.items() if value not in ("", None, [], {})}
    headers = {"Prefer": "respond-async"} if way.no_wait else {}
    answer = call_worker(way.state, way.url, "POST", path, body=given, headers=headers)
    if answer["status"] == "requested" and not way.no_wait:
        raise Unavailable(
            "the request is written, but no worker has applied it yet",
            field="id",
            value=answer["id"],
            remedy="goalstream doctor says what is missing; do not send it again",
        )
    return answer


def told(answer: Mapping[str, Any]) -> str:
    """What became of a request, in a line."""
    effect = answer["effect"] or {}
    status, reason = effect.get("status", ""), effect.get("reason", "")
    return ": ".join(filter(None, [answer["status"], status, reason]))


def path_of(kind: str, entity: str, id_: str, word: str) -> str:
    """Where a worker takes a word on a goal or plan."""
    return f"/api/autonomous/{kind}/{quote(entity, safe='')}/{quote(id_, safe='')}/{word}"


def send_goal(way: Way, goal: Goal) -> None:
    """Write a goal to Kafka."""
    _send(way.state, "goals", goal)


def send_command(
    way: Way,
    entity_id: str,
    command: str,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
) -> str:
    """Write a command to Kafka; returns its id. Raises InvalidRecord for one that no feature
    understands."""
    from streams.core.features import build_features
    from streams.core.kernel.commands import check_command

    state = way.state
    record = Command(
        entity_id=entity_id,
        timestamp=state.now(),
        command_id=state.new_id(),
        command=command,
        target=target,
        arguments={name: value for name, value in (arguments or {}).items() if value},
        issued_by=way.by or login(),
    )
    check_command(record, build_features(state.settings().core()).commands)
    _send(state, "commands", record)
    return record.command_id


def ask_command(
    way: Way,
    entity_id: str,
    command: str,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
) -> str:
    """Ask for a command, by the way that was chosen; what to print of it."""
    if way.direct:
        return send_command(way, entity_id, command, target=target, arguments=arguments)
    given = {name: value for name, value in (arguments or {}).items() if value}
    body = {"command": command, "entity_id": entity_id, "target": target, "arguments": given}
    return told(ask(way, "/api/commands", body))


def login() -> str:
    """Name under which this process runs; empty where the system tells none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _send(state: CliState, logical: str, record: Record) -> None:
    """Write a record to a logical topic and wait for the broker.

    A record for everybody goes to every partition. Raises InvalidRecord, Unavailable, UnknownName.
    """
    from streams.core.kernel.commands import EVERYBODY
    from streams.runtime.connect import opened_registry, topology_of
    from streams.runtime.kafka import Sender

    settings = state.settings()
    topology = topology_of(settings)
    with opened_registry(settings) as registry:
        sender = Sender(settings.librdkafka(), topology, registry, [logical])
        sender.prepare()
        if record.entity_id == EVERYBODY:
            sender.broadcast(logical, record)
        else:
            sender.send(logical, record)
        sender.finish()
    name = topology.kafka_name(logical)
    typer.echo(f"{sender.sent[logical]} {logical} sent to {name}", err=True)
