"""What the recorded decisions say of the order in which records were applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.core.kernel.ids import stable_id
from streams.records import Decision

MOST_PER_RECORD = 256
"""Decisions that one record may have led to."""


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
