"""One record's turn: the state a rule may change and what it wants done."""

from __future__ import annotations

from collections.abc import Callable

from streams.core.kernel.emission import Dispatch, Emission, Position, Rejection
from streams.core.kernel.entity import EntityState
from streams.core.kernel.ids import stable_id
from streams.records import Action, Record


class Turn:
    """Passed to every rule; collects effects in the order in which they are decided."""

    __slots__ = (
        "_ordinals",
        "_seen",
        "changed_metrics",
        "correlation_id",
        "dispatches",
        "emissions",
        "now",
        "position",
        "rejections",
        "settled",
        "state",
        "touched",
    )

    def __init__(
        self,
        state: EntityState,
        position: Position,
        now: int,
        correlation_id: str,
        seen: Callable[[EntityState], dict[str, int]] | None = None,
    ) -> None:
        """``seen``: source to offset of the newest record that decisions may depend on; what the
        state itself tells when absent."""
        self.state = state
        self.position = position
        self.now = now
        """Event time of the record, ms."""
        self.correlation_id = correlation_id or stable_id(
            "correlation", position.topic, position.partition, position.offset
        )
        self.emissions: list[Emission] = []
        self.dispatches: list[Dispatch] = []
        self.rejections: list[Rejection] = []
        self.settled: list[str] = []
        """Action ids whose outcome is now known."""
        self.changed_metrics: set[str] = set()
        """Metrics for which an open goal came, went, or got another target."""
        self.touched = False
        """Whether ``state`` differs from what is stored."""
        self._ordinals: dict[str, int] = {}
        self._seen = seen

    def new_id(self, rule: str) -> str:
        """An id that is the same whenever this record is applied."""
        ordinal = self._ordinals.get(rule, 0)
        self._ordinals[rule] = ordinal + 1
        where = self.position
        return stable_id(rule, where.topic, where.partition, where.offset, ordinal)

    @property
    def inputs(self) -> dict[str, int]:
        """Offsets of the newest records that the entity has seen, this one included, by source."""
        seen = dict(self.state.offsets) if self._seen is None else self._seen(self.state)
        seen[self.position.topic] = self.position.offset
        return dict(sorted(seen.items()))

    def emit(self, topic: str, record: Record) -> None:
        self.emissions.append(Emission(topic, record, self.position))

    def dispatch(self, action: Action, *, resumed: bool = False) -> None:
        self.dispatches.append(Dispatch(action, self.position, resumed))

    def reject(self, reason: str, detail: str) -> None:
        self.rejections.append(Rejection(self.position.offset, reason, detail))
