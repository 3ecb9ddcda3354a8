"""One worker: builds the parts, starts them in order, keeps them going, stops them in order."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import structlog
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.errors import Stalled
from streams.records import Record
from streams.runtime.acls import transactional_id
from streams.runtime.admin import Cluster
from streams.runtime.app import GoalstreamApp, add_agents, create_app
from streams.runtime.broker import broker_of
from streams.runtime.catalogue import core_config
from streams.runtime.checkpoint import AtLeastOnce, Checkpointer, Limits
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.dispatcher import Dispatcher
from streams.runtime.engine import METRICS, OUTCOMES, Engine, Reading, Wire
from streams.runtime.exactly_once import ExactlyOnce, HeldOutbox
from streams.runtime.handlers import HandlerRegistry, load_handlers
from streams.runtime.kill_switch import KillSwitch
from streams.runtime.lock import StateLock
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Outbox, Queue
from streams.runtime.positions import Source
from streams.runtime.publisher import Publisher
from streams.runtime.recovery import ChangelogReader
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
from streams.runtime.warmup import warm_up
from streams.runtime.watchdog import Pulse, Watchdog
from streams.settings import Settings
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
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
    ) -> None:
        """``now_ms`` dates outcomes; a replay of old records gives the time of its records."""
        self.settings = settings
        self._now_ms = now_ms
        options = settings.worker
        self.collector = registry or CollectorRegistry()
        self.metrics = WorkerMetrics(self.collector)
        self.topology = topology_of(settings)
        self.handlers = load_handlers(options.handlers) if handlers is None else handlers
        self.core = core_config(settings, self.handlers)
        self.kill_switch = KillSwitch.at(options.kill_switch_file, options.state_dir)
        self._lock = StateLock(Path(options.state_dir), options.app_id)
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None
        self._stopping = False
        self._cluster: Cluster
        self._outputs: HeldOutbox | None = None
        """What waits for a transaction; None where outputs leave at once."""
        self._resources = ExitStack()
        self._starts: dict[TP, int] = {}
        self._lags: dict[tuple[str, int], int] = {}
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
            self._failure = asyncio.get_running_loop().create_future()
            await self.app.start()
        except BaseException:
            self._release()
            raise
        self._spawn(self._checkpoints(), "checkpoints")
        self._spawn(self._requested_checkpoints(), "requested checkpoints")
        pace = self.settings.worker.tick_seconds
        publish = self.publisher.publish if self._outputs is None else self._queue
        ticking = keep_ticking(self.engine, self.owned, publish, self._now_ms, pace)
        self._spawn(ticking, "ticks")
        if self._outputs is not None:
            self._spawn(self._output_checkpoints(self._outputs), "output checkpoints")
        self._spawn(self._watch(), "watchdog")

    async def wait(self) -> None:
        """Return when ``stop`` was called; raise what brought the worker down otherwise."""
        if self._failure is None:
            raise Stalled("the worker was not started", remedy="await start() first")
        await asyncio.shield(self._failure)

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
            if self._failure is not None and not self._failure.done():
                self._failure.set_result(None)

    async def _end_loops(self) -> None:
        """Cancel the loops between two checkpoints: one that is cut off has lost what it took."""
        between = False
        if self._tasks and self.failure is None:
            try:
                async with asyncio.timeout(self.settings.worker.handover_seconds):
                    between = await self.engine.saving.acquire()
            except TimeoutError:
                log.warning("a checkpoint hangs and is cut off; nothing is committed any more")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if between:
            self.engine.saving.release()

    def _release(self) -> None:
        self._resources.close()
        self._lock.release()

    def fail(self, error: BaseException) -> None:
        """Something broke that must not be survived: ``wait`` raises it."""
        if self._failure is not None and not self._failure.done():
            log.error("worker failed", error=repr(error))
            self._failure.set_exception(error)

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
        client = settings.librdkafka()
        self.changelogs = ChangelogReader(self.tables, client, self.metrics)
        self.app.changelogs = self.changelogs
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
        self._dispatcher = Dispatcher(
            self.handlers,
            self.engine,
            concurrency=options.handler_concurrency,
            timeout_seconds=options.handler_timeout_seconds,
            agent_name=options.app_id,
            now_ms=self._now_ms,
            on_error=self.fail,
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
        except Exception as error:
            # An agent that went on would lose this batch; the process ends and reads it again.
            self.fail(error)
            await asyncio.Event().wait()

    async def _hand_over(self) -> None:
        """Partitions are being taken away: finish, store and commit within one deadline."""
        self.metrics.rebalances.inc()
        limit = self.settings.worker.handover_seconds
        try:
            async with asyncio.timeout(limit):
                await self._dispatcher.settle(limit / 2)
                await self.engine.last_checkpoint()
        except TimeoutError:
            self.fail(
                Stalled(
                    f"partitions could not be handed over within {limit:.0f} s",
                    field="worker.handover_seconds",
                    value=limit,
                    remedy="the process ends; its successor reads again what was not committed",
                )
            )
        except Exception as error:
            self.fail(error)
        finally:
            self.engine.forget()
            if self._outputs is not None:
                self._dispatcher.forget()

    async def _last_checkpoint(self) -> None:
        consumer = self.app.batches
        consumer.stop_flow()
        consumer.epoch += 1
        if self._failure is not None and self._failure.done():
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

    def _spawn(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(loop, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

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
        except Exception:
            self.metrics.checkpoints.labels("failed").inc()
            raise
        self.metrics.checkpoints.labels("ok").inc()

    async def _watch(self) -> None:
        watchdog = Watchdog(self.settings.worker.stall_seconds, time.monotonic())
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.app.crashed:
                raise self.app.crash_reason or Stalled("Faust crashed without a reason")
            if self.phase == "running":
                self._measure_lags()
                self.engine.look_again()
            watchdog.check(self.pulse(), time.monotonic())
            self._export()

    @property
    def failure(self) -> BaseException | None:
        """What brought the worker down; None while it lives."""
        failure = self._failure
        if failure is None or not failure.done() or failure.cancelled():
            return None
        return failure.exception()

    @property
    def phase(self) -> str:
        """starting, recovering, rebalancing, running, stopping or failed."""
        if self.failure is not None:
            return "failed"
        if self._failure is None:
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
            lag=sum(self._lags.values()),
            restored=self.changelogs.restored,
            recovering=self.phase in ("starting", "recovering"),
            rebalancing=self.phase == "rebalancing",
        )

    def _measure_lags(self) -> None:
        """(logical topic, partition) -> records that exist and are not applied yet."""
        consumer, lags = self.app.batches, dict[tuple[str, int], int]()
        for source in INPUTS:
            for number, part in self.engine.partitions.items():
                tp = TP(self.topology.kafka_name(source), number)
                applied = part.applied(source)
                # Offsets without a record (transaction markers, compaction) are no work.
                settled = consumer.settled(tp, applied) or 0
                done = max(applied + 1, self._starts.get(tp, 0), settled)
                lags[source, number] = max(0, (consumer.highwater(tp) or 0) - done)
        self._lags = lags

    def owned(self) -> frozenset[int]:
        """Partitions assigned to this worker and recovered; empty while it is not ready."""
        if self.phase != "running":
            return frozenset()
        topic = self.topology.kafka_name(METRICS)
        return frozenset(tp.partition for tp in self.app.batches.assignment() if tp.topic == topic)

    def _export(self) -> None:
        owned = self.owned()
        self.metrics.ready.set(bool(owned))
        self.metrics.partitions.set(len(owned))
        self.metrics.lag.clear()
        for (source, number), lag in self._lags.items():
            self.metrics.lag.labels(source, str(number)).set(lag)
