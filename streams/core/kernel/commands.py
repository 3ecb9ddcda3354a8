"""Commands: their typed arguments, and what is said of them in docs, CLI and HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from streams.core.kernel.turn import Turn
from streams.errors import InvalidRecord, nearest
from streams.records import Command, Role
from streams.records.limits import TEXT_BYTES

EVERYBODY = "*"
"""Entity of commands for all entities; such a command is written to every partition."""

A = TypeVar("A", bound="Arguments")


class Arguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of the arguments of a command; text on the topic, typed here.

    Text stays text, numbers and booleans are parsed, lists and maps are given as JSON.
    """


class NoArguments(Arguments, frozen=True):
    """A command without arguments."""


class ArgumentInfo(NamedTuple):
    """An argument, for people."""

    name: str
    kind: str
    """text, number, ..., or the values that it may have."""
    required: bool


@dataclass(frozen=True, slots=True)
class CommandSpec(Generic[A]):
    """One command, declared by its feature."""

    name: str
    """e.g. ``goal.cancel``."""
    summary: str
    """One line for people."""
    arguments: type[A]
    run: Callable[[Turn, Command, A], None]
    """Carries it out on the entity of the turn."""
    target: str = ""
    """What ``Command.target`` names; empty where it names nothing."""
    signed: bool = False
    """Whether somebody must stand for it: ``issued_by``, or the argument ``by``."""
    everybody: bool = False
    """Whether it may be sent to the entity ``*``, for all entities."""
    role: Role = Role.OPERATOR
    """Who may send it over HTTP; on Kafka the access rules of the topic decide."""
    refusal: str = "invalid_arguments"
    """Reason of the dead letter when its arguments are wrong."""
    longest: int = TEXT_BYTES
    """Bytes of one argument, at most."""

    def parse(self, arguments: Mapping[str, str]) -> A:
        """Typed arguments; raises InvalidRecord with the name, the value and the remedy."""
        known = {field.name: field for field in msgspec.structs.fields(self.arguments)}
        parsed: dict[str, Any] = {}
        for name, text in arguments.items():
            if name not in known:
                raise self._invalid(name, text, nearest(name, list(known)))
            if len(text.encode()) > self.longest:
                remedy = f"send at most {self.longest} bytes"
                raise self._invalid(name, f"{len(text.encode())} bytes", remedy)
            try:
                parsed[name] = _typed(text, known[name].type)
            except msgspec.MsgspecError as error:
                raise self._invalid(name, text, f"{error}") from error
        try:
            return msgspec.convert(parsed, self.arguments)
        except msgspec.ValidationError as error:
            raise self._invalid("*", sorted(parsed), f"{error}") from error

    def described(self) -> list[ArgumentInfo]:
        """What its arguments are."""
        return [
            ArgumentInfo(field.name, _kind(field.type), field.required)
            for field in msgspec.structs.fields(self.arguments)
        ]

    def _invalid(self, name: str, value: object, remedy: str) -> InvalidRecord:
        return InvalidRecord(
            f"{self.name} is not understood",
            field=f"arguments.{name}",
            value=value,
            remedy=remedy,
        )


def check_command(command: Command, known: Mapping[str, CommandSpec[Any]]) -> None:
    """Raises InvalidRecord with field, value and remedy for a command that the engine would
    refuse, whatever the state of its entity; for those who send commands."""
    spec = known.get(command.command)
    if spec is None:
        fault = ("command", command.command, nearest(command.command, known))
    elif command.entity_id == EVERYBODY and not spec.everybody:
        fault = ("entity_id", command.entity_id, f"{spec.name} is for one entity: name it")
    elif spec.signed and not (command.issued_by or command.arguments.get("by")):
        fault = ("by", "", "say who decides")
    else:
        spec.parse(command.arguments)
        return
    field, value, remedy = fault
    raise InvalidRecord("the command is not understood", field=field, value=value, remedy=remedy)


def _typed(text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        if not text.startswith(("[", "{")):
            raise
        return msgspec.json.decode(text, type=kind)


def _kind(annotation: Any) -> str:
    known = msgspec.inspect.type_info(annotation)
    options = known.types if isinstance(known, msgspec.inspect.UnionType) else (known,)
    return " or ".join(filter(None, map(_word, options)))


def _word(known: msgspec.inspect.Type) -> str:
    if isinstance(known, msgspec.inspect.EnumType):
        return ", ".join(str(member.value) for member in known.cls)
    return _WORDS.get(type(known), "")


_WORDS: dict[type, str] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.IntType: "number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.DictType: "JSON map",
    msgspec.inspect.VarTupleType: "JSON list",
}
