"""What commands do to the controls."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from streams.core.safety.config import ANY, Mode, goal_type_names, is_goal_type
from streams.core.safety.modes import Controls
from streams.errors import InvalidRecord, nearest

DEFAULT = "default"
"""In place of a mode: what was set by command is taken back, the settings count again."""
_KNOWN = ("autonomous", "mode", "goal_type", "loop")
_NAMES_KEPT = 200
"""Loops and goal types for which a mode can be set."""


def set_mode(controls: Controls, arguments: Mapping[str, str], *, by: str, now: int) -> Controls:
    """The controls after ``mode.set``.

    Arguments: ``autonomous`` (true, false or default), ``mode`` (observe, recommend, approve, act
    or default); with ``goal_type`` or ``loop`` the mode is meant for these alone, ``*`` for all
    that are not named. Raises InvalidRecord for anything else, and changes nothing then.
    """
    _check_names(arguments)
    changed = controls
    if "autonomous" in arguments:
        changed = replace(changed, autonomous=_boolean(arguments["autonomous"]))
    if "mode" in arguments:
        changed = _with_mode(changed, arguments)
    return replace(changed, changed_by=by, changed_at=now)


def set_running(controls: Controls, running: bool, *, by: str, now: int) -> Controls:
    """The controls after ``agent.start`` or ``agent.stop``; the same object when it is so."""
    if controls.running is running:
        return controls
    return replace(controls, running=running, changed_by=by, changed_at=now)


def set_killed(controls: Controls, reason: str, *, by: str, now: int) -> Controls:
    """The controls after the kill switch was pulled (``reason``) or put back (empty)."""
    if controls.killed == reason:
        return controls
    return replace(controls, killed=reason, changed_by=by, changed_at=now)


def _check_names(arguments: Mapping[str, str]) -> None:
    for name in arguments:
        if name not in _KNOWN:
            raise _invalid(name, arguments[name], nearest(name, _KNOWN))
    if "mode" not in arguments and "autonomous" not in arguments:
        raise _invalid("mode", None, "say mode or autonomous")
    for name in ("goal_type", "loop"):
        if name in arguments and "mode" not in arguments:
            raise _invalid("mode", None, f"say which mode the {name} gets")
    if "goal_type" in arguments and "loop" in arguments:
        raise _invalid("loop", arguments["loop"], "name a goal type or a loop, not both")


def _with_mode(controls: Controls, arguments: Mapping[str, str]) -> Controls:
    mode = _mode(arguments["mode"])
    if "goal_type" in arguments:
        name = arguments["goal_type"]
        if not is_goal_type(name):
            raise _invalid("goal_type", name, nearest(name, goal_type_names()))
        return replace(controls, goal_types=_put(controls.goal_types, name, mode))
    if "loop" in arguments:
        name = arguments["loop"]
        if not name:
            raise _invalid("loop", name, f"name a loop, or {ANY} for all that are not named")
        if name not in controls.loops and len(controls.loops) >= _NAMES_KEPT:
            raise _invalid("loop", name, f"take back one of the {_NAMES_KEPT} that are set")
        return replace(controls, loops=_put(controls.loops, name, mode))
    return replace(controls, mode=mode)


def _put(modes: Mapping[str, Mode], name: str, mode: Mode | None) -> dict[str, Mode]:
    """Sorted, so that equal controls are equal bytes."""
    rest = {key: value for key, value in modes.items() if key != name}
    if mode is not None:
        rest[name] = mode
    return dict(sorted(rest.items()))


def _mode(text: str) -> Mode | None:
    if text == DEFAULT:
        return None
    try:
        return Mode(text)
    except ValueError:
        raise _invalid("mode", text, nearest(text, [*Mode, DEFAULT])) from None


def _boolean(text: str) -> bool | None:
    known = {"true": True, "false": False, DEFAULT: None}
    if text not in known:
        raise _invalid("autonomous", text, "use true or false")
    return known[text]


def _invalid(field: str, value: object, remedy: str) -> InvalidRecord:
    return InvalidRecord(
        "mode cannot be set", field=f"arguments.{field}", value=value, remedy=remedy
    )
