"""Every command that the features understand, also those of one's own."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from streams.core.kernel.commands import EVERYBODY, ArgumentInfo, CommandSpec
from streams.records import Role
from streams.web.commands import REQUESTED, Commands, Requested
from streams.web.group.results import ASK_SECONDS, Followed, ResultAnswer
from streams.web.group.source import ViewSource
from streams.web.http.access import Caller
from streams.web.http.requests import Message, Name, Text
from streams.web.http.routing import at

Count = Annotated[int, Meta(ge=0)]


class CommandRequest(Message, frozen=True, kw_only=True):
    """What the engine is to do."""

    command: Name
    entity_id: Name
    """The entity, or * for all where the command permits that."""
    target: Text = ""
    """Id of the goal or plan that is meant."""
    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    """As text; lists and maps are JSON. Who asks is told by the token."""


class CommandInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is."""

    command: str
    summary: str
    target: str
    """What its target names; empty where it names nothing."""
    arguments: list[ArgumentInfo]
    for_all: bool
    """Whether it may be sent to the entity *."""
    signed: bool
    """Whether it must say who decides."""
    role: str
    """What a caller must at least be."""


class CommandsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    commands: list[CommandInfo]


class ResultPath(Message, frozen=True, kw_only=True):
    """A record."""

    topic: Name
    """Logical name."""
    partition: Count
    offset: Count


class CommandDesk:
    """Lists the commands that were declared, and takes them."""

    def __init__(self, source: ViewSource, commands: Commands, followed: Followed) -> None:
        self._source = source
        self._commands = commands
        self._followed = followed

    @at("GET", "/api/commands")
    async def known(self) -> CommandsAnswer:
        """Commands with their arguments."""
        return CommandsAnswer(
            commands=[_info(spec) for _, spec in sorted(self._source.known_commands().items())]
        )

    @at("POST", "/api/commands", *REQUESTED, role=Role.OPERATOR)
    async def send(self, body: CommandRequest, caller: Caller) -> Requested:
        """Hand a command to the engine, checked as the engine checks it."""
        message = "the command is handed to the engine"
        if body.entity_id == EVERYBODY:
            return await self._commands.to_all(
                body.command, message, caller=caller, arguments=body.arguments
            )
        return await self._commands.to_entity(
            body.entity_id,
            body.command,
            message,
            caller=caller,
            target=body.target,
            arguments=body.arguments,
        )

    @at("GET", "/results/{topic}/{partition}/{offset}")
    async def result(self, path: ResultPath) -> ResultAnswer:
        """What this worker knows of a record of ``commands`` or ``goals``, after a second at most.
        Workers ask it of one another."""
        found = await self._followed.here(path.topic, path.partition, path.offset, ASK_SECONDS)
        if found is None:
            return ResultAnswer(known=False)
        return ResultAnswer(known=True, reason=found.reason, detail=found.detail)


def _info(spec: CommandSpec[Any]) -> CommandInfo:
    return CommandInfo(
        command=spec.name,
        summary=spec.summary,
        target=spec.target,
        arguments=spec.described(),
        for_all=spec.everybody,
        signed=spec.signed,
        role=spec.role.value,
    )
