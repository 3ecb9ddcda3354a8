"""Everything the rules know about one entity, as one stored value.

One value per entity is what makes a crash harmless: either all effects of a record are in it
or none is, and ``offsets`` says which.
"""

from __future__ import annotations

import msgspec

from streams.core.cycle.counters import Counters
from streams.core.cycle.memory import ChoiceMade
from streams.core.effects.expectation import Expectation
from streams.core.effects.impact import ImpactState
from streams.core.goals.report import Achievement
from streams.core.learning.state import LearningState
from streams.core.patterns.state import PatternState
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.errors import StateError
from streams.records import Action, Goal, Outcome, Plan, Prediction, Suggestion

STATE_VERSION = 1


class PendingAction(msgspec.Struct, kw_only=True):
    """An action that was accepted and has no final outcome yet."""

    action: Action
    accepted_at: int
    """Event time, ms."""
    released: bool = True
    """False when the worker that accepted it gave it up before its handler could start."""


class StoredRegression(msgspec.Struct, array_like=True):
    """What corrects the forecasts of one metric; read only by the version that wrote it."""

    version: str
    state: bytes


class EntityState(msgspec.Struct, kw_only=True):
    """Mutable; owned by the worker that owns the entity's partition."""

    version: int = STATE_VERSION
    entity_id: str
    entity_type: str = "service"
    offsets: dict[str, int] = {}
    """Source topic -> offset of the last record that this value includes."""
    goals: dict[str, Goal] = {}
    """By goal id: all open ones and the latest closed ones."""
    published_progress: dict[str, float] = {}
    """Progress of each open goal as last published, by goal id."""
    predictions: dict[str, Prediction] = {}
    """Latest predicted breach per metric."""
    outlook: Prediction | None = None
    """Latest prediction of the entity's state, as published."""
    patterns: PatternState = msgspec.field(default_factory=PatternState)
    regressions: dict[str, StoredRegression] = {}
    """By metric, where one is configured."""
    metrics: list[str] = []
    """Metrics that were analysed, in the order of their first analysis."""
    suggestion: Suggestion | None = None
    pending: dict[str, PendingAction] = {}
    """By action id."""
    outcomes: list[Outcome] = []
    """Latest final outcomes, oldest first."""
    plans: dict[str, Plan] = {}
    """By plan id: all open ones and the latest ended ones."""
    choices: dict[str, ChoiceMade] = {}
    """What each plan was chosen by, by plan id."""
    expectations: dict[str, Expectation] = {}
    """Effects that are still to be measured, by plan id."""
    effects_done: dict[str, int] = {}
    """Plans that were done, by open goal."""
    held: dict[str, str] = {}
    """Why nothing is planned for an open goal, as last published."""
    learning: LearningState = msgspec.field(default_factory=LearningState)
    safety: SafetyState = msgspec.field(default_factory=SafetyState)
    impact: ImpactState = msgspec.field(default_factory=ImpactState)
    counters: Counters = msgspec.field(default_factory=Counters)
    controls: Controls = Controls()
    """What operators set for this entity; for everybody in the state of the entity ``*``."""
    needs: dict[str, list[int]] = {}
    """Latest capacities that were needed, by demand metric, oldest first."""
    goals_set: int = 0
    """Goals admitted so far."""
    goals_achieved: int = 0
    goals_closed: int = 0
    """Achieved, failed or cancelled."""
    achievements: list[Achievement] = []
    """How the latest goals ended, oldest first."""
    clock: int = 0
    """Event time of the newest record that the rules saw, ms; outcomes do not move it."""
    wake_at: int | None = None
    """Event time at which something is due even without a record, ms."""
    seen_ids: dict[str, int] = {}
    """Ids of events, actions, outcomes and commands already handled -> event time."""

    def open_goals(self, metric: str | None = None) -> list[Goal]:
        """Open goals, of one metric when given, in order of creation."""
        return [
            goal
            for goal in self.goals.values()
            if goal.status.is_open and (metric is None or goal.target_metric == metric)
        ]

    def remember(self, id_: str, now: int, limit: int) -> bool:
        """Note an id; False when it was known. Keeps the newest ``limit``."""
        if id_ in self.seen_ids:
            return False
        self.seen_ids[id_] = now
        while len(self.seen_ids) > limit:
            del self.seen_ids[next(iter(self.seen_ids))]
        return True


class StoredWake(msgspec.Struct, kw_only=True):
    """The part of a stored state that says when the entity is due."""

    entity_id: str
    entity_type: str = "service"
    clock: int = 0
    wake_at: int | None = None


_encoder = msgspec.msgpack.Encoder()
_wake_decoder = msgspec.msgpack.Decoder(StoredWake)
_decoder = msgspec.msgpack.Decoder(EntityState)


def encode_entity(state: EntityState) -> bytes:
    """Stored form; equal states give equal bytes."""
    return _encoder.encode(state)


def decode_wake(data: bytes) -> StoredWake:
    """Much faster than the whole state; raises StateError when the bytes are damaged."""
    try:
        return _wake_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise _damaged(error) from error


def decode_entity(data: bytes) -> EntityState:
    """Raises StateError when the bytes are damaged or of another version."""
    try:
        state = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise _damaged(error) from error
    if state.version != STATE_VERSION:
        raise StateError(
            "stored entity has another version",
            field="version",
            value=state.version,
            remedy=f"run the release that wrote it, or migrate to version {STATE_VERSION}",
        )
    return state


def _damaged(error: Exception) -> StateError:
    return StateError(
        f"stored entity cannot be read: {error}",
        remedy="delete the state directory; it is rebuilt from the changelog",
    )
