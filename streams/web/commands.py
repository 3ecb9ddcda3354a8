"""What people ask of the engine, written as records: to one entity, or to all of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import msgspec

from streams.core.kernel.commands import EVERYBODY, check_command
from streams.core.safety.commands import set_mode
from streams.core.safety.modes import Controls
from streams.errors import InvalidRecord
from streams.records import Command, Goal
from streams.runtime.publisher import Written
from streams.web.group.source import ViewSource
from streams.web.http.access import Caller
from streams.web.http.errors import Refused
from streams.web.http.requests import Message, Text, now_ms
from streams.web.http.routing import forbidden

SIGNATURE = "by"
"""Argument of commands that come from elsewhere: who stands for them."""


class Said(Message, frozen=True, kw_only=True):
    """Why it is wanted. Who wants it is told by the token."""

    reason: Text = ""


class WrittenAt(msgspec.Struct, frozen=True, kw_only=True):
    partition: int
    offset: int


class RequestedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for is on its topic; the tables show it once it was applied."""

    status: str
    """requested; unchanged when things were so already."""
    timestamp: int
    """Event time of the request, ms."""
    message: str
    id: str
    """Of the goal or command that was written; what the ids of several commands begin with."""
    topic: str
    written: list[WrittenAt]
    """Where: one record, one for each partition, or one for each entity."""


class Commands:
    """Writes requests."""

    def __init__(self, source: ViewSource) -> None:
        self._source = source

    async def goal(self, goal: Goal, message: str) -> RequestedAnswer:
        """Write a user's goal, or a change of one."""
        written = await self._source.publish("goals", [goal])
        return _requested(goal.goal_id, goal.timestamp, message, written)

    async def to_entity(
        self,
        entity_id: str,
        command: str,
        message: str,
        *,
        caller: Caller,
        target: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> RequestedAnswer:
        """Write a command to one entity."""
        record = self._command(entity_id, command, target, arguments, caller)
        written = await self._source.publish("commands", [record])
        return _requested(record.command_id, record.timestamp, message, written)

    async def to_entities(
        self, entity_ids: Sequence[str], command: str, message: str, *, caller: Caller
    ) -> RequestedAnswer:
        """Write a command to each of some entities."""
        id_, now = str(uuid.uuid4()), now_ms()
        records = [
            Command(
                entity_id=entity_id,
                timestamp=now,
                command_id=f"{id_}-{number}",
                command=command,
                issued_by=caller.name,
            )
            for number, entity_id in enumerate(entity_ids)
        ]
        written = await self._source.publish("commands", records)
        return _requested(id_, now, message, written)

    async def to_all(
        self,
        command: str,
        message: str,
        *,
        caller: Caller,
        arguments: Mapping[str, str] | None = None,
        unchanged: bool = False,
    ) -> RequestedAnswer:
        """Write a command once to every partition.

        With ``unchanged`` the answer says that nothing is going to change. It is written all the
        same: a command before it may not have been applied yet.
        """
        record = self._command(EVERYBODY, command, "", arguments, caller)
        written = await self._source.broadcast("commands", record)
        return _requested(
            record.command_id, record.timestamp, message, written, unchanged=unchanged
        )

    def _command(
        self,
        entity_id: str,
        command: str,
        target: str,
        arguments: Mapping[str, str] | None,
        caller: Caller,
    ) -> Command:
        """The record, checked as the engine will check it; Refused with 422 when it would not be
        understood, and with 403 when it is not for the caller to send."""
        if SIGNATURE in (arguments or {}):
            raise Refused(
                422,
                "the token says who asks",
                field=f"arguments.{SIGNATURE}",
                value=(arguments or {})[SIGNATURE],
                remedy="leave it out",
            )
        record = Command(
            entity_id=entity_id,
            timestamp=now_ms(),
            command_id=str(uuid.uuid4()),
            command=command,
            target=target,
            arguments={name: value for name, value in (arguments or {}).items() if value},
            issued_by=caller.name,
        )
        known = self._source.known_commands()
        spec = known.get(command)
        if spec is not None and caller.role.rank < spec.role.rank:
            raise forbidden(caller, spec.role)
        try:
            check_command(record, known)
        except InvalidRecord as error:
            raise Refused(
                422, error.message, field=error.field, value=error.value, remedy=error.remedy
            ) from None
        return record


def _requested(
    id_: str,
    timestamp: int,
    message: str,
    written: Sequence[Written],
    *,
    unchanged: bool = False,
) -> RequestedAnswer:
    return RequestedAnswer(
        status="unchanged" if unchanged else "requested",
        timestamp=timestamp,
        message=message,
        id=id_,
        topic=written[0].topic,
        written=[WrittenAt(partition=at.partition, offset=at.offset) for at in written],
    )


def mode_arguments(given: Mapping[str, str], autonomous: bool | None) -> dict[str, str]:
    """The arguments of ``mode.set``; Refused with 422 for those that it cannot have."""
    arguments = {name: value for name, value in given.items() if value}
    if autonomous is not None:
        arguments["autonomous"] = str(autonomous).lower()
    try:
        set_mode(Controls(), arguments, by="", now=0)
    except InvalidRecord as error:
        raise Refused(
            422,
            error.message,
            field=error.field.removeprefix("arguments."),
            value=error.value,
            remedy=error.remedy,
        ) from None
    return arguments
