"""What a person asks of the engine on the command line, as one record on a topic."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated

import typer

from streams.cli.state import CliState
from streams.records import Command, Record

By = Annotated[str, typer.Option(help="Who asks; the name of the login if absent.")]
Reason = Annotated[str, typer.Option(help="Why.")]


def send(state: CliState, logical: str, record: Record) -> None:
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


def send_command(
    state: CliState,
    entity_id: str,
    command: str,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    by: str = "",
) -> str:
    """Write a command; returns its id. Raises InvalidRecord for one that no feature understands."""
    from streams.core.features import build_features
    from streams.core.kernel.commands import check_command

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
    check_command(record, build_features(state.settings().core()).commands)
    send(state, "commands", record)
    return record.command_id


def login() -> str:
    """Name under which this process runs; empty where the system tells none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
