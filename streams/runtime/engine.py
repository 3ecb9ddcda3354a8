"""Between Faust's batches and the core: decode, apply, publish, remember for the checkpoint."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import structlog

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.kernel.emission import Dispatch, Rejection
from streams.core.kernel.entity import decode_timers, has_slice
from streams.core.kernel.store import ENTITIES
from streams.core.outcomes.feature import Actions
from streams.core.partition import METRICS, Applied, Partition
from streams.errors import Unavailable
from streams.records import Action, Outcome, Record
from streams.runtime.checkpoint import Checkpointer, Fenced
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Queue
from streams.runtime.results import Results
from streams.runtime.tables import TableSet
from streams.runtime.transport import RawBatch
from streams.wire.columns import MetricDecoder
from streams.wire.deadletters import dead_letter
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.rejected import Rejected

log = structlog.get_logger(__name__)

DEAD_LETTER = "dead-letter"
OUTCOMES = "outcomes"
ANSWERED = frozenset({"commands", "goals"})
"""Sources whose records people wait for."""
STATES_AT_ONCE = 2_000
"""Stored states looked at before other work gets its turn."""
SCHEMA_RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits between attempts while the registry is away; the last one repeats."""


class Wire(NamedTuple):
    """How records come off topics and get onto them."""

    encoder: Encoder
    decoders: Mapping[str, MetricDecoder | RecordDecoder]
    """By logical source topic."""
    topic_name: Callable[[str], str]
    """Kafka name of a logical topic."""


class Reading(NamedTuple):
    """Where reading of an outcomes partition began, and what its end was then."""

    start: int
    end: int


class Dispatching(Protocol):
    def start(self, dispatches: Sequence[Dispatch]) -> None: ...


