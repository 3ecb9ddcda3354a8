"""What people ask of the engine, written as records: to one entity, or to all of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import msgspec

from streams.core.kernel.commands import EVERYBODY, check_command
from streams.core.safety.commands import set_mode
from streams.core.safety.modes import Controls
from streams.errors import GoalstreamError, InvalidRecord
from streams.records import Command, Goal
from streams.runtime.publisher import Written
from streams.web.group.results import Followed
from streams.web.group.rows import Rows
from streams.web.group.source import ViewSource
from streams.web.http.access import Caller
from streams.web.http.answers import Answer
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
    """What was asked for is on its topic."""

    status: str
    """applied; requested when that is not known yet; unchanged when things were so already."""
    timestamp: int
    """Event time of the request, ms."""
    message: str
    id: str
    """Of the goal or command that was written; what the ids of several commands begin with."""
    topic: str
    written: list[WrittenAt]
    """Where: one record, one for each partition, or one for each entity."""
    effect: object = None
    """The goal or plan as it is after it was applied; null where it concerns another thing."""


Requested = Answer[RequestedAnswer]
REQUESTED = (200, 202)
"""Statuses of a request that was applied, and of one of which that is not known yet."""


class Commands:
    """Writes requests, and waits for what comes of them as long as the caller does.

    Raises Refused with 409 for a request that the engine has refused.
    """

    def __init__(self, source: ViewSource, followed: Followed, rows: Rows) -> None:
        self._source = source
        self._followed = followed
        self._rows = rows

    async def goal(self, goal: Goal, message: str, *, caller: Caller) -> Requested:
        """Write a user's goal, or a change of one."""
        written = await self._source.publish("goals", [goal])
        told = _requested(goal.goal_id, goal.timestamp, message, written)
        return await self._answer(
            "goals", written, told, caller, ("goals", goal.entity_id, goal.goal_id)
        )

    async def to_entity(
        self,
        entity_id: str,
        command: str,
        message: str,
        *,
        caller: Caller,
        target: str = "",
        arguments: Mapping[str, str] | None = None,
        table: str = "",
    ) -> Requested:
        """Write a command to one entity. ``table`` is the one whose row of the target shows the
        effect."""
        record = self._command(entity_id, command, target, arguments, caller)
        written = await self._source.publish("commands", [record])
        told = _requested(record.command_id, record.timestamp, message, written)
        row = (table, entity_id, target) if table else ()
        return await self._answer("commands", written, told, caller, row)

    async def to_entities(
        self, entity_ids: Sequence[str], command: str, message: str, *, caller: Caller
    ) -> Requested:
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
        return await self._answer(
            "commands", written, _requested(id_, now, message, written), caller
        )

    async def to_all(
        self,
        command: str,
        message: str,
        *,
        caller: Caller,
        arguments: Mapping[str, str] | None = None,
        unchanged: bool = False,
    ) -> Requested:
        """Write a command once to every partition.

        With ``unchanged`` the answer says that nothing is going to change. It is written all the
        same: a command before it may not have been applied yet.
        """
        record = self._command(EVERYBODY, command, "", arguments, caller)
        written = await self._source.broadcast("commands", record)
        told = _requested(record.command_id, record.timestamp, message, written)
        if unchanged:
            return Answer(msgspec.structs.replace(told, status="unchanged"), 200)
        return await self._answer("commands", written, told, caller)

    async def _answer(
        self,
        logical: str,
        written: Sequence[Written],
        told: RequestedAnswer,
        caller: Caller,
        row: Sequence[str] = (),
    ) -> Requested:
        result = await self._followed.all(logical, written, caller.patience)
        if result is None:
            return Answer(told, 202)
        if result.reason:
            raise Refused(
                409,
                f"{result.reason}: {result.detail}",
                field="id",
                value=told.id,
                remedy="the topic dead-letter has the request as it was refused",
            )
        effect = await self._effect(row) if row else None
        return Answer(msgspec.structs.replace(told, status="applied", effect=effect), 200)

    async def _effect(self, row: Sequence[str]) -> object:
        table, *parts = row
        try:
            return await self._rows.one(table, *parts, local=False)
        except GoalstreamError:
            return None  # it was applied all the same; whoever owns it now does not answer

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
) -> RequestedAnswer:
    return RequestedAnswer(
        status="requested",
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
