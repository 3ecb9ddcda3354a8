"""Decisions of a replay beside those recorded: the same, byte for byte, or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from streams.core.replay.marks import latest
from streams.records import Decision


@dataclass(frozen=True, slots=True)
class Change:
    """One decision, made at the same record, that came out otherwise."""

    recorded: Decision
    replayed: Decision
    fields: tuple[str, ...]
    """Names of the fields that differ, in the order of the record."""


@dataclass(slots=True)
class Comparison:
    """Lists are in the order in which the decisions were made."""

    same: int = 0
    changed: list[Change] = field(default_factory=list[Change])
    missing: list[Decision] = field(default_factory=list[Decision])
    """Recorded, and not made in the replay."""
    extra: list[Decision] = field(default_factory=list[Decision])
    """Made in the replay only."""
    recorded: Counter[str] = field(default_factory=Counter[str])
    """Recorded decisions by kind."""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.missing or self.extra)

    def add(self, other: Comparison) -> None:
        """Take in what was found in another partition."""
        self.same += other.same
        self.changed += other.changed
        self.missing += other.missing
        self.extra += other.extra
        self.recorded.update(other.recorded)


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions to compare by their event time, ms: ``since`` inclusive, ``until`` exclusive."""

    since: int | None = None
    until: int | None = None

    def holds(self, decision: Decision) -> bool:
        at = decision.timestamp
        after = self.since is None or at >= self.since
        return after and (self.until is None or at < self.until)


def compare(
    recorded: Iterable[Decision], replayed: Iterable[Decision], window: Window | None = None
) -> Comparison:
    """Compare the decisions in ``window``. An id that was written twice counts as last written."""
    window = window or Window()
    made = {decision.decision_id: decision for decision in replayed}
    known = {decision.decision_id: decision for decision in latest(recorded)}
    found = Comparison(
        extra=[each for id_, each in made.items() if id_ not in known and window.holds(each)]
    )
    for id_, before in known.items():
        if not window.holds(before):
            continue
        found.recorded[before.kind] += 1
        after = made.get(id_)
        if after is None:
            found.missing.append(before)
        elif encoded(before) == encoded(after):
            found.same += 1
        else:
            found.changed.append(Change(before, after, _differing(before, after)))
    return found


def encoded(decision: Decision) -> bytes:
    """The decision as bytes that are the same for the same content."""
    return msgspec.json.encode(decision, order="deterministic")


def _differing(before: Decision, after: Decision) -> tuple[str, ...]:
    names = Decision.__struct_fields__
    return tuple(
        name
        for name in names
        if msgspec.json.encode(getattr(before, name), order="deterministic")
        != msgspec.json.encode(getattr(after, name), order="deterministic")
    )
