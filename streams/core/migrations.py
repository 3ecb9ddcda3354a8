"""Entities as older releases stored them, brought into the present envelope."""

from __future__ import annotations

import msgspec

from streams.core.analysis.state import Analyses
from streams.core.capacity.feature import Outlooks
from streams.core.effects.expectation import Expectation
from streams.core.effects.impact import ImpactState
from streams.core.execution.state import ChoiceMade, Counters, PlanEntry, Plans
from streams.core.goal_rules.situation import Needs
from streams.core.goals.state import Achievement, GoalEntry, Goals, Published
from streams.core.kernel.entity import Entity, unknown_version
from streams.core.kernel.slices import Slice
from streams.core.learning.state import LearningState
from streams.core.outcomes.feature import Actions, PendingAction
from streams.core.patterns.state import PatternState
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.core.series.correction import Corrections, StoredRegression
from streams.core.suggestions.feature import Suggested
from streams.errors import StateError
from streams.records import Goal, Outcome, Plan, Prediction, Suggestion

CYCLE = "cycle"
"""Feature whose timer was the only one in 0.1.0."""


class _Counters(Counters, kw_only=True):
    predictions: int = 0
    last_analysis: int | None = None


class _Entity1(msgspec.Struct, kw_only=True):
    """Layout of release 0.1.0: all features' fields side by side."""

    entity_id: str
    entity_type: str = "service"
    offsets: dict[str, int] = {}
    goals: dict[str, Goal] = {}
    published_progress: dict[str, float] = {}
    predictions: dict[str, Prediction] = {}
    outlook: Prediction | None = None
    patterns: PatternState = msgspec.field(default_factory=PatternState)
    regressions: dict[str, StoredRegression] = {}
    metrics: list[str] = []
    suggestion: Suggestion | None = None
    pending: dict[str, PendingAction] = {}
    outcomes: list[Outcome] = []
    plans: dict[str, Plan] = {}
    choices: dict[str, ChoiceMade] = {}
    expectations: dict[str, Expectation] = {}
    effects_done: dict[str, int] = {}
    held: dict[str, str] = {}
    learning: LearningState = msgspec.field(default_factory=LearningState)
    safety: SafetyState = msgspec.field(default_factory=SafetyState)
    impact: ImpactState = msgspec.field(default_factory=ImpactState)
    counters: _Counters = msgspec.field(default_factory=_Counters)
    controls: Controls = Controls()
    needs: dict[str, list[int]] = {}
    goals_set: int = 0
    goals_achieved: int = 0
    goals_closed: int = 0
    achievements: list[Achievement] = []
    clock: int = 0
    wake_at: int | None = None
    seen_ids: dict[str, int] = {}


_decoder = msgspec.msgpack.Decoder(_Entity1)


def migrate(version: int, data: bytes) -> Entity:
    """An entity of an older layout; raises StateError for one that is damaged or not known."""
    if version != 1:
        return unknown_version(version, data)
    try:
        old = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"stored entity of release 0.1.0 cannot be read: {error}",
            remedy="run the release that wrote it; 'goalstream state check' finds what is damaged",
        ) from error
    return _entity_of(old)


def _entity_of(old: _Entity1) -> Entity:
    entity = Entity(old.entity_id, old.entity_type)
    entity.offsets, entity.clock = old.offsets, old.clock
    entity.set_timer(CYCLE, old.wake_at)
    for id_ in old.seen_ids:
        entity.remember(id_, len(old.seen_ids))
    old.safety.controls = old.controls
    for part in (*_slices(old), old.patterns, old.learning, old.safety, old.impact):
        if part != type(part)():
            entity.put(part)
    return entity


def _slices(old: _Entity1) -> tuple[Slice, ...]:
    goals = {
        goal_id: GoalEntry(
            goal,
            Published(said, goal.timestamp)
            if (said := old.published_progress.get(goal_id)) is not None
            else None,
            old.effects_done.get(goal_id, 0),
            old.held.get(goal_id, ""),
        )
        for goal_id, goal in old.goals.items()
    }
    plans = {
        plan_id: PlanEntry(plan, old.choices.get(plan_id), old.expectations.get(plan_id))
        for plan_id, plan in old.plans.items()
    }
    counters = msgspec.structs.asdict(old.counters)
    predictions, last = counters.pop("predictions"), counters.pop("last_analysis")
    return (
        Corrections(metrics=old.regressions),
        Goals(
            entries=goals,
            admitted=old.goals_set,
            achieved=old.goals_achieved,
            closed=old.goals_closed,
            achievements=old.achievements,
        ),
        Suggested(latest=old.suggestion),
        Analyses(old.metrics, old.predictions, predictions, last),
        Outlooks(latest=old.outlook),
        Needs(units=old.needs),
        Plans(entries=plans, counters=Counters(**counters)),
        Actions(pending=old.pending, outcomes=old.outcomes),
    )
