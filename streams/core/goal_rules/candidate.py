"""The goal that a rule asks for, with all that every such goal has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.core.kernel.ids import stable_id
from streams.records import CauseKind, Direction, Goal, GoalOrigin, GoalType, Priority

MIN_LEAD_MS = 60_000
"""Least time that a goal is given, however near its moment is."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalCandidate:
    """What one rule asks for, and why."""

    goal_type: GoalType
    metric: str
    target: float
    direction: Direction
    priority: Priority
    description: str
    steps: tuple[str, ...]
    """What to do where the catalogue has no action that fits."""
    cause_kind: CauseKind
    cause_id: str
    numbers: Mapping[str, float]
    unit: str = ""
    due: int | None = None
    """Deadline, ms; None for that of the goal type. It is put off where it leaves no time."""
    hold_ms: int | None = None
    """None for that of all goals of the engine."""
    topic: str = ""
    """Tells goals of one type on one metric apart; part of the dedupe key."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def candidate_goal(situation: Situation, config: RulesConfig, candidate: GoalCandidate) -> Goal:
    """The goal, as a candidate for admission. Its id is the same for the same key and moment."""
    now = situation.now
    key = dedupe_key(situation, candidate.goal_type, candidate.metric, candidate.topic)
    hold = config.goals.hold_ms if candidate.hold_ms is None else candidate.hold_ms
    usual = now + config.setting.type(candidate.goal_type).due_ms
    due = usual if candidate.due is None else candidate.due
    return Goal(
        entity_id=situation.entity_id,
        entity_type=situation.entity_type,
        timestamp=now,
        correlation_id=situation.correlation_id,
        goal_id=stable_id("goal", key, now),
        goal_type=candidate.goal_type,
        priority=candidate.priority,
        description=candidate.description,
        target_metric=candidate.metric,
        target_value=candidate.target,
        unit=candidate.unit,
        direction=candidate.direction,
        hold_ms=hold,
        deadline=max(now + max(MIN_LEAD_MS, hold), due),
        actions=_fitting(config, candidate) or candidate.steps,
        origin=GoalOrigin.AUTONOMOUS,
        cause_kind=candidate.cause_kind,
        cause_id=candidate.cause_id,
        cause_numbers=dict(candidate.numbers),
        dedupe_key=key,
        metadata=dict(candidate.metadata),
    )


def dedupe_key(situation: Situation, goal_type: GoalType, metric: str, topic: str = "") -> str:
    """Key of the goals that a rule sets: entity, type, metric, and topic where there is one."""
    parts = (situation.entity_id, goal_type.value, metric, topic)
    return "|".join(parts if topic else parts[:3])


def measured(
    situation: Situation, table: Mapping[str, _T], aliases: Mapping[str, str]
) -> list[tuple[str, Reading, _T]]:
    """Metrics that have a reading and, under their name or alias, an entry in ``table``."""
    found = ((name, situation.readings.get(name), each) for name, each in named(table, aliases))
    return [(name, reading, each) for name, reading, each in found if reading is not None]


def named(table: Mapping[str, _T], aliases: Mapping[str, str]) -> Iterator[tuple[str, _T]]:
    """Every name of a metric under which ``lookup`` finds an entry, with the entry."""
    for metric, entry in table.items():
        yield metric, entry
        for alias, meant in aliases.items():
            if meant == metric and alias not in table:
                yield alias, entry


def _fitting(config: RulesConfig, candidate: GoalCandidate) -> tuple[str, ...]:
    """Action types of the catalogue that serve such a goal on this metric."""
    names = {candidate.metric, config.aliases.get(candidate.metric, candidate.metric)}
    return tuple(
        action
        for action, spec in config.actions.items()
        if (not spec.goal_types or candidate.goal_type in spec.goal_types)
        and not names.isdisjoint(spec.metrics)
    )
