"""One partition: all that the engine knows about the entities whose keys fall into it.

A metric batch takes the *fast path*, columns in and columns out. Records at which a rule may
change something (a value crosses its limit, an open goal watches the series, an analysis is due)
cut the batch: the entity's rows are learned up to and including that record, the rule sees the
state as of that record, then the rest goes on. So results do not depend on how records were cut
into batches, and emissions leave in the order of the records that caused them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.core.config import CoreConfig
from streams.core.kernel.batch import BoolArray, IntArray, MetricBatch, Positioned, series_key
from streams.core.kernel.columns import group, previous_values
from streams.core.kernel.emission import Dispatch, Emission, Position, Rejection
from streams.core.kernel.entities import EntityStore
from streams.core.kernel.entity import EntityState, StoredWake
from streams.core.kernel.model_results import Finding, ModelChange, SeriesForecast
from streams.core.kernel.names import METRICS
from streams.core.kernel.store import ENTITIES, MODELS, SERIES, StateReader, Write
from streams.core.kernel.timers import EVERYBODY, Timers
from streams.core.kernel.turn import Turn
from streams.core.rules import Rules
from streams.core.series.store import SeriesStore
from streams.records import Action


class Applied(NamedTuple):
    """What came of one batch."""

    emissions: list[Emission]
    dispatches: list[Dispatch]
    rejections: list[Rejection]
    skipped: int
    """Records that the state already included."""


class Snapshot(NamedTuple):
    """What a checkpoint must store, and where reading may resume once it has."""

    writes: dict[str, list[Write]]
    """By table, in the order in which the tables must become durable."""
    positions: dict[str, int]
    """Source topic -> offset to commit."""


class Partition:
    """State of one partition and the only thing that changes it. Not thread-safe."""

    def __init__(self, number: int, config: CoreConfig, reader: StateReader) -> None:
        self.number = number
        self._config = config
        self.entities = EntityStore(reader)
        self.series = SeriesStore(config, reader, self._are_watched)
        self._rules = Rules(config, self.series, self.entities.find)
        self._applied: dict[str, int] = {}
        self._pending: dict[tuple[str, str], int] = {}
        """Entity and action id -> offset of actions without an outcome."""
        self.wakes = Timers()

    # -- records ------------------------------------------------------------------------------

    def apply(self, source: str, batch: Sequence[Positioned]) -> Applied:
        """Apply events, actions, goals, outcomes or commands, in offset order."""
        emissions: list[Emission] = []
        dispatches: list[Dispatch] = []
        rejections: list[Rejection] = []
        skipped = 0
        for offset, record in ((item.offset, item.record) for item in batch):
            if not self._rules.concerns(source, record):
                continue
            state = self.entities.get(record.entity_id, record.entity_type)
            position = Position(source, self.number, offset)
            turn = Turn(state, position, record.timestamp, record.correlation_id, self._seen)
            if offset <= state.offsets.get(source, -1):
                skipped += 1
                self._rules.resume(turn, record)
                if turn.touched:
                    self.entities.mark(state)
            else:
                self._rules.apply(turn, record)
                self.entities.touch(state, source, offset)
                self._watch(turn)
            emissions += turn.emissions
            dispatches += turn.dispatches
            rejections += turn.rejections
            self._track(turn)
            if record.entity_id == EVERYBODY and turn.touched:
                self.wakes.hurry()
        if batch:
            self.advance(source, batch[-1].offset)
        return Applied(emissions, dispatches, rejections, skipped)

    def advance(self, source: str, offset: int) -> None:
        """Records of ``source`` up to ``offset`` are done with, also those that were refused."""
        self._applied[source] = max(offset, self._applied.get(source, -1))

    # -- metrics ------------------------------------------------------------------------------

    def apply_metrics(self, batch: MetricBatch) -> Applied:
        """Learn a batch of metrics and run the rules that it triggers."""
        if not len(batch):
            return Applied([], [], [], 0)
        rows = self.series.rows_of(batch.keys)
        fresh = batch.offsets > self.series.hot["offset"][rows]
        unlearned = batch.offsets > self.series.model_offset[rows]
        self._begin(batch, rows)
        emissions: list[Emission] = []
        todo = np.arange(rows.size)
        entities: IntArray | None = None
        while todo.size:
            triggered = self._triggered(batch, rows, todo, fresh)
            if triggered.any():
                entities = self._numbered_entities(rows) if entities is None else entities
                now, rest, cuts = _cut(entities, todo, triggered)
            else:
                now, rest, cuts = todo, todo[:0], todo[:0]
            findings = self._learn(batch, rows, now, unlearned, fresh)
            self._update_hot(batch, rows, now, fresh)
            triggers = set(cuts.tolist())
            for position in sorted(triggers | findings.keys()):
                emissions += self._run_rules(
                    batch,
                    int(rows[position]),
                    position,
                    findings.get(position),
                    triggered=position in triggers,
                )
            todo = rest
        self.advance(METRICS, int(batch.offsets[-1]))
        emissions.sort(key=lambda emission: emission.cause.offset)
        return Applied(emissions, [], [], int(rows.size - np.count_nonzero(fresh)))

    def _begin(self, batch: MetricBatch, rows: IntArray) -> None:
        """Rows without a value yet get their baseline and their first analysis."""
        hot = self.series.hot
        begun = np.flatnonzero(hot["count"][rows] == 0)
        if not begun.size:
            return
        firsts = begun[np.unique(rows[begun], return_index=True)[1]]
        for position in firsts.tolist():
            row = rows[position]
            hot["baseline"][row] = batch.values[position]
            hot["due"][row] = self.series.first_due(int(row), int(batch.timestamps[position]))

    def _triggered(
        self, batch: MetricBatch, rows: IntArray, todo: IntArray, fresh: BoolArray
    ) -> BoolArray:
        """Which of the records at ``todo`` concern a rule, as far as is known now."""
        series, row = self.series, rows[todo]
        due = series.hot["due"][row]
        values = batch.values[todo]
        outside = (values > series.upper[row]) | (values < series.lower[row])
        wanted = series.watched[row] | (batch.timestamps[todo] >= due)
        if outside.any():
            groups = group(row)
            before = previous_values(values, groups, series.hot["last"][groups.rows])
            wanted |= outside & ~((before > series.upper[row]) | (before < series.lower[row]))
        return wanted & fresh[todo]

    def _numbered_entities(self, rows: IntArray) -> IntArray:
        """For each record a number from 0 on that tells its entity."""
        numbers: dict[str, int] = {}
        entities = self.series.entities
        each: list[int] = rows.tolist()
        return np.array([numbers.setdefault(entities[row], len(numbers)) for row in each], np.int64)

    def _learn(
        self,
        batch: MetricBatch,
        rows: IntArray,
        now: IntArray,
        unlearned: BoolArray,
        fresh: BoolArray,
    ) -> dict[int, Finding]:
        """The models take in the records at ``now``; returns what they noticed, by position."""
        learn = now if unlearned[now].all() else now[unlearned[now]]
        if not learn.size:
            return {}
        row, offsets = rows[learn], batch.offsets[learn]
        learned = self.series.bank.learn_many(row, batch.timestamps[learn], batch.values[learn])
        groups = group(row)
        self.series.mark_learned(groups.rows, offsets[groups.first], offsets[groups.last])
        changes: dict[int, list[ModelChange]] = {}
        for change in learned.changes:
            changes.setdefault(change.position, []).append(change)
        noticed = {*np.flatnonzero(learned.alarm | learned.drift).tolist(), *changes}
        return {
            int(learn[index]): Finding(
                value=float(batch.values[learn[index]]),
                expected=float(learned.predicted[index]),
                score=float(learned.score[index]),
                is_anomaly=bool(learned.alarm[index]),
                is_drift=bool(learned.drift[index]),
                changes=tuple(changes.get(index, ())),
            )
            for index in sorted(noticed)
            if fresh[learn[index]]
        }

    def _update_hot(
        self, batch: MetricBatch, rows: IntArray, now: IntArray, fresh: BoolArray
    ) -> None:
        """The hot rows take in the records at ``now``."""
        taken = now if fresh[now].all() else now[fresh[now]]
        if not taken.size:
            return
        groups = group(rows[taken])
        hot, each, values = self.series.hot, groups.rows, batch.values[taken]
        before = previous_values(values, groups, hot["last"][each])
        hot["previous"][each] = before[groups.last]
        hot["last"][each] = values[groups.last]
        hot["timestamp"][each] = batch.timestamps[taken][groups.last]
        hot["offset"][each] = batch.offsets[taken][groups.last]
        hot["count"][each] += groups.counts
        self.series.mark_hot(each)

    def _run_rules(
        self,
        batch: MetricBatch,
        row: int,
        position: int,
        finding: Finding | None,
        *,
        triggered: bool,
    ) -> list[Emission]:
        """Rules for the record at ``position``: what the models noticed at it and, where it
        triggered a cut and thus is the newest of its entity, all else that a value may bring."""
        series = self.series
        offset = int(batch.offsets[position])
        state = self.entities.get(series.entities[row], batch.entity_types[position])
        turn = Turn(
            state,
            Position(METRICS, self.number, offset),
            int(batch.timestamps[position]),
            batch.correlation_ids[position],
            self._seen,
        )
        analyse = triggered and (turn.now >= series.hot["due"][row] or series.crossed(row))
        analyse = analyse and self._config.forecasting.auto_analysis
        if analyse:
            series.hot["due"][row] = series.next_due(turn.now)
        if offset <= state.offsets.get(METRICS, -1):
            return []
        if finding is not None:
            self._rules.on_finding(turn, series.metrics[row], finding)
        if triggered:
            self._rules.on_metric(turn, row, analyse=analyse)
        if turn.touched:
            self.entities.touch(state, METRICS, offset)
            self._watch(turn)
        return turn.emissions

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
        row = self.series.find(series_key(entity_id, metric))
        found = None if row is None else self.series.bank.forecast(row, horizon, level, method)
        state = self.entities.find(entity_id)
        if row is None or found is None or state is None:
            return found
        return self._rules.corrected(state, row, metric, found)

    def withhold(self, action: Action) -> None:
        """An accepted action is given up before its handler could start: who comes next may
        start it as if it were new."""
        state = self.entities.find(action.entity_id)
        if state is not None and (pending := state.pending.get(action.action_id)) is not None:
            pending.released = False
            self.entities.mark(state)

    def is_pending(self, action: Action) -> bool:
        """Whether an accepted action has no outcome yet."""
        state = self.entities.find(action.entity_id)
        return state is not None and action.action_id in state.pending

    # -- inside -------------------------------------------------------------------------------

    def _are_watched(self, pairs: list[tuple[str, str]]) -> list[bool]:
        """For pairs of entity and metric, whether an open goal wants to see every value."""
        self.entities.prefetch(dict.fromkeys(entity for entity, _ in pairs))
        states = ((self.entities.find(entity), metric) for entity, metric in pairs)
        return [bool(state and state.open_goals(metric)) for state, metric in states]

    def restore_wake(self, stored: StoredWake) -> None:
        """Know when a stored entity is due, unless a newer state of it is in memory."""
        if stored.wake_at is not None and not self.entities.holds(stored.entity_id):
            self.wakes.note(stored)

    def _seen(self, state: EntityState) -> dict[str, int]:
        """Source -> offset of the newest record that a decision about the entity may depend on.

        Beyond what its state tells, these are metrics at which no rule changed anything, and
        commands for everybody. All records up to these offsets are applied, and of the entity
        none behind them.
        """
        seen = dict(state.offsets)
        everybody = self.entities.find(EVERYBODY)
        if everybody is not None:
            for source, offset in everybody.offsets.items():
                seen[source] = max(offset, seen.get(source, -1))
        targets = (goal.target_metric for goal in state.open_goals())
        for name in {*state.metrics, *self._config.metrics, *targets}:
            row = self.series.find(series_key(state.entity_id, name))
            if row is not None:
                seen[METRICS] = max(int(self.series.hot["offset"][row]), seen.get(METRICS, -1))
        return seen

    def _watch(self, turn: Turn) -> None:
        """From now on the goals that have changed see the values of their metrics, none before."""
        state = turn.state
        self.wakes.note(state)
        for metric in turn.changed_metrics:
            key = series_key(state.entity_id, metric)
            watched = bool(state.open_goals(metric))
            self.series.set_watched(key, watched)
            row = self.series.find(key) if watched else None
            if row is None:
                continue
            # A crash may leave the row behind its entity. The values that are then read again
            # were measured before this goal was as it is now and must not count for it.
            newest = int(self.series.hot["offset"][row])
            if newest > state.offsets.get(METRICS, -1):
                self.entities.touch(state, METRICS, newest)

    def _track(self, turn: Turn) -> None:
        for action in turn.dispatches:
            key = turn.state.entity_id, action.action.action_id
            self._pending.setdefault(key, turn.position.offset)
        for action_id in turn.settled:
            self._pending.pop((turn.state.entity_id, action_id), None)


def _cut(
    entities: IntArray, todo: IntArray, triggered: BoolArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Split at each entity's first trigger: (take now, leave, the triggers themselves)."""
    entity, last = entities[todo], np.iinfo(np.int64).max
    cut = np.full(int(entity.max()) + 1, last)
    np.minimum.at(cut, entity[triggered], todo[triggered])
    taken = todo <= cut[entity]
    return todo[taken], todo[~taken], np.sort(cut[cut < last])