class Engine:
    """Partitions of one worker and everything that happens to a batch."""

    def __init__(
        self,
        config: CoreConfig,
        tables: TableSet,
        outbox: Queue,
        checkpointer: Checkpointer,
        wire: Wire,
        metrics: WorkerMetrics,
    ) -> None:
        self._config = config
        self._features = build_features(config)
        self._tables = tables
        self._outbox = outbox
        self._checkpointer = checkpointer
        self._wire = wire
        self._metrics = metrics
        self._held: list[Dispatch] = []
        self.results = Results()
        self.saving = asyncio.Lock()
        """Held while a checkpoint runs."""
        self._advanced = asyncio.Event()
        self.partitions: dict[int, Partition] = {}
        self.epoch: Callable[[], int] = int
        """Current epoch of the consumer."""
        self.settled: Callable[[str, int, int], int | None] = _unsettled
        """Like that of the checkpointer: of a logical topic, a partition and an offset."""
        self._assigned: dict[int, Reading] = {}
        self._halted = False
        self.batches = 0
        """Batches applied since start."""
        self.dispatcher: Dispatching | None = None
        self.dispatch_waiting = asyncio.Event()
        """Set when an action waits for a checkpoint to make its intent durable."""

    # -- batches ------------------------------------------------------------------------------

    async def handle(self, source: str, partition: int, batch: RawBatch) -> None:
        """Apply one batch. Does nothing when a seek or a revocation has overtaken it."""
        decoder = self._wire.decoders[source]
        await self._learn_schemas(decoder, batch.records)
        async with self._checkpointer.writing:
            pass  # each step of a running checkpoint would have to wait behind a whole batch
        if batch.epoch != self.epoch() or self._halted:
            return
        # From here to the outbox nothing awaits: state and emissions change together.
        part = self.partition(partition)
        if isinstance(decoder, MetricDecoder):
            columns = decoder.decode(batch.records)
            rejected, applied = columns.rejected, part.apply_metrics(columns.batch)
        else:
            decoded = decoder.decode(batch.records)
            rejected, applied = decoded.rejected, part.apply(source, decoded.records)
        part.advance(source, batch.records[-1].offset)
        self._publish(partition, applied)
        self._reject(partition, source, rejected, applied.rejections, batch.records)
        if source in ANSWERED:
            first, last = batch.records[0].offset, batch.records[-1].offset
            self.results.note(source, partition, first, last, applied.rejections)
        self._count(source, len(batch.records), applied)
        self._hold(applied.dispatches)
        self._advanced.set()
        self.batches += 1
        await self._outbox.send()
        if self._is_full(part):
            await self._make_room(part)

    def halt(self) -> None:
        """Apply and store nothing any more: state in memory may be half changed."""
        self._halted = True

    def partition(self, number: int) -> Partition:
        """State of a partition that this worker owns; begun when it is first asked for."""
        part = self.partitions.get(number)
        if part is None:
            reader = self._tables.reader(number)
            part = Partition(number, self._config, reader, self._features)
            self.partitions[number] = part
        return part

    async def load_timers(self, number: int) -> None:
        """Learn from the store which entities of a partition are due without a record, and take up
        the actions that have no outcome."""
        part = self.partition(number)
        for index, (_, value) in enumerate(self._tables.scan(ENTITIES, number, b"")):
            stored = decode_timers(value)
            part.restore_timers(stored)
            if has_slice(value, Actions.slice_name):
                self._hold(part.resume_pending(stored.entity_id))
            if index % STATES_AT_ONCE == STATES_AT_ONCE - 1:
                await asyncio.sleep(0)
                if self.partitions.get(number) is not part:
                    return

    def _hold(self, dispatches: Sequence[Dispatch]) -> None:
        """Keep them until a checkpoint has made their intent durable."""
        if dispatches:
            self._held += dispatches
            self.dispatch_waiting.set()

    def _is_full(self, part: Partition) -> bool:
        return part.resident > self._checkpointer.resident_limit(len(self.partitions))

    async def _make_room(self, part: Partition) -> None:
        """Trim the caches: rows that are stored go at once, the others after a checkpoint."""
        async with self.saving:  # what a running checkpoint has taken is not stored yet
            self._checkpointer.trim({part.number: part}, len(self.partitions))
        if self._is_full(part):
            await self.checkpoint(everything=True)

    async def _learn_schemas(self, decoder: Any, records: Sequence[Any]) -> None:
        """Fetch writer schemas that are not known yet; waits while the registry is away."""
        for attempt in itertools.count():
            missing = decoder.unknown_ids(records)
            if not missing:
                return
            try:
                await asyncio.to_thread(decoder.fetch, missing)
            except Unavailable as error:
                pause = SCHEMA_RETRY_SECONDS[min(attempt, len(SCHEMA_RETRY_SECONDS) - 1)]
                log.warning("schema registry away", schema_ids=len(missing), error=str(error))
                await asyncio.sleep(pause)

    def _publish(self, partition: int, applied: Applied) -> None:
        for emission in applied.emissions:
            self.queue(emission.topic, partition, emission.record)
        for feature in applied.dropped:
            log.warning("a slice could not be read and begins anew", feature=feature)
            self._metrics.state_dropped.labels(feature).inc()

    def queue(self, topic: str, partition: int, record: Record) -> None:
        """Have a record of this worker's leave for a logical topic, when the outbox lets it."""
        name = self._wire.topic_name(topic)
        value = self._wire.encoder.encode(record, name)
        self._outbox.add(name, partition, key_of(record), value)
        self._metrics.emitted.labels(topic).inc()

    def _reject(
        self,
        partition: int,
        source: str,
        undecodable: Sequence[Rejected],
        refused: Sequence[Rejection],
        records: Sequence[Any],
    ) -> None:
        rejected = list(undecodable)
        if refused:
            by_offset = {record.offset: record for record in records}
            rejected += [Rejected(by_offset[r.offset], r.reason, r.detail) for r in refused]
        for item in sorted(rejected, key=lambda item: item.raw.offset):
            self.queue(DEAD_LETTER, partition, dead_letter(item))
            self._metrics.dead_letters.labels(source, item.reason).inc()

    def _count(self, source: str, records: int, applied: Applied) -> None:
        self._metrics.records.labels(source).inc(records)
        self._metrics.batches.labels(source).inc()
        if applied.skipped:
            self._metrics.skipped.labels(source).inc(applied.skipped)
        for kind, count in applied.old.items():
            if count:
                self._metrics.old.labels(kind).inc(count)

    # -- checkpoints --------------------------------------------------------------------------

    async def checkpoint(self, *, everything: bool = False, models: bool = True) -> None:
        """Make the present state durable, commit, then let the waiting actions run."""
        async with self.saving:
            dispatches, self._held = self._held, []
            self.dispatch_waiting.clear()
            if not await self._store(everything=everything, models=models):
                return
            self._metrics.resident_series.set(sum(p.resident for p in self.partitions.values()))
            if self.dispatcher is not None and dispatches:
                self.dispatcher.start(dispatches)

    async def last_checkpoint(self) -> None:
        """Make everything durable for whoever comes next; actions that wait are left to them."""
        async with self.saving:
            for dispatch in self._held:
                self.partitions[dispatch.cause.partition].withhold(dispatch.action)
            self._held.clear()
            await self._store(everything=True)

    async def _store(self, *, everything: bool, models: bool = True) -> bool:
        """False when nothing was stored: the partitions are another worker's already and will be
        taken away, or the engine is halted."""
        if self._halted:
            return False
        try:
            await self._checkpointer.run(self.partitions, everything=everything, models=models)
        except Fenced:
            log.warning("partitions belong to another worker now; nothing more is stored")
            return False
        return True

    def forget(self) -> None:
        """All partitions were taken away; their state is stored or will be read again."""
        self._checkpointer.forget()
        self.partitions.clear()
        self._assigned.clear()
        self._held.clear()
        self.results.forget()
        self._advanced.set()

    def assigned(self, outcomes: Mapping[int, Reading]) -> None:
        """Reading begins (again) at these positions of the outcomes partitions."""
        self._assigned = dict(outcomes)
        self._advanced.set()

    # -- what the dispatcher asks -------------------------------------------------------------

    async def outcomes_read(self, partition: int) -> bool:
        while (part := self.partitions.get(partition)) is not None:
            reading = self._assigned.get(partition)
            if reading and self._position(part, reading) >= reading.end:
                return True
            self._advanced.clear()
            await self._advanced.wait()
        return False

    def _position(self, part: Partition, reading: Reading) -> int:
        applied = part.applied(OUTCOMES)
        settled = self.settled(OUTCOMES, part.number, applied) or 0
        return max(applied + 1, reading.start, settled)

    def look_again(self) -> None:
        """Positions may have moved without a record."""
        self._advanced.set()

    def is_pending(self, partition: int, action: Action) -> bool:
        part = self.partitions.get(partition)
        return part is not None and part.is_pending(action)

    async def publish(self, partition: int, outcome: Outcome) -> None:
        self.queue(OUTCOMES, partition, outcome)
        self._metrics.actions.labels(outcome.status.value).inc()
        await self._outbox.send()


def _unsettled(_topic: str, _partition: int, _applied: int) -> int | None:
    return None


__all__ = ["DEAD_LETTER", "METRICS", "OUTCOMES", "Engine"]
