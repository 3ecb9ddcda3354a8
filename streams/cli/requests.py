"""What a person asks of the engine on the command line, as one record on a topic."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated

import typer

from streams.cli.publisher import Publisher
from streams.cli.state import CliState
from streams.core.kernel.timers import EVERYBODY
from streams.records import Command, Record
from streams.runtime.connect import opened_registry, topology_of

By = Annotated[str, typer.Option(help="Who asks; the name of the login if absent.")]
Reason = Annotated[str, typer.Option(help="Why.")]


def send(state: CliState, logical: str, record: Record) -> None:
    """Write a record to a logical topic and wait for the broker.

    A record for everybody goes to every partition. Raises InvalidRecord, Unavailable, UnknownName.
    """
    settings = state.settings()
    topic = topology_of(settings).topic(logical)
    with opened_registry(settings) as registry:
        publisher = Publisher(settings.librdkafka(), topic, registry)
        publisher.prepare()
        if record.entity_id == EVERYBODY:
            publisher.broadcast(record)
        else:
            publisher.send(record)
        publisher.finish()
    typer.echo(f"{publisher.sent} {logical} sent to {topic.name}", err=True)


def send_command(
    state: CliState,
    entity_id: str,
    command: str,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    by: str = "",
) -> str:
    """Write a command; returns its id."""
    given = {name: value for name, value in (arguments or {}).items() if value}
    record = Command(
        entity_id=entity_id,
        timestamp=state.now(),
        command_id=state.new_id(),
        command=command,
        target=target,
        arguments=given,
        issued_by=by or login(),
    )
    send(state, "commands", record)
    return record.command_id


def login() -> str:
    """Name under which this process runs; empty where the system tells none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
