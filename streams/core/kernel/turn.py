"""One record's turn: the entity that features may change and what they want done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from streams.core.kernel.batch import FloatArray
from streams.core.kernel.emission import Dispatch, Emission, Position, Rejection
from streams.core.kernel.entity import Entity
from streams.core.kernel.ids import stable_id
from streams.core.kernel.model_results import Quality, SeriesForecast
from streams.core.kernel.slices import S
from streams.records import Action, Record

_T = TypeVar("_T")


class SeriesReading(Protocol):
    """One metric of the turn's entity as of the record at hand, in its unit."""

    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> float:
        """The latest value."""
        ...

    @property
    def previous(self) -> float | None:
        """The one before it."""
        ...

    @property
    def baseline(self) -> float:
        """The first one."""
        ...

    @property
    def measured_at(self) -> int:
        """Event time of the latest value, ms."""
        ...

    @property
    def step_ms(self) -> int:
        """Time between two values; 0 when the timestamps do not show one."""
        ...

    @property
    def after_silence(self) -> bool:
        """Whether the latest value came after so long that the one before was stale."""
        ...

    def is_stale(self, now: int) -> bool:
        """Whether the latest value is too old to say anything of ``now``."""
        ...

    def recent(self) -> FloatArray:
        """The newest values, oldest first; empty when no model keeps them."""
        ...

    def quality(self) -> Quality | None:
        """Error and coverage of its forecasts; None while there are none."""
        ...

    def forecast(
        self, horizon: int | None = None, level: float | None = None, method: str = ""
    ) -> SeriesForecast | None:
        """The forecast of now, corrected by regressors and calendar where these are configured;
        of the configured horizon (steps) and level (0..1) unless others are given. None with too
        few values. Computed once a turn."""
        ...

    def uncorrected(self, horizon: int) -> SeriesForecast | None:
        """The forecast as the model gives it, for what learns the correction."""
        ...

    def breach(self, limit: float, horizon: int, *, above: bool) -> float | None:
        """Probability that one of the next ``horizon`` values passes the limit, of the same
        forecast; None when the model keeps no record of its extremes."""
        ...


class Surroundings(Protocol):
    """What a turn can see beyond its entity."""

    def inputs(self, entity: Entity) -> dict[str, int]:
        """Source -> offset of the newest record that a decision about the entity may depend on."""
        ...

    def reading(self, entity: Entity, metric: str) -> SeriesReading | None:
        """None when the metric was never measured."""
        ...

    def find(self, entity_id: str) -> Entity | None:
        """Another entity of the partition, to look at only."""
        ...


class Turn:
    """Passed to every feature; collects effects in the order in which they are decided."""

    __slots__ = (
        "_around",
        "_once",
        "_ordinals",
        "_readings",
        "analyses",
        "changed_metrics",
        "correlation_id",
        "dispatches",
        "dropped",
        "emissions",
        "entity",
        "now",
        "position",
        "rejections",
        "settled",
        "touched",
    )

    def __init__(
        self,
        entity: Entity,
        position: Position,
        now: int,
        correlation_id: str,
        around: Surroundings,
    ) -> None:
        self.entity = entity
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
        self.dropped: list[str] = []
        """Features whose slice could not be read."""
        self.analyses: list[str] = []
        """Metrics that are to be analysed once the record is handled."""
        self.changed_metrics: set[str] = set()
        """Metrics for which whether their values are watched may have changed."""
        self.touched = False
        """Whether the entity differs from what is stored."""
        self._around = around
        self._ordinals: dict[str, int] = {}
        self._readings: dict[str, SeriesReading | None] = {}
        self._once: dict[tuple[Any, ...], Any] = {}

    # -- the entity ---------------------------------------------------------------------------

    def read(self, kind: type[S]) -> S:
        """A slice of the entity, to look at only."""
        return self.entity.read(kind)

    def edit(self, kind: type[S]) -> S:
        """A slice of the entity, to be changed."""
        self.touched = True
        return self.entity.edit(kind)

    # -- what is around it --------------------------------------------------------------------

    def series(self, metric: str) -> SeriesReading | None:
        """The only way to values, forecasts and chances; None for a metric never measured."""
        if metric not in self._readings:
            self._readings[metric] = self._around.reading(self.entity, metric)
        return self._readings[metric]

    def find(self, entity_id: str) -> Entity | None:
        """Another entity of the partition, to look at only."""
        return self._around.find(entity_id)

    def once(self, key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        """What ``make`` gives, made once in this turn for a key."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    @property
    def inputs(self) -> dict[str, int]:
        """Offsets of the newest records that the entity has seen, this one included, by source."""
        seen = self._around.inputs(self.entity)
        seen[self.position.topic] = self.position.offset
        return dict(sorted(seen.items()))

    # -- what is to happen --------------------------------------------------------------------

    def new_id(self, rule: str) -> str:
        """An id that is the same whenever this record is applied."""
        ordinal = self._ordinals.get(rule, 0)
        self._ordinals[rule] = ordinal + 1
        where = self.position
        return stable_id(rule, where.topic, where.partition, where.offset, ordinal)

    def emit(self, topic: str, record: Record) -> None:
        """Publish a record on a logical topic."""
        self.emissions.append(Emission(topic, record, self.position))

    def dispatch(self, action: Action, *, resumed: bool = False) -> None:
        """Have an action's handler run once this turn is durable."""
        self.dispatches.append(Dispatch(action, self.position, resumed))

    def reject(self, reason: str, detail: str) -> None:
        """Send the record to the dead letters."""
        self.rejections.append(Rejection(self.position.offset, reason, detail))

    def analyse(self, metric: str) -> None:
        """Have a metric analysed once the record is handled."""
        if metric not in self.analyses:
            self.analyses.append(metric)
