"""A whole goal state at once: the targets that one event sets for an entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.core.goals.admission import Refusal, admit
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import CloseReason, cancel
from streams.core.goals.state import Goals
from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import GOAL_STATE
from streams.core.metric.progress import coerce_number
from streams.records import CauseKind, Event, Goal


@dataclass(frozen=True, slots=True)
class TargetChange:
    """What a new goal state changed; goals it left as they were are in none of these."""

    closed: tuple[Goal, ...]
    admitted: tuple[Goal, ...]
    """New goals, and open ones whose target moved."""
    refused: tuple[Refusal, ...]


def read_targets(metadata: Mapping[str, str]) -> tuple[dict[str, float], tuple[str, ...]]:
    """(metric to target, metrics whose target is no finite number) of a goal state."""
    numbers = {metric: coerce_number(text) for metric, text in metadata.items()}
    targets = {metric: number for metric, number in numbers.items() if number is not None}
    return targets, tuple(metric for metric, number in numbers.items() if number is None)


def replace_targets(
    goals: Goals,
    goal_state: Mapping[str, float],
    readings: Mapping[str, float],
    event: Event,
    now: int,
    config: GoalConfig,
) -> TargetChange:
    """Make ``goal_state`` (metric to target) all that the group ``goal_state`` asks for.

    Goals of the group on other metrics are cancelled, goals outside the group are not touched.
    ``readings`` holds the latest value of each metric that was measured.
    """
    group = {g.target_metric: g for g in goals.open() if g.group_id == GOAL_STATE}
    closed = tuple(
        cancel(goal, CloseReason.REPLACED, now)
        for metric, goal in group.items()
        if metric not in goal_state
    )
    results = [
        admit(
            _request(event, metric, target, group.get(metric)),
            goals,
            readings.get(metric),
            now,
            config,
        )
        for metric, target in goal_state.items()
    ]
    return TargetChange(
        closed=closed,
        admitted=tuple(result for result in results if isinstance(result, Goal)),
        refused=tuple(result for result in results if isinstance(result, Refusal)),
    )


def _request(event: Event, metric: str, target: float, known: Goal | None) -> Goal:
    return Goal(
        entity_id=event.entity_id,
        entity_type=event.entity_type,
        timestamp=event.timestamp,
        correlation_id=event.correlation_id,
        goal_id=known.goal_id if known else stable_id("goal", event.event_id, metric),
        description=f"bring {metric} to {target:g}",
        target_metric=metric,
        target_value=target,
        group_id=GOAL_STATE,
        cause_kind=CauseKind.EVENT,
        cause_id=event.event_id,
    )
