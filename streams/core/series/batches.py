"""What a batch of metrics does to the rows of its series, before any feature sees it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.core.kernel.batch import BoolArray, IntArray, MetricBatch
from streams.core.kernel.clocks import STEPS, Moments, TimeConfig
from streams.core.kernel.columns import carried, group, previous_values
from streams.core.kernel.model_results import Detection, ModelChange
from streams.core.series.store import LONGEST_GAP_MS, SeriesStore

_HOME = 0.02
"""How far inside its limit, as a share of that, a value must be before it can pass it anew."""


class Taken(NamedTuple):
    """Which records of a batch count, and how; arrays of one entry a record."""

    rows: IntArray
    """Of their series."""
    now: IntArray
    """Decision times, ms."""
    fresh: BoolArray
    """Whether the hot row takes it in: newer than all that it holds."""
    unlearned: BoolArray
    """The same of the models."""
    live: BoolArray | None
    """Whether it is of the present, so that something may be decided by it; None for all."""
    gaps: IntArray
    """Event time since the value before it, ms; 0 for a first one."""
    skipped: int
    """Records that the hot rows already include."""
    late: int
    """Records older than the newest value of their series."""
    repeated: int
    """Records of the same event time as that."""


def take(
    series: SeriesStore, batch: MetricBatch, rows: IntArray, when: Moments, config: TimeConfig
) -> Taken:
    """Decide for each record whether it is the next value of its series.

    Only values in the order of their event time are: what is late or said twice is counted and
    changes nothing. A newest value that the log's clock has not reached says nothing of order.
    """
    fresh = batch.offsets > series.hot["offset"][rows]
    unlearned = batch.offsets > series.model_offset[rows]
    skipped = int(rows.size - np.count_nonzero(fresh))
    if when.refused.size:
        fresh[when.refused] = unlearned[when.refused] = False
    same = bool((fresh == unlearned).all())
    same = same and bool((series.hot["timestamp"][rows] == series.model_newest[rows]).all())
    reached = None
    if when.logged is not None:
        reached = np.where(when.logged, when.now + config.max_ahead_ms, np.iinfo(np.int64).max)
    found, gaps = _in_order(batch.timestamps, rows, fresh, series.hot["timestamp"], reached)
    dropped = np.flatnonzero(fresh & ~found)
    late = _count_late(batch.timestamps, rows, dropped, found, series) if dropped.size else 0
    if same:
        unlearned = found
    else:
        unlearned, _ = _in_order(batch.timestamps, rows, unlearned, series.model_newest, reached)
    live = _live(series, batch, rows, when, found, gaps, config)
    return Taken(rows, when.now, found, unlearned, live, gaps, skipped, late, dropped.size - late)


def _in_order(
    timestamps: IntArray,
    rows: IntArray,
    wanted: BoolArray,
    newest: IntArray,
    reached: IntArray | None,
) -> tuple[BoolArray, IntArray]:
    """Which of the ``wanted`` records are newer than all before them in their row, and by how
    much. ``reached``: for each record how far the log's clock says that event time can be."""
    gaps = np.zeros(rows.size, np.int64)
    at = np.flatnonzero(wanted)
    if not at.size:
        return wanted, gaps
    groups = group(rows[at])
    before = newest[groups.rows]
    if reached is not None:
        before = np.where(before > reached[at][groups.first], 0, before)
    ordered = timestamps[at][groups.order]
    shifted = np.concatenate([[0], ordered[:-1]])
    shifted[groups.starts] = before
    behind = ordered <= shifted
    if behind.any():
        return _in_order(
            timestamps, rows, _without(wanted, at, groups.order, ordered, groups.starts, before),
            newest, reached,
        )  # fmt: skip
    gaps[at[groups.order]] = np.where(shifted > 0, ordered - shifted, 0)
    return wanted, gaps


