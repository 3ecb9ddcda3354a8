"""Everything the rules know about one entity, as one stored value.

One value per entity is what makes a crash harmless: either all effects of a record are in it
or none is, and ``offsets`` says which.
"""

from __future__ import annotations

import msgspec

from streams.core.patterns.state import PatternState
from streams.errors import StateError
from streams.records import Action, Goal, Outcome, Prediction, Suggestion

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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(EntityState)


def encode_entity(state: EntityState) -> bytes:
    """Stored form; equal states give equal bytes."""
    return _encoder.encode(state)


def decode_entity(data: bytes) -> EntityState:
    """Raises StateError when the bytes are damaged or of another version."""
    try:
        state = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"stored entity cannot be read: {error}",
            remedy="delete the state directory; it is rebuilt from the changelog",
        ) from error
    if state.version != STATE_VERSION:
        raise StateError(
            "stored entity has another version",
            field="version",
            value=state.version,
            remedy=f"run the release that wrote it, or migrate to version {STATE_VERSION}",
        )
    return state
