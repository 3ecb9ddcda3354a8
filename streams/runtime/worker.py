"""One worker: builds the parts, starts them in order, keeps them going, stops them in order."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.errors import GoalstreamError, Stalled
from streams.records import Record
from streams.runtime.acls import transactional_id
from streams.runtime.admin import Cluster
from streams.runtime.app import GoalstreamApp, add_agents, create_app
from streams.runtime.broker import broker_of
from streams.runtime.catalogue import core_config
from streams.runtime.checkpoint import AtLeastOnce, Checkpointer, Limits
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.dispatcher import Dispatcher, is_cancelled
from streams.runtime.engine import DEAD_LETTER, METRICS, OUTCOMES, Engine, Reading, Wire
from streams.runtime.exactly_once import ExactlyOnce, HeldOutbox
from streams.runtime.flawed import DAMAGED_STATE, Flawed
from streams.runtime.handlers import HandlerRegistry, load_handlers
from streams.runtime.kill_switch import KillSwitch
from streams.runtime.lock import StateLock
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Outbox, Queue
from streams.runtime.positions import Source
from streams.runtime.publisher import Publisher
from streams.runtime.recovery import ChangelogReader
from streams.runtime.supervision import Supervision
from streams.runtime.tables import TableSet
from streams.runtime.ticker import keep_ticking
from streams.runtime.topic_changes import require_topics
from streams.runtime.transactions import (
    Transactions,
    instance_of,
    require_metadata_form,
    settle_offsets,
)
from streams.runtime.transport import RawBatch, verify_faust
from streams.runtime.views import Views
from streams.runtime.vitals import Readiness, Vitals, not_ready
from streams.runtime.warmup import warm_up
from streams.runtime.watchdog import Pulse, Watchdog
from streams.settings import Settings
from streams.wire.columns import MetricDecoder
from streams.wire.deadletters import dead_letter
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
from streams.wire.rejected import Rejected
from streams.wire.topology import INPUTS, RECORD_OF

log = structlog.get_logger(__name__)

WATCH_SECONDS = 1.0
SETTLE_SECONDS = 45.0
"""How much longer than a transaction may take a broker may need to end it."""
REQUESTED_CHECKPOINT_SECONDS = 0.02  # least time between checkpoints that actions ask for


def wall_clock_ms() -> int:
    """Now, ms since the epoch."""
    return time.time_ns() // 1_000_000


class Worker:
    """Lives in one asyncio loop from ``start`` to ``stop``; not to be started twice."""

    def __init__(
        self,
        settings: Settings,
        *,
        handlers: HandlerRegistry | None = None,
        registry: CollectorRegistry | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
        on_failure: Callable[[GoalstreamError], None] = lambda _: None,
    ) -> None:
        """``now_ms`` dates outcomes; a replay of old records gives the time of its records.
        ``on_failure`` is told at once what ``wait`` will raise when its turn comes."""
        self.settings = settings
        self._now_ms = now_ms
        self._on_failure = on_failure
        options = settings.worker
        self.collector = registry or CollectorRegistry()
        self.metrics = WorkerMetrics(self.collector)
        self.topology = topology_of(settings)
        self.handlers = load_handlers(options.handlers) if handlers is None else handlers
        self.core = core_config(settings, self.handlers)
        self.kill_switch = KillSwitch.at(options.kill_switch_file, options.state_dir)
        self._lock = StateLock(Path(options.state_dir), options.app_id)
        self._life = Supervision(self._failed)
        self._stopping = False
        self._cluster: Cluster
        self._outputs: HeldOutbox | None = None
        """What waits for a transaction; None where outputs leave at once."""
        self._resources = ExitStack()
        self._starts: dict[TP, int] = {}
        self.app: GoalstreamApp
        self.engine: Engine
        self.tables: TableSet
        self.changelogs: ChangelogReader
        self.views: Views
        self.publisher: Publisher

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, join the group and return; readiness follows when tables are recovered."""
        verify_faust()
        await asyncio.to_thread(self._check_topics)
        await asyncio.to_thread(warm_up, self.core.forecasting)
        self._lock.acquire()
        try:
            await self._build()
            over = self._life.begin()
            self._life.spawn(self._watch(), "watchdog")
            await self._start_app(over)
        except BaseException:
            self._release()
            raise
        self._life.spawn(self._checkpoints(), "checkpoints")
        self._life.spawn(self._requested_checkpoints(), "requested checkpoints")
        options = self.settings.worker
        ticking = keep_ticking(
            self.engine,
            self.owned,
            self.publisher.publish if self._outputs is None else self._queue,
            self._now_ms,
            options.tick_seconds,
            options.stall_seconds,
        )
        self._life.spawn(ticking, "timers")
        if self._outputs is not None:
            self._life.spawn(self._output_checkpoints(self._outputs), "output checkpoints")

    async def _start_app(self, failure: asyncio.Future[None]) -> None:
        """Faust that is cut off while it starts neither runs nor ends: first start, then stop."""
        starting = asyncio.create_task(self.app.start())
        try:
            await asyncio.wait({starting, failure}, return_when=asyncio.FIRST_COMPLETED)
            if failure.done():
                failure.result()
        except BaseException:
            await asyncio.wait({starting})
            await self.app.stop()
            raise
        await starting

    async def wait(self) -> None:
        """Return when ``stop`` was called; raise what brought the worker down otherwise."""
        await self._life.wait()

    async def stop(self) -> None:
        """Finish what is begun, make it durable, commit, leave the group."""
        if self._stopping:
            return
        self._stopping = True
        await self._end_loops()
        try:
            await self.app.stop()
        finally:
            self._release()
            self._life.end()

    async def _end_loops(self) -> None:
        """Cancel the loops between two checkpoints: one that is cut off has lost what it took."""
        between = False
        if self._life.runs_loops and self.failure is None:
            try:
                async with asyncio.timeout(self.settings.worker.handover_seconds):
                    between = await self.engine.saving.acquire()
            except TimeoutError:
                log.warning("a checkpoint hangs and is cut off; nothing is committed any more")
        await self._life.cancel()
        if between:
            self.engine.saving.release()

    def _release(self) -> None:
        self._resources.close()
        self._lock.release()

    def _failed(self, failure: GoalstreamError) -> None:
        """From here on nothing is applied or stored: the state in memory may be half changed."""
        self.engine.halt()
        self._on_failure(failure)
        # A batch that will never be acknowledged must not hold the partitions back.
        self.app.conf.stream_wait_empty = False

    def _check_topics(self) -> None:
        self._cluster = Cluster(self.settings.librdkafka())
        require_topics(self.topology, self._cluster.partition_counts())

    # -- building -----------------------------------------------------------------------------

    async def _build(self) -> None:
        settings, options = self.settings, self.settings.worker
        name = self.topology.kafka_name
        self.app = create_app(
            options.app_id,
            broker_of(settings),
            Path(options.state_dir),
            self.topology.partitions,
            options.batch_records,
            options.session_seconds,
        )
        self.app.before_stop = self._last_checkpoint
        self.tables = TableSet(self.app, self.topology.partitions)
        self.tables.on_set_aside = lambda table: self.metrics.stores_rebuilt.labels(table).inc()
        self.tables.on_damage = partial(self._life.fail, stage="read of stored state")
        client = settings.librdkafka()
        self.changelogs = ChangelogReader(self.tables, client, self.metrics)
        self.app.changelogs = self.changelogs
        self.changelogs.report = self._report_flawed
        limits = Limits(
            options.model_bytes_per_checkpoint, options.cache_series, options.cache_entities
        )
        if options.guarantee == "exactly_once":
            outbox, checkpointer = await self._exactly_once(limits)
        else:
            outbox, checkpointer = self._at_least_once(limits)
        checkpointer.settled = self._settled
        registry = self._resources.enter_context(opened_registry(settings))
        encoder = Encoder(
            registry, {spec.name: RECORD_OF[spec.logical] for spec in self.topology.topics}
        )
        await asyncio.to_thread(encoder.prepare)
        decoders = {
            source: MetricDecoder(schemas)
            if source == METRICS
            else RecordDecoder(schemas, RECORD_OF[source], output_bytes=options.output_bytes)
            for source, schemas in (
                (source, registry.under(self.topology.topic(source).subject)) for source in INPUTS
            )
        }
        self.engine = Engine(
            self.core,
            self.tables,
            outbox,
            checkpointer,
            Wire(encoder, decoders, name),
            self.metrics,
        )
        self._checkpointer = checkpointer
        self._vitals = Vitals(self.engine, lambda: self.app.batches, self.topology, self.metrics)
        self._dispatcher = Dispatcher(
            self.handlers,
            self.engine,
            concurrency=options.handler_concurrency,
            timeout_seconds=options.handler_timeout_seconds,
            agent_name=options.app_id,
            now_ms=self._now_ms,
            on_error=partial(self._life.fail, stage="outcome of an action"),
            halted=self.kill_switch.reason,
            output_bytes=options.output_bytes,
        )
        self.engine.dispatcher = self._dispatcher
        self.views = Views(
            self.engine.partition,
            self.owned,
            self.tables,
            self.topology.partitions,
            self.core,
        )
        self.publisher = Publisher(
            cast(Any, self.app.producer)._ensure_producer,
            encoder,
            self.topology,
            self.views.partition_of,
        )
        add_agents(self.app, name, self._handle)
        consumer = self.app.batches
        consumer.batch_records = options.batch_records
        consumer.before_revoke = self._hand_over
        consumer.after_seek = self._positioned
        consumer.ends = self._ends
        self.engine.epoch = lambda: consumer.epoch
        self.engine.settled = lambda topic, number, applied: self._settled(
            Source(name(topic), number), applied
        )

    def _at_least_once(self, limits: Limits) -> tuple[Queue, Checkpointer]:
        outbox = Outbox(cast(Any, self.app.producer)._ensure_producer)
        name = self.topology.kafka_name
        saving = AtLeastOnce(self.tables, outbox, self._commit, name, limits, self.metrics)
        saving.owns = self.app.batches.owns
        return outbox, saving

    async def _exactly_once(self, limits: Limits) -> tuple[Queue, Checkpointer]:
        options, client = self.settings.worker, self.settings.librdkafka()
        instance = instance_of(Path(options.state_dir), lambda: secrets.token_hex(8))
        transactions = Transactions(
            client, transactional_id(options.app_id, instance), options.transaction_seconds
        )
        await asyncio.to_thread(require_metadata_form, client, options.app_id)
        await asyncio.to_thread(transactions.open)
        self._resources.callback(transactions.close)
        self._outputs = outbox = HeldOutbox()
        name = self.topology.kafka_name
        saving = ExactlyOnce(self.tables, outbox, transactions, name, limits, self.metrics)
        consumer = self.app.batches
        saving.member = lambda: consumer.member
        consumer.before_seek = self._settle_offsets
        self.changelogs.rebuilds = True
        return outbox, saving

    # -- what Faust calls ---------------------------------------------------------------------

    async def _handle(self, source: str, partition: int, batch: RawBatch) -> None:
        try:
            await self.engine.handle(source, partition, batch)
        except BaseException as error:
            if is_cancelled():
                raise
            # An agent that went on would lose this batch; the process ends and reads it again.
            first, last = batch.records[0].offset, batch.records[-1].offset
            self._life.fail(
                error, f"batch of {source}, partition {partition}, offsets {first} to {last}"
            )
            await asyncio.Event().wait()

    async def _hand_over(self) -> None:
        """Partitions are being taken away: finish, store and commit within one deadline."""
        self.metrics.rebalances.inc()
        limit = self.settings.worker.handover_seconds
        try:
            async with asyncio.timeout(limit) as timer:
                await self._dispatcher.settle(limit / 2)
                await self.engine.last_checkpoint()
        except BaseException as error:
            if is_cancelled():
                raise
            if isinstance(error, TimeoutError) and timer.expired():
                error = Stalled(
                    f"partitions could not be handed over within {limit:.0f} s",
                    field="worker.handover_seconds",
                    value=limit,
                    remedy="the process ends; its successor reads again what was not committed",
                )
            self._life.fail(error, "hand-over of partitions")
        finally:
            self.engine.forget()
            if self._outputs is not None:
                self._dispatcher.forget()

    async def _last_checkpoint(self) -> None:
        consumer = self.app.batches
        consumer.stop_flow()
        consumer.epoch += 1
        if self.failure is not None:
            return  # what broke may have left state half applied: better read it again
        await self._hand_over()
        await self._dispatcher.stop()

    async def _positioned(self, committed: Mapping[TP, int]) -> None:
        self._starts = dict(committed)
        outcomes = self.topology.kafka_name(OUTCOMES)
        consumer = self.app.batches
        tps = [tp for tp in consumer.assignment() if tp.topic == outcomes]
        ends = await consumer.highwaters(*tps) if tps else {}
        begins = await consumer.earliest_offsets(*tps) if tps else {}
        self.engine.assigned(
            {tp.partition: Reading(max(committed.get(tp, 0), begins[tp]), ends[tp]) for tp in tps}
        )

    async def _report_flawed(self, flawed: Sequence[Flawed]) -> None:
        letters = [
            dead_letter(Rejected(each.message, DAMAGED_STATE, each.reason)) for each in flawed
        ]
        await self.publisher.publish(DEAD_LETTER, letters)
        for each in flawed:
            self.metrics.dead_letters.labels(each.table, DAMAGED_STATE).inc()

    async def _ends(self, *tps: TP) -> Mapping[TP, int]:
        ends = await asyncio.to_thread(self._cluster.ends, tps)
        return {TP(*place): end for place, end in ends.items()}

    async def _settle_offsets(self, tps: Iterable[TP]) -> None:
        topics = {self.topology.kafka_name(source) for source in INPUTS}
        sources = [Source(*tp) for tp in tps if tp.topic in topics]
        options = self.settings.worker
        client, seconds = self.settings.librdkafka(), options.transaction_seconds
        await asyncio.to_thread(
            settle_offsets, client, options.app_id, sources, seconds + SETTLE_SECONDS
        )

    def _settled(self, source: Source, applied: int) -> int | None:
        return self.app.batches.settled(TP(*source), applied)

    async def _commit(self, positions: Mapping[Source, int]) -> bool:
        offsets = {TP(source.topic, source.partition): at for source, at in positions.items()}
        return await self.app.batches.commit_positions(offsets)

    # -- loops --------------------------------------------------------------------------------

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(self.settings.worker.checkpoint_seconds)
            await self._checkpoint()

    async def _requested_checkpoints(self) -> None:
        while True:
            await self.engine.dispatch_waiting.wait()
            await self._checkpoint()
            await asyncio.sleep(REQUESTED_CHECKPOINT_SECONDS)

    async def _output_checkpoints(self, outputs: HeldOutbox) -> None:
        while True:
            await outputs.filled.wait()
            await asyncio.sleep(self.settings.worker.output_seconds)
            await self._checkpoint(models=False)

    async def _queue(self, logical: str, records: Sequence[Record]) -> None:
        for record in records:
            self.engine.queue(logical, self.views.partition_of(record.entity_id), record)

    async def _checkpoint(self, *, models: bool = True) -> None:
        try:
            await self.engine.checkpoint(models=models)
        except BaseException:
            self.metrics.checkpoints.labels("failed").inc()
            raise
        self.metrics.checkpoints.labels("ok").inc()
        self._vitals.saved()

    async def _watch(self) -> None:
        watchdog = Watchdog(self.settings.worker.stall_seconds, time.monotonic())
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.app.crashed:
                raise self.app.crash_reason or Stalled("Faust crashed without a reason")
            if self.phase == "running":
                self._vitals.measure_lags(self._starts)
                self.engine.look_again()
            watchdog.check(self.pulse(), time.monotonic())
            self._vitals.export(len(self.owned()), ready=not self.unready())

    @property
    def failure(self) -> BaseException | None:
        """What brought the worker down; None while it lives."""
        return self._life.failure

    @property
    def phase(self) -> str:
        """starting, recovering, rebalancing, running, stopping or failed."""
        if self.failure is not None:
            return "failed"
        if not self._life.begun:
            return "starting"
        if self._stopping:
            return "stopping"
        if self.app.rebalancing:
            return "recovering" if self.changelogs.active else "rebalancing"
        return "running" if self.app.tables.actives_ready else "recovering"

    def pulse(self) -> Pulse:
        """What the watchdog and the readiness probe look at."""
        return Pulse(
            applied=self.engine.batches,
            checkpoints=self._checkpointer.completed,
            lag=self._vitals.lag,
            restored=self.changelogs.restored,
            recovering=self.phase in ("starting", "recovering"),
            rebalancing=self.phase == "rebalancing",
        )

    def owned(self) -> frozenset[int]:
        """Partitions assigned to this worker and recovered; empty while it is not ready."""
        if self.phase != "running":
            return frozenset()
        topic = self.topology.kafka_name(METRICS)
        return frozenset(tp.partition for tp in self.app.batches.assignment() if tp.topic == topic)

    def unready(self) -> str:
        """Why others should not rely on this worker; "" when they may."""
        if not self._life.begun:
            return not_ready(Readiness(self.phase, 0, member=False, checkpoint_age=0), 0)
        owned = len(self.owned())
        member = bool(owned) and self.app.batches.is_known
        state = Readiness(self.phase, owned, member, self._vitals.checkpoint_age)
        options = self.settings.worker
        return not_ready(state, options.checkpoint_seconds + options.ready_seconds)