def _without(
    wanted: BoolArray,
    at: IntArray,
    order: IntArray,
    ordered: IntArray,
    starts: IntArray,
    before: IntArray,
) -> BoolArray:
    """Leave out what is not newer than the newest before it."""
    kept = wanted.copy()
    ends = [*starts[1:].tolist(), ordered.size]
    for start, end, newest in zip(starts.tolist(), ends, before.tolist(), strict=True):
        seen = np.maximum.accumulate(np.concatenate([[newest], ordered[start:end]]))
        behind = ordered[start:end] <= seen[:-1]
        kept[at[order[start:end][behind]]] = False
    return kept


def _count_late(
    timestamps: IntArray, rows: IntArray, dropped: IntArray, found: BoolArray, series: SeriesStore
) -> int:
    """How many of the dropped are older than the newest value, and not just as old."""
    late = 0
    for position in dropped.tolist():
        before = np.flatnonzero((rows[:position] == rows[position]) & found[:position])
        row = rows[position]
        newest = timestamps[before[-1]] if before.size else series.hot["timestamp"][row]
        late += bool(timestamps[position] != newest)
    return late


def _live(
    series: SeriesStore,
    batch: MetricBatch,
    rows: IntArray,
    when: Moments,
    fresh: BoolArray,
    gaps: IntArray,
    config: TimeConfig,
) -> BoolArray | None:
    """Whether values are of the present, by the log's clock and the latest steps of their series.

    A step is the smaller of the latest two gaps: a single one may be an outage.
    """
    if when.logged is None:
        return None
    behind = when.now - batch.timestamps
    old = fresh & when.logged & (behind > config.live_window_ms)
    if not old.any():
        return None
    at = np.flatnonzero(fresh)
    groups = group(rows[at])
    stored: IntArray = series.hot["gap"][groups.rows].astype(np.int64)
    before = previous_values(gaps[at], groups, stored)
    steps = np.zeros(rows.size, np.int64)
    steps[at] = np.minimum(gaps[at], before)
    return ~(old & (behind > STEPS * steps))


def begin(series: SeriesStore, batch: MetricBatch, taken: Taken) -> None:
    """Rows without a value yet get their baseline and their first analysis."""
    hot, rows = series.hot, taken.rows
    begun = np.flatnonzero((hot["count"][rows] == 0) & taken.fresh)
    if not begun.size:
        return
    firsts = begun[np.unique(rows[begun], return_index=True)[1]]
    for position in firsts.tolist():
        row = rows[position]
        hot["baseline"][row] = batch.values[position]
        hot["due"][row] = series.first_due(int(row), int(taken.now[position]))


def triggered(
    series: SeriesStore, batch: MetricBatch, taken: Taken, todo: IntArray
) -> tuple[BoolArray, BoolArray]:
    """Which of the records at ``todo`` concern a rule, as far as is known now, and which of them
    pass the limit of their metric."""
    row = taken.rows[todo]
    wanted = series.watched[row] | (taken.now[todo] >= series.hot["due"][row])
    sides = _sides(series, batch, taken, todo)
    crossing = np.zeros(todo.size, np.bool_) if sides is None else sides > 0
    if sides is not None and crossing.any():
        groups = group(row)
        crossing &= carried(sides, groups, series.hot["beyond"][groups.rows]).before <= 0
        wanted |= crossing
    wanted &= taken.fresh[todo]
    if taken.live is not None:
        wanted &= taken.live[todo]
    return wanted, crossing


def _sides(series: SeriesStore, batch: MetricBatch, taken: Taken, at: IntArray) -> IntArray | None:
    """1 where a value is beyond its limit, -1 where it is well inside, 0 where it says neither;
    None where nothing changes by them."""
    row, values = taken.rows[at], batch.values[at]
    upper, lower = series.upper[row], series.lower[row]
    outside = (values > upper) | (values < lower)
    if not outside.any() and not series.hot["beyond"][row].any():
        return None
    fresh = taken.fresh[at]
    beyond = outside & fresh if taken.live is None else outside & fresh & taken.live[at]
    limit = np.where(np.isfinite(upper), upper, lower)
    margin = np.where(np.isfinite(limit), _HOME * np.abs(limit), 0.0)
    home = (values <= upper - margin) & (values >= lower + margin)
    return beyond.astype(np.int64) - (home & ~beyond & fresh)


