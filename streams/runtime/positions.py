"""Which offset of each source partition may be committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Source(NamedTuple):
    """One partition of one source topic, by its Kafka name."""

    topic: str
    partition: int


class Ticket(NamedTuple):
    """Positions that become valid once what was taken with them is durable."""

    term: int
    positions: Mapping[Source, int]


class CommitPositions:
    """Turns "this state includes offset n" into "n + 1 is committed", and never the other way.

    A checkpoint opens a ticket for the positions of the state it takes and closes it when that
    state is durable. A revocation in between voids the ticket: the state still was stored, but
    the partitions now are someone else's to commit.
    """

    def __init__(self) -> None:
        self._term = 0
        self._committed: dict[Source, int] = {}

    def open(self, positions: Mapping[Source, int]) -> Ticket:
        return Ticket(self._term, dict(positions))

    def close(self, ticket: Ticket) -> dict[Source, int]:
        """Offsets to commit now: those of the ticket that moved; empty when it is void."""
        if ticket.term != self._term:
            return {}
        return {
            source: offset
            for source, offset in ticket.positions.items()
            if offset > self._committed.get(source, -1)
        }

    def committed(self, positions: Mapping[Source, int]) -> None:
        """The broker has accepted these offsets."""
        for source, offset in positions.items():
            self._committed[source] = max(offset, self._committed.get(source, -1))

    def revoke(self) -> None:
        """All partitions were taken away: open tickets are void, what was committed is unknown."""
        self._term += 1
        self._committed.clear()
