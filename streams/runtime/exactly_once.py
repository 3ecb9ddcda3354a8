"""The checkpoint of ``worker.guarantee = "exactly_once"``: one transaction, then RocksDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from streams.core.kernel.store import TABLES, Write
from streams.core.partition import Snapshot
from streams.runtime.checkpoint import Checkpointer, Fenced, Limits
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Entry, Target
from streams.runtime.positions import Source, Ticket
from streams.runtime.tables import TableSet
from streams.runtime.transactions import Membership, Transactions


class HeldOutbox:
    """Messages that wait for the next transaction, in order per partition."""

    def __init__(self) -> None:
        self._waiting: dict[Target, list[Entry]] = {}
        self.filled = asyncio.Event()
        """Set while messages wait."""

    def add(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        self._waiting.setdefault((topic, partition), []).append((key, value))
        self.filled.set()

    async def send(self) -> None:
        """Nothing leaves before the transaction that holds what it follows from."""

    def take(self, partitions: Collection[int]) -> dict[Target, list[Entry]]:
        """What waits for these partitions; the rest goes with a later transaction, or never."""
        taken = {at: each for at, each in self._waiting.items() if at[1] in partitions}
        self._waiting = {at: each for at, each in self._waiting.items() if at not in taken}
        self.filled.clear()
        return taken

    def discard(self) -> None:
        """Forget all that waits."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        return sum(len(entries) for entries in self._waiting.values())


class ExactlyOnce(Checkpointer):
    """Outputs, changelogs and offsets are one transaction; RocksDB is written when it is through.

    So RocksDB is behind the changelog or equal to it, whatever a crash cuts off. The transaction
    is refused when the group has other members by now, so nobody is asked before.
    """

    def __init__(
        self,
        tables: TableSet,
        outbox: HeldOutbox,
        transactions: Transactions,
        topic_name: Callable[[str], str],
        limits: Limits,
        metrics: WorkerMetrics,
    ) -> None:
        super().__init__(tables, topic_name, limits, metrics)
        self._outbox = outbox
        self._transactions = transactions
        self.member: Callable[[], Membership | None] = _nobody
        """Who this worker was in the group when it was given its partitions."""
        self._lost = False

    async def _save(self, taken: Mapping[int, Snapshot], ticket: Ticket) -> bool:
        positions = self.positions.close(ticket)
        if not ticket.positions:
            return False  # nothing is known to be read: what waits goes with the next one
        messages: dict[Target, Sequence[Entry]] = dict(self._outbox.take(taken))
        for table, number, writes in _changes(taken):
            messages[self._tables.changelog(table), number] = writes
            self._metrics.checkpoint_records.labels(table).inc(len(writes))
        if not (messages or positions):
            return False
        last = await self._commit(messages, ticket.positions)
        self.positions.committed(positions)
        # Behind the last record stands the mark of the transaction: it is held as well.
        held = {target: offset + 1 for target, offset in last.items()}
        async with self.writing:
            await self._write_tables(taken, held)
        return True

    async def _commit(
        self, messages: Mapping[Target, Sequence[Entry]], offsets: Mapping[Source, int]
    ) -> Mapping[Target, int]:
        member, started = self.member(), time.perf_counter()
        try:
            if member is None:
                raise Fenced
            last = await asyncio.to_thread(self._transactions.commit, messages, offsets, member)
        except Fenced:
            self._lost = True
            raise
        self._metrics.transaction_seconds.observe(time.perf_counter() - started)
        return last

    async def _require_ownership(self) -> None:
        # The broker checks it with each transaction; what was refused once is not asked again.
        if self._lost:
            raise Fenced

    def forget(self) -> None:
        super().forget()
        self._outbox.discard()  # it follows from records that the successor reads again
        self._lost = False


def _changes(taken: Mapping[int, Snapshot]) -> Iterator[tuple[str, int, Sequence[Write]]]:
    """(table, partition, writes) of all that changed."""
    for table in TABLES:
        for number, snapshot in taken.items():
            if snapshot.writes[table]:
                yield table, number, snapshot.writes[table]


def _nobody() -> Membership | None:
    return None
