"""What operators permit: modes, start and stop, the kill switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import asdict

from streams.core.kernel.commands import A, Arguments, CommandSpec, NoArguments
from streams.core.kernel.feature import Feature
from streams.core.kernel.turn import Turn
from streams.core.safety.commands import set_killed, set_mode, set_running
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.records import Command, Role


class ModeArguments(Arguments, frozen=True):
    """What may be done from now on; empty texts say nothing."""

    autonomous: str = ""
    """true, false or default."""
    mode: str = ""
    """observe, recommend, approve, act or default."""
    goal_type: str = ""
    """Goal type that the mode is meant for, ``*`` for all that are not named."""
    loop: str = ""
    """The same for a loop."""
    by: str = ""


class KillArguments(Arguments, frozen=True):
    """Why everything stops."""

    reason: str = ""


class Safety(Feature):
    """Keeps controls by entity; those of the entity ``*`` hold for all."""

    name = "safety"
    State = SafetyState

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (
            CommandSpec(
                "mode.set",
                "how far the engine may go by itself",
                ModeArguments,
                _set_mode,
                everybody=True,
                role=Role.ADMIN,
                refusal="invalid_mode",
            ),
            _switch("agent.start", "set and pursue goals again", NoArguments, _start, Role.ADMIN),
            _switch("agent.stop", "set no goals, end running plans", NoArguments, _stop),
            _switch("agent.kill", "stop every action at once", KillArguments, _kill),
            _switch(
                "agent.release", "take the kill switch back", KillArguments, _release, Role.ADMIN
            ),
        )


def _switch(
    name: str,
    summary: str,
    arguments: type[A],
    run: Callable[[Turn, Command, A], None],
    role: Role = Role.OPERATOR,
) -> CommandSpec[A]:
    return CommandSpec(name, summary, arguments, run, everybody=True, role=role)


def _change(turn: Turn, change: Callable[[Controls], Controls]) -> None:
    safety = turn.edit(SafetyState)
    safety.controls = change(safety.controls)


def _set_mode(turn: Turn, command: Command, arguments: ModeArguments) -> None:
    said = {name: text for name, text in asdict(arguments).items() if name in command.arguments}
    by = said.pop("by", "") or command.issued_by
    _change(turn, lambda controls: set_mode(controls, said, by=by, now=turn.now))


def _start(turn: Turn, command: Command, _: NoArguments) -> None:
    _change(turn, partial(set_running, running=True, by=command.issued_by, now=turn.now))


def _stop(turn: Turn, command: Command, _: NoArguments) -> None:
    _change(turn, partial(set_running, running=False, by=command.issued_by, now=turn.now))


def _kill(turn: Turn, command: Command, arguments: KillArguments) -> None:
    reason = arguments.reason or f"pulled by {command.issued_by or 'request'}"
    _change(turn, partial(set_killed, reason=reason, by=command.issued_by, now=turn.now))


def _release(turn: Turn, command: Command, _: KillArguments) -> None:
    _change(turn, partial(set_killed, reason="", by=command.issued_by, now=turn.now))