def learn(
    series: SeriesStore, batch: MetricBatch, taken: Taken, now: IntArray
) -> dict[int, Detection]:
    """The models take in the records at ``now``; returns what they noticed, by position."""
    unlearned, live = taken.unlearned, taken.live
    learn = now if unlearned[now].all() else now[unlearned[now]]
    if not learn.size:
        return {}
    row, offsets, times = taken.rows[learn], batch.offsets[learn], batch.timestamps[learn]
    learned = series.bank.learn_many(row, times, batch.values[learn])
    groups = group(row)
    series.mark_learned(
        groups.rows, offsets[groups.first], offsets[groups.last], times[groups.last]
    )
    changes: dict[int, list[ModelChange]] = {}
    for change in learned.changes:
        changes.setdefault(change.position, []).append(change)
    noticed = {*np.flatnonzero(learned.alarm | learned.drift).tolist(), *changes}
    return {
        int(learn[index]): Detection(
            value=float(batch.values[learn[index]]),
            expected=float(learned.predicted[index]),
            score=float(learned.score[index]),
            is_anomaly=bool(learned.alarm[index]),
            is_drift=bool(learned.drift[index]),
            changes=tuple(changes.get(index, ())),
        )
        for index in sorted(noticed)
        if taken.fresh[learn[index]] and (live is None or live[learn[index]])
    }


def update_hot(series: SeriesStore, batch: MetricBatch, taken: Taken, now: IntArray) -> None:
    """The hot rows take in the records at ``now``."""
    if taken.fresh[now].all():
        _take_in(series, batch, taken, now)
        return
    at = now[taken.fresh[now]]
    if at.size:
        _take_in(series, batch, taken, at)
    # What was left out was seen all the same: a decision names the newest record before it.
    out = now[~taken.fresh[now]]
    rows, offsets = taken.rows[out], batch.offsets[out]
    hot = series.hot
    newer = (offsets > hot["offset"][rows]) & (hot["count"][rows] > 0)
    if newer.any():
        np.maximum.at(hot["offset"], rows[newer], offsets[newer])
        series.mark_hot(np.unique(rows[newer]))


def _take_in(series: SeriesStore, batch: MetricBatch, taken: Taken, at: IntArray) -> None:
    groups = group(taken.rows[at])
    hot, each, values, last = series.hot, groups.rows, batch.values[at], groups.last
    sides = _sides(series, batch, taken, at)
    if sides is not None:
        hot["beyond"][each] = carried(sides, groups, hot["beyond"][each]).after[last] > 0
    before = previous_values(values, groups, hot["last"][each])
    hot["previous"][each] = before[last]
    hot["last"][each] = values[last]
    hot["timestamp"][each] = batch.timestamps[at][last]
    shortest = (hot["count"][each] + groups.counts > 1).astype(np.int64)
    hot["gap"][each] = np.clip(taken.gaps[at][last], shortest, LONGEST_GAP_MS)
    hot["offset"][each] = batch.offsets[at][last]
    hot["count"][each] += groups.counts
    series.mark_hot(each)


def cut_at_triggers(
    entities: IntArray, todo: IntArray, triggered: BoolArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Split at each entity's first trigger: (take now, leave, the triggers themselves)."""
    entity, last = entities[todo], np.iinfo(np.int64).max
    cut = np.full(int(entity.max()) + 1, last)
    np.minimum.at(cut, entity[triggered], todo[triggered])
    taken = todo <= cut[entity]
    return todo[taken], todo[~taken], np.sort(cut[cut < last])
