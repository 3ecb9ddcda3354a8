"""What a batch of metrics does to the rows of its series, before any feature sees it."""

from __future__ import annotations

import numpy as np

from streams.core.kernel.batch import BoolArray, IntArray, MetricBatch
from streams.core.kernel.columns import group, previous_values
from streams.core.kernel.model_results import Detection, ModelChange
from streams.core.series.store import SeriesStore


def begin(series: SeriesStore, batch: MetricBatch, rows: IntArray) -> None:
    """Rows without a value yet get their baseline and their first analysis."""
    hot = series.hot
    begun = np.flatnonzero(hot["count"][rows] == 0)
    if not begun.size:
        return
    firsts = begun[np.unique(rows[begun], return_index=True)[1]]
    for position in firsts.tolist():
        row = rows[position]
        hot["baseline"][row] = batch.values[position]
        hot["due"][row] = series.first_due(int(row), int(batch.timestamps[position]))


def triggered(
    series: SeriesStore, batch: MetricBatch, rows: IntArray, todo: IntArray, fresh: BoolArray
) -> BoolArray:
    """Which of the records at ``todo`` concern a rule, as far as is known now."""
    row = rows[todo]
    due = series.hot["due"][row]
    values = batch.values[todo]
    outside = (values > series.upper[row]) | (values < series.lower[row])
    wanted = series.watched[row] | (batch.timestamps[todo] >= due)
    if outside.any():
        groups = group(row)
        before = previous_values(values, groups, series.hot["last"][groups.rows])
        wanted |= outside & ~((before > series.upper[row]) | (before < series.lower[row]))
    return wanted & fresh[todo]


def learn(
    series: SeriesStore,
    batch: MetricBatch,
    rows: IntArray,
    now: IntArray,
    unlearned: BoolArray,
    fresh: BoolArray,
) -> dict[int, Detection]:
    """The models take in the records at ``now``; returns what they noticed, by position."""
    learn = now if unlearned[now].all() else now[unlearned[now]]
    if not learn.size:
        return {}
    row, offsets = rows[learn], batch.offsets[learn]
    learned = series.bank.learn_many(row, batch.timestamps[learn], batch.values[learn])
    groups = group(row)
    series.mark_learned(groups.rows, offsets[groups.first], offsets[groups.last])
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
        if fresh[learn[index]]
    }


def update_hot(
    series: SeriesStore, batch: MetricBatch, rows: IntArray, now: IntArray, fresh: BoolArray
) -> None:
    """The hot rows take in the records at ``now``."""
    taken = now if fresh[now].all() else now[fresh[now]]
    if not taken.size:
        return
    groups = group(rows[taken])
    hot, each, values = series.hot, groups.rows, batch.values[taken]
    before = previous_values(values, groups, hot["last"][each])
    hot["previous"][each] = before[groups.last]
    hot["last"][each] = values[groups.last]
    hot["timestamp"][each] = batch.timestamps[taken][groups.last]
    hot["offset"][each] = batch.offsets[taken][groups.last]
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
