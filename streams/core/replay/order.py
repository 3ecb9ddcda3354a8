"""The order in which one partition applied the records of its sources.

Each source keeps the order of its offsets. Between sources, a recorded decision tells exactly what
its entity had seen when it was made; all that no decision tells follows time, as in a merge of
sorted sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from streams.core.kernel.batch import IntArray
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.ids import stable_id
from streams.core.replay.tape import Tape, places
from streams.records import Decision

MOST_PER_RECORD = 256
"""Decisions that one record may have led to."""
RANKS = ("goals", "commands", "events", "metrics", "actions", "outcomes")
"""Sources in their order at the same time: requests first, then what is asked for because of what
was measured, then what came of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in the life of one entity: what it had seen of each source, and what came last."""

    entity: str
    seen: dict[str, int]
    """Source -> offset of the newest record that was applied. Nothing of other sources was."""
    cause: tuple[str, int] | None
    """Source and offset of the record that was applied last; None when it cannot be told."""


def marks(decisions: Iterable[Decision], partition: int) -> list[Mark]:
    """Marks in the order in which the decisions were written. One for each record decided at."""
    found: list[Mark] = []
    for decision in decisions:
        mark = Mark(decision.entity_id, decision.inputs, cause_of(decision, partition))
        if not found or mark.cause is None or mark != found[-1]:
            found.append(mark)
    return found


def cause_of(decision: Decision, partition: int) -> tuple[str, int] | None:
    """The record at which the engine decided: its position is in the decision's id."""
    for ordinal in range(MOST_PER_RECORD):
        for source, offset in decision.inputs.items():
            if decision.decision_id == stable_id("decision", source, partition, offset, ordinal):
                return source, offset
    return None


def latest(decisions: Iterable[Decision]) -> list[Decision]:
    """Without those that were written anew under the same id after a crash: the last one counts.

    A worker that dies has not stored what it decided last; its successor may meet the records of
    several topics in another order, and what it decides is what the state holds from then on.
    """
    found: dict[str, Decision] = {}
    for decision in decisions:
        found.pop(decision.decision_id, None)
        found[decision.decision_id] = decision
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring rows of one tape: from ``start`` up to, not including, ``end``."""

    source: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A tape and, for each row, the marks between which it was applied."""

    tape: Tape
    earliest: IntArray
    """Marks that had passed before the row was applied, at least."""
    latest: IntArray
    """The first mark that had seen it; the number of marks where none has."""
    times: list[int]


class _Cause(NamedTuple):
    """Where the record stands that a decision was made at."""

    tape: int
    """Index of its tape."""
    row: int
    moment: tuple[int, int]
    """Its time and the rank of its source."""


class Order:
    """Merges tapes under the constraints of marks. Total: what contradicts is applied early."""

    def __init__(self, tapes: Mapping[str, Tape], marks: Sequence[Mark]) -> None:
        self._marks = marks
        entities = {mark.entity for mark in marks} | {EVERYBODY}
        known = [source for source in RANKS if source in tapes]
        self._tapes = [
            _bounded(tapes[source], marks, entities)
            for source in (*known, *sorted(tapes.keys() - set(RANKS)))
        ]
        self._causes = [self._cause(mark) for mark in marks]
        self._next = [0] * len(self._tapes)

    def runs(self) -> Iterator[Run]:
        """All rows of all tapes, each once, as long runs of one source."""
        begun: tuple[int, int] | None = None
        for index in self._steps():
            if begun is None or begun[0] != index:
                if begun is not None:
                    yield self._run(*begun)
                begun = (index, self._next[index])
            self._next[index] += 1
        if begun is not None:
            yield self._run(*begun)

    def _run(self, index: int, start: int) -> Run:
        return Run(self._tapes[index].tape.source, start, self._next[index])

    def _steps(self) -> Iterator[int]:
        """Index of the tape whose next row is applied next."""
        passed = 0
        while heads := [i for i, each in enumerate(self._tapes) if self._next[i] < len(each.tape)]:
            while passed < len(self._marks) and not self._is_open(heads, passed):
                passed += 1
            yield self._choose(heads, passed)

    def _is_open(self, heads: list[int], mark: int) -> bool:
        """Whether the mark has seen a row that was not applied yet."""
        return any(self._tapes[i].latest[self._next[i]] <= mark for i in heads)

    def _choose(self, heads: list[int], passed: int) -> int:
        """The earliest row that may come next. What a mark has seen comes before the record that
        was decided at; what it has not seen follows when it is later than that record."""
        cause = self._causes[passed] if passed < len(self._causes) else None
        best, last = None, None
        for i in heads:
            each, row = self._tapes[i], self._next[i]
            if cause is not None and cause.tape == i and cause.row == row:
                last = i
                continue
            is_bound = each.latest[row] <= passed
            if not is_bound and (
                each.earliest[row] > passed or (cause and self._moment(i) > cause.moment)
            ):
                continue
            if best is None or self._moment(i) < self._moment(best):
                best = i
        chosen = last if best is None else best
        assert chosen is not None  # an open mark has a row that is bound to come before it
        return chosen

    def _cause(self, mark: Mark) -> _Cause | None:
        for number, each in enumerate(self._tapes):
            row = _row(each.tape, mark.cause)
            if row is not None:
                return _Cause(number, row, (each.times[row], number))
        return None

    def _moment(self, index: int) -> tuple[int, int]:
        return self._tapes[index].times[self._next[index]], index


def _row(tape: Tape, place: tuple[str, int] | None) -> int | None:
    """Row of the record at a source and offset; None when it is not on the tape."""
    if place is None or place[0] != tape.source:
        return None
    row = int(np.searchsorted(tape.offsets, place[1]))
    return row if row < len(tape) and tape.offsets[row] == place[1] else None


def _bounded(tape: Tape, marks: Sequence[Mark], entities: set[str]) -> _Bounded:
    seen = np.array([mark.seen.get(tape.source, -1) for mark in marks], np.int64)
    latest = np.searchsorted(np.maximum.accumulate(seen), tape.offsets, side="left")
    latest = latest.astype(np.int64)
    earliest = np.zeros(len(tape), np.int64)
    newest: list[int] = seen.tolist()
    rows_of = places(tape, entities)
    offsets_of = {entity: tape.offsets[rows] for entity, rows in rows_of.items()}
    for number, mark in enumerate(marks):
        for entity in (mark.entity, EVERYBODY):
            behind = int(np.searchsorted(offsets_of[entity], newest[number], side="right"))
            if behind < rows_of[entity].size:
                earliest[rows_of[entity][behind]] = number + 1
        row = _row(tape, mark.cause)
        if row is not None:
            earliest[row] = max(number, int(earliest[row]))
    earliest = np.minimum(np.maximum.accumulate(earliest), latest)
    return _Bounded(tape, earliest, latest, tape.times.tolist())
