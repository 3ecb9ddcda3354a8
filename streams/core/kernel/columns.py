"""Small array operations on a batch of rows that may repeat."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from streams.core.kernel.batch import FloatArray, IntArray


class Groups(NamedTuple):
    """Positions of a batch grouped by row, in arrival order within a row."""

    rows: IntArray
    """Each row once."""
    first: IntArray
    """Position of the row's first record."""
    last: IntArray
    """Position of the row's last record."""
    counts: IntArray
    order: IntArray
    """Positions sorted by row."""
    starts: IntArray
    """Where each row starts in ``order``."""


def group(rows: IntArray) -> Groups:
    """Group positions 0..n-1 by their row; n > 0."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.concatenate([starts[1:], [rows.size]])
    return Groups(
        rows=ordered[starts],
        first=order[starts],
        last=order[ends - 1],
        counts=ends - starts,
        order=order,
        starts=starts,
    )


_Column = TypeVar("_Column", FloatArray, IntArray)


def previous_values(values: _Column, groups: Groups, before: _Column) -> _Column:
    """For each record the value before it in its row; ``before`` holds each group's older one."""
    previous = np.empty_like(values)
    ordered = values[groups.order]
    shifted = np.empty_like(ordered)
    shifted[1:] = ordered[:-1]
    shifted[groups.starts] = before
    previous[groups.order] = shifted
    return previous


class Carried(NamedTuple):
    """What holds around each record."""

    before: IntArray
    after: IntArray


def carried(said: IntArray, groups: Groups, before: IntArray) -> Carried:
    """What holds where each record may say something new of its row, or nothing (0).

    ``before``: what held of each group's row.
    """
    ordered = said[groups.order]
    first = ordered[groups.starts]
    ordered[groups.starts] = np.where(first == 0, before, first)
    begun = np.zeros(ordered.size, np.int64)
    begun[groups.starts] = groups.starts
    spoken = np.where(ordered == 0, begun, np.arange(ordered.size))
    after = np.empty_like(said)
    after[groups.order] = ordered[np.maximum.accumulate(spoken)]
    return Carried(previous_values(after, groups, before.astype(np.int64)), after)
