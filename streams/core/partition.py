"""One partition: all that the engine knows about the entities whose keys fall into it.

A metric batch takes the *fast path*, columns in and columns out. Records at which a rule may
change something (a value crosses its limit, an open goal watches the series, an analysis is due)
cut the batch: the entity's rows are learned up to and including that record, the rule sees the
state as of that record, then the rest goes on. So results do not depend on how records were cut
into batches, and emissions leave in the order of the records that caused them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.kernel.batch import IntArray, MetricBatch, Positioned, series_key
from streams.core.kernel.clocks import Fault, Moments, fault, moments
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.emission import Dispatch, Emission, Position, Rejection
from streams.core.kernel.entities import EntityStore
from streams.core.kernel.entity import Entity, StoredTimers
from streams.core.kernel.feature_set import FeatureSet
from streams.core.kernel.model_results import Detection, SeriesForecast
from streams.core.kernel.names import ACTIONS, METRICS
from streams.core.kernel.store import ENTITIES, MODELS, SERIES, StateReader, Write
from streams.core.kernel.timers import TICK, Timers
from streams.core.kernel.turn import Turn
from streams.core.migrations import migrate
from streams.core.outcomes.feature import Actions
from streams.core.series.batches import (
    Taken,
    begin,
    cut_at_triggers,
    learn,
    take,
    triggered,
    update_hot,
)
from streams.core.series.correction import Correction
from streams.core.series.reading import Reading, SeriesReader
from streams.core.series.store import SeriesStore
from streams.core.transfer import IMPORT
from streams.records import Action, Command, Outcome

_FILLING = frozenset({"goal.create", IMPORT})
"""Commands that make an entity larger."""
_encode = msgspec.msgpack.Encoder().encode


class Applied(NamedTuple):
    """What came of one batch."""

    emissions: list[Emission]
    dispatches: list[Dispatch]
    rejections: list[Rejection]
    skipped: int
    """Records that the state already included."""
    dropped: list[str]
    """Features of which a slice could not be read, once for each."""
    old: Mapping[str, int] = {}
    """Metrics by which nothing was decided: late and repeated ones, which were not learned, and
    history, which was."""


class Snapshot(NamedTuple):
    """What a checkpoint must store, and where reading may resume once it has."""

    writes: dict[str, list[Write]]
    """By table, in the order in which the tables must become durable."""
    positions: dict[str, int]
    """Source topic -> offset to commit."""


class Partition:
    """State of one partition and the only thing that changes it. Not thread-safe."""

    def __init__(
        self,
        number: int,
        config: CoreConfig,
        reader: StateReader,
        features: FeatureSet | None = None,
    ) -> None:
        """``features``: those of ``config``, where they are made already."""
        self.number = number
        self._config = config
        self._time = config.time
        self.entities = EntityStore(reader, migrate)
        self.series = SeriesStore(config.forecasting, config.known, reader, self._are_watched)
        self._features = build_features(config) if features is None else features
        self._readers = SeriesReader(
            config.forecasting, config.time, self.series, Correction(config.known, config.calendar)
        )
        self._applied: dict[str, int] = {}
        self._pending: dict[tuple[str, str], int] = {}
        """Entity and action id -> offset of actions without an outcome."""
        self.timers = Timers()

    # -- records ------------------------------------------------------------------------------

    def apply(self, source: str, batch: Sequence[Positioned]) -> Applied:
        """Apply events, actions, goals, outcomes or commands, in offset order."""
        emissions: list[Emission] = []
        dispatches: list[Dispatch] = []
        rejections: list[Rejection] = []
        dropped: list[str] = []
        skipped = 0
        for item in batch:
            offset, record = item.offset, item.record
            if not self._features.concerns(record):
                continue
            state = self.entities.get(record.entity_id, record.entity_type)
            position = Position(source, self.number, offset)
            now = self._time.decided_at(record.timestamp, item.written)
            turn = Turn(state, position, now, record.correlation_id, self)
            if offset <= state.offsets.get(source, -1):
                skipped += 1
                self._features.resume(turn, record)
                if turn.touched:
                    self.entities.mark(state)
            elif self._takes(turn, item):
                self._features.apply(turn, record, by_log=self._time.is_logged(item.written))
                self.entities.touch(state, source, offset)
                self._watch(turn)
            emissions += turn.emissions
            dispatches += turn.dispatches
            rejections += turn.rejections
            dropped += turn.dropped
            self._track(turn)
            if record.entity_id == EVERYBODY and turn.touched:
                self.timers.hurry()
        if batch:
            self.advance(source, batch[-1].offset)
        return Applied(emissions, dispatches, rejections, skipped, dropped)

    def _takes(self, turn: Turn, item: Positioned) -> bool:
        """Whether the record's time can be and the entity has room for it; refused before
        anything is changed.

        What settles or ends something is always taken: it is how room is made.
        """
        record = item.record
        wrong = self._misdated(item)
        if wrong is not None:
            turn.reject(*wrong)
            return False
        size, entity, most = len(_encode(record)), turn.entity, self._config.entity_bytes
        makes_room = isinstance(record, Outcome) or (
            isinstance(record, Command) and record.command not in _FILLING
        )
        if not makes_room and not entity.fits(size, most):
            turn.reject(
                "entity_full",
                f"entity {entity.entity_id!r} has {entity.bound} bytes, most of them in "
                f"{entity.largest() or 'this record'!r}, and the record {size}; {most} is the "
                "limit: close goals and end actions, or raise entity_bytes",
            )
            return False
        entity.grow(size)
        return True

    def _misdated(self, item: Positioned) -> Fault | None:
        """What is wrong with a record's event time, by the log's clock. Outcomes and ticks bear
        the clock of a worker and are not decided by it."""
        record = item.record
        if not self._time.is_logged(item.written) or isinstance(record, Outcome):
            return None
        if isinstance(record, Command) and record.command == TICK:
            return None
        return fault(record.timestamp, item.written, self._time)

    def advance(self, source: str, offset: int) -> None:
        """Records of ``source`` up to ``offset`` are done with, also those that were refused."""
        self._applied[source] = max(offset, self._applied.get(source, -1))

    # -- metrics ------------------------------------------------------------------------------

    def apply_metrics(self, batch: MetricBatch) -> Applied:
        """Learn a batch of metrics and run the rules that it triggers."""
        if not len(batch):
            return Applied([], [], [], 0, [])
        rows = self.series.rows_of(batch.keys)
        when = moments(batch, self._time)
        rejections = self._refused(batch, rows, when)
        taken = take(self.series, batch, rows, when, self._time)
        begin(self.series, batch, taken)
        emissions: list[Emission] = []
        dropped: list[str] = []
        todo = np.arange(rows.size)
        entities: IntArray | None = None
        while todo.size:
            cutting, crossing = triggered(self.series, batch, taken, todo)
            if cutting.any():
                entities = self._numbered_entities(rows) if entities is None else entities
                now, rest, cuts = cut_at_triggers(entities, todo, cutting)
            else:
                now, rest, cuts = todo, todo[:0], todo[:0]
            findings = learn(self.series, batch, taken, now)
            update_hot(self.series, batch, taken, now)
            triggers, crossed = set(cuts.tolist()), set(todo[crossing].tolist())
            for position in sorted(triggers | findings.keys()):
                turn = self._run_rules(
                    batch,
                    taken,
                    position,
                    findings.get(position),
                    triggered=position in triggers,
                    crossing=position in crossed,
                )
                emissions += turn.emissions
                dropped += turn.dropped
            todo = rest
        self.advance(METRICS, int(batch.offsets[-1]))
        emissions.sort(key=lambda emission: emission.cause.offset)
        history = 0 if taken.live is None else int(np.count_nonzero(taken.fresh & ~taken.live))
        counts = {"late": taken.late, "repeated": taken.repeated, "history": history}
        return Applied(emissions, [], rejections, taken.skipped, dropped, counts)

    def _refused(self, batch: MetricBatch, rows: IntArray, when: Moments) -> list[Rejection]:
        """Why metrics are refused for their event time, where that was not said before."""
        held = self.series.hot["offset"]
        return [
            Rejection(int(batch.offsets[at]), *why)
            for at in when.refused.tolist()
            if batch.offsets[at] > held[rows[at]]
            and (why := fault(int(batch.timestamps[at]), int(when.now[at]), self._time))
        ]

    def _numbered_entities(self, rows: IntArray) -> IntArray:
        """For each record a number from 0 on that tells its entity."""
        numbers: dict[str, int] = {}
        entities = self.series.entities
        each: list[int] = rows.tolist()
        return np.array([numbers.setdefault(entities[row], len(numbers)) for row in each], np.int64)

    def _run_rules(
        self,
        batch: MetricBatch,
        taken: Taken,
        position: int,
        detection: Detection | None,
        *,
        triggered: bool,
        crossing: bool,
    ) -> Turn:
        """Rules for the record at ``position``: what the models noticed at it and, where it
        triggered a cut and thus is the newest of its entity, all else that a value may bring."""
        series, row = self.series, int(taken.rows[position])
        offset = int(batch.offsets[position])
        state = self.entities.get(series.entities[row], batch.entity_types[position])
        turn = Turn(
            state,
            Position(METRICS, self.number, offset),
            int(taken.now[position]),
            batch.correlation_ids[position],
            self,
        )
        analyse = triggered and (turn.now >= series.hot["due"][row] or crossing)
        analyse = analyse and self._config.forecasting.auto_analysis
        if analyse:
            series.hot["due"][row] = series.next_due(turn.now)
        if offset <= state.offsets.get(METRICS, -1):
            return turn
        if detection is not None:
            self._features.on_detection(turn, series.metrics[row], detection)
        if triggered:
            self._features.on_metric(turn, series.metrics[row], analyse=analyse)
        if turn.touched:
            self.entities.touch(state, METRICS, offset)
            state.grow()
            self._watch(turn)
        return turn

    # -- checkpoint ---------------------------------------------------------------------------

    def snapshot(self, model_bytes: int | None) -> Snapshot:
        """Take what must be stored. ``model_bytes`` bounds the models' share; None takes all.

        The positions hold once the writes are durable. They never pass a metric that an unsaved
        model still needs, nor an action whose outcome is not known yet.
        """
        writes = {
            ENTITIES: self.entities.take(),
            SERIES: self.series.take_hot(),
            MODELS: self.series.take_models(model_bytes),
        }
        positions = {source: offset + 1 for source, offset in self._applied.items()}
        oldest = self.series.oldest_unsaved()
        if oldest is not None and METRICS in positions:
            positions[METRICS] = min(positions[METRICS], oldest)
        if self._pending and "actions" in positions:
            positions["actions"] = min(positions["actions"], *self._pending.values())
        return Snapshot(writes, positions)

    def evict(self, series: int, entities: int) -> int:
        """Bound the caches; only call when every snapshot taken has reached the store."""
        return self.series.evict(series) + self.entities.evict(entities)

    # -- questions ----------------------------------------------------------------------------

    @property
    def resident(self) -> int:
        """Series held in memory."""
        return len(self.series)

    def applied(self, source: str) -> int:
        """Offset of the last record of ``source`` that was applied; -1 for none since loading."""
        return self._applied.get(source, -1)

    def resident_keys(self, table: str) -> list[str]:
        """Keys of a stored table that are held in memory."""
        if table == ENTITIES:
            return self.entities.resident()
        return [key for key in self.series.keys if key]

    def forecast(
        self, entity_id: str, metric: str, horizon: int, level: float, method: str = ""
    ) -> SeriesForecast | None:
        """Forecast of a series as of now, as an analysis would publish it; None without enough
        values. Raises what ``SeriesBank.forecast`` does."""
        entity = self.entities.find(entity_id) or Entity(entity_id)
        reading = self._readers.open(entity, metric)
        return None if reading is None else reading.forecast(horizon, level, method)

    def withhold(self, action: Action) -> None:
        """An accepted action is given up before its handler could start: who comes next may
        start it as if it were new."""
        entity = self.entities.find(action.entity_id)
        if entity is not None and action.action_id in entity.read(Actions).pending:
            entity.edit(Actions).pending[action.action_id].released = False
            self.entities.mark(entity)

    def is_pending(self, action: Action) -> bool:
        """Whether an accepted action has no outcome yet."""
        entity = self.entities.find(action.entity_id)
        return entity is not None and action.action_id in entity.read(Actions).pending

    # -- what a turn sees ---------------------------------------------------------------------

    def inputs(self, entity: Entity) -> dict[str, int]:
        """Source -> offset of the newest record that a decision about the entity may depend on.

        Beyond what its state tells, these are metrics at which no rule changed anything, and
        commands for everybody. All records up to these offsets are applied, and of the entity
        none behind them.
        """
        seen = dict(entity.offsets)
        everybody = self.entities.find(EVERYBODY)
        if everybody is not None:
            for source, offset in everybody.offsets.items():
                seen[source] = max(offset, seen.get(source, -1))
        for name in self._features.metrics(entity):
            row = self.series.find(series_key(entity.entity_id, name))
            if row is not None:
                seen[METRICS] = max(int(self.series.hot["offset"][row]), seen.get(METRICS, -1))
        return seen

    def reading(self, entity: Entity, metric: str) -> Reading | None:
        """The series of a metric as of now."""
        return self._readers.open(entity, metric)

    def find(self, entity_id: str) -> Entity | None:
        """An entity of this partition."""
        return self.entities.find(entity_id)

    # -- inside -------------------------------------------------------------------------------

    def _are_watched(self, pairs: list[tuple[str, str]]) -> list[bool]:
        """For pairs of entity and metric, whether a feature wants to see every value."""
        self.entities.prefetch(dict.fromkeys(entity for entity, _ in pairs))
        known = ((self.entities.find(id_) or Entity(id_), metric) for id_, metric in pairs)
        return [self._features.watches(entity, metric) for entity, metric in known]

    def resume_pending(self, entity_id: str) -> list[Dispatch]:
        """Take up the stored actions of an entity that have no outcome, also where their records
        are gone. One that runs already is not started again."""
        entity = self.entities.find(entity_id)
        if entity is None or not entity.read(Actions).pending:
            return []
        cause = Position(ACTIONS, self.number, entity.offsets.get(ACTIONS, -1))
        turn = Turn(entity, cause, entity.clock, "", self)
        for pending in list(entity.read(Actions).pending.values()):
            self._features.resume(turn, pending.action)
        if turn.touched:
            self.entities.mark(entity)
        return turn.dispatches

    def restore_timers(self, stored: StoredTimers) -> None:
        """Know when a stored entity is due, unless a newer state of it is in memory."""
        if stored.due is not None and not self.entities.holds(stored.entity_id):
            self.timers.restore(stored)

    def _watch(self, turn: Turn) -> None:
        """From now on the features that asked for it see the values of their metrics, none
        before."""
        entity = turn.entity
        self.timers.note(entity)
        for metric in turn.changed_metrics:
            key = series_key(entity.entity_id, metric)
            watched = self._features.watches(entity, metric)
            self.series.set_watched(key, watched)
            row = self.series.find(key) if watched else None
            if row is None:
                continue
            # A crash may leave the row behind its entity. The values that are then read again
            # were measured before this goal was as it is now and must not count for it.
            newest = int(self.series.hot["offset"][row])
            if newest > entity.offsets.get(METRICS, -1):
                self.entities.touch(entity, METRICS, newest)

    def _track(self, turn: Turn) -> None:
        for action in turn.dispatches:
            key = turn.entity.entity_id, action.action.action_id
            self._pending.setdefault(key, turn.position.offset)
        for action_id in turn.settled:
            self._pending.pop((turn.entity.entity_id, action_id), None)
