"""What is permitted right now: operators' words on top of the settings, the lowest of all.

A mode is a ceiling. A command replaces the setting of the same name; among the ceilings that
apply (system, entity, goal type, loop) the lowest counts, so that lowering one of them is always
enough to hold the engine back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.core.safety.config import ANY, Mode, SafetyConfig, lowest
from streams.records import GoalOrigin, GoalType

__all__ = ["Controls", "Mode", "Permission", "effective_mode", "merge", "sets_goals"]


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """What operators set by command, for the whole system or for one entity."""

    autonomous: bool | None = None
    """None: as the settings say."""
    mode: Mode | None = None
    """None: as the settings say."""
    goal_types: dict[str, Mode] = {}
    loops: dict[str, Mode] = {}
    running: bool = True
    """False after the agent was stopped."""
    killed: str = ""
    """Why the kill switch is on; empty while it is off."""
    changed_by: str = ""
    changed_at: int | None = None
    """Event time, ms."""


class Permission(NamedTuple):
    """The most that may be done, and what sets this limit."""

    mode: Mode
    reason: str


def merge(system: Controls, entity: Controls) -> Controls:
    """What both say together: of two modes the lower, and a stop by either.

    Where only one of them says anything, that counts: an entity may be let further than the
    settings permit, but not further than an operator permits the whole system.
    """
    newer = max(system, entity, key=lambda controls: controls.changed_at or 0)
    said = [c.autonomous for c in (system, entity) if c.autonomous is not None]
    return Controls(
        autonomous=all(said) if said else None,
        mode=lowest(c.mode for c in (system, entity) if c.mode is not None),
        goal_types=_merge_named(system.goal_types, entity.goal_types),
        loops=_merge_named(system.loops, entity.loops),
        running=system.running and entity.running,
        killed=system.killed or entity.killed,
        changed_by=newer.changed_by,
        changed_at=newer.changed_at,
    )


def is_autonomous(controls: Controls, config: SafetyConfig) -> bool:
    """False in manual mode."""
    return config.autonomous if controls.autonomous is None else controls.autonomous


def sets_goals(controls: Controls, config: SafetyConfig) -> tuple[bool, str]:
    """Whether the engine sets goals by itself; if not, why."""
    if not controls.running:
        return False, "the agent is stopped; start it"
    if not is_autonomous(controls, config):
        return False, "manual mode: autonomous is false; set it to true"
    return True, ""


def effective_mode(
    controls: Controls,
    config: SafetyConfig,
    goal_type: GoalType,
    *,
    origin: GoalOrigin,
    coverage_ok: bool,
    in_rollout: bool,
    loop: str = "",
) -> Permission:
    """What may be done for a goal, and why not more: the lowest ceiling of all that apply.

    ``controls`` are those of system and entity together (``merge``). In manual mode nothing is
    planned for goals that no user set, and a user's goal gets a plan that waits for approval,
    unless it may only be observed. Whoever is in doubt about the forecasts (``coverage_ok``
    false), or not part of the rollout, recommends instead of acting; plans that a person approves
    are left as they are, since the person judges.
    """
    stopped = _stopped(controls)
    if stopped:
        return Permission(Mode.OBSERVE, stopped)
    allowed = _ceiling(controls, config, goal_type, loop)
    if not is_autonomous(controls, config):
        return _manual(allowed, origin)
    if allowed.mode is Mode.ACT and not coverage_ok:
        reason = "forecasts cannot be relied on: coverage is low or the model is stale"
        return Permission(Mode.RECOMMEND, reason)
    if allowed.mode is Mode.ACT and not in_rollout:
        share = f"{config.rollout_share:g}"
        reason = f"not among the share of entities ({share}) that the rollout has reached"
        return Permission(Mode.RECOMMEND, reason)
    return allowed


def _stopped(controls: Controls) -> str:
    if controls.killed:
        return f"kill switch: {controls.killed}"
    return "" if controls.running else "the agent is stopped"


def _ceiling(
    controls: Controls, config: SafetyConfig, goal_type: GoalType, loop: str
) -> Permission:
    """The lowest of what is said of the system, the goal type and the loop."""
    base = config.mode if controls.mode is None else controls.mode
    ceilings = [Permission(base, f"mode {base.value}")]
    of_type = _named(goal_type.value, controls.goal_types, config.goal_types)
    if of_type is not None:
        reason = f"mode {of_type.value} for goals of type {goal_type.value}"
        ceilings.append(Permission(of_type, reason))
    of_loop = _named(loop, controls.loops, config.loops) if loop else None
    if of_loop is not None:
        ceilings.append(Permission(of_loop, f"mode {of_loop.value} for loop {loop}"))
    return min(ceilings, key=lambda ceiling: ceiling.mode.rank)


def _manual(allowed: Permission, origin: GoalOrigin) -> Permission:
    if allowed.mode is Mode.OBSERVE:
        return allowed
    if origin is not GoalOrigin.USER:
        return Permission(Mode.OBSERVE, "manual mode: only goals of users are planned")
    return Permission(Mode.APPROVE, "manual mode: plans for goals of users wait for approval")


def _named(name: str, said: Mapping[str, Mode], configured: Mapping[str, Mode]) -> Mode | None:
    """The mode of a goal type or loop; commands stand above settings, even with ``*``."""
    for modes in (said, configured):
        mode = modes.get(name, modes.get(ANY))
        if mode is not None:
            return mode
    return None


def _merge_named(system: Mapping[str, Mode], entity: Mapping[str, Mode]) -> dict[str, Mode]:
    merged: dict[str, Mode] = {}
    for name in sorted(system.keys() | entity.keys()):
        said = (modes.get(name, modes.get(ANY)) for modes in (system, entity))
        mode = lowest(mode for mode in said if mode is not None)
        if mode is not None:
            merged[name] = mode
    return merged
