"""One worker: builds the parts, starts them in order, keeps them going, stops them in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.errors import GoalstreamError, Stalled
from streams.runtime.admin import Cluster
from streams.runtime.app import GoalstreamApp, add_agents, create_app
from streams.runtime.broker import broker_of
from streams.runtime.catalogue import core_config
from streams.runtime.checkpoint import Checkpointer, Limits
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.dispatcher import Dispatcher, is_cancelled
from streams.runtime.ending import facts
from streams.runtime.engine import DEAD_LETTER, METRICS, OUTCOMES, Engine, Reading, Wire
from streams.runtime.failures import named
from streams.runtime.flawed import DAMAGED_STATE, Flawed
from streams.runtime.handlers import HandlerRegistry, load_handlers
from streams.runtime.kill_switch import KillSwitch
from streams.runtime.lock import StateLock
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Outbox
from streams.runtime.positions import Source
from streams.runtime.publisher import Publisher
from streams.runtime.recovery import ChangelogReader
from streams.runtime.tables import TableSet
from streams.runtime.ticker import keep_ticking
from streams.runtime.topic_changes import require_topics
from streams.runtime.transport import RawBatch, verify_faust
from streams.runtime.views import Views
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
REQUESTED_CHECKPOINT_SECONDS = 0.02  # least time between checkpoints that actions ask for


def wall_clock_ms() -> int:
    """Now, ms since the epoch."""
    return time.time_ns() // 1_000_000


def _ignore(_error: GoalstreamError) -> None:
    return


class Worker:
    """Lives in one asyncio loop from ``start`` to ``stop``; not to be started twice."""

    def __init__(
        self,
        settings: Settings,
        *,
        handlers: HandlerRegistry | None = None,
        registry: CollectorRegistry | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
        on_failure: Callable[[GoalstreamError], None] = _ignore,
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
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None
        self._stopping = False
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
            self._spawn(self._watch(), "watchdog")
            await self._start_app(self._failure)
        except BaseException:
            self._release()
            raise
        self._spawn(self._checkpoints(), "checkpoints")
        self._spawn(self._requested_checkpoints(), "requested checkpoints")
        options = self.settings.worker
        ticking = keep_ticking(
            self.engine,
            self.owned,
            self.publisher,
            self._now_ms,
            options.tick_seconds,
            options.stall_seconds,
        )
        self._spawn(ticking, "timers")

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

    def fail(self, error: BaseException, stage: str) -> None:
        """Something broke that must not be survived: ``wait`` raises it.

        From here on nothing is applied or stored: the state in memory may be half changed.
        """
        if self._failure is None or self._failure.done():
            return
        failure = named(error, stage)
        self.engine.halt()
        self._on_failure(failure)
        # A batch that will never be acknowledged must not hold the partitions back.
        self.app.conf.stream_wait_empty = False
        log.error("worker failed", **facts(failure), exc_info=failure.__cause__)
        self._failure.set_exception(failure)

    def _check_topics(self) -> None:
        counts = Cluster(self.settings.librdkafka()).partition_counts()
        require_topics(self.topology, counts)

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
        self.tables.on_damage = partial(self.fail, stage="read of stored state")
        client = settings.librdkafka()
        self.changelogs = ChangelogReader(self.tables, client, self.metrics)
        self.app.changelogs = self.changelogs
        self.changelogs.report = self._report_flawed
        self._outbox = outbox = Outbox(cast(Any, self.app.producer)._ensure_producer)
        checkpointer = Checkpointer(
            self.tables,
            outbox,
            self._commit,
            name,
            Limits(
                options.model_bytes_per_checkpoint, options.cache_series, options.cache_entities
            ),
            self.metrics,
        )
        registry = self._resources.enter_context(opened_registry(settings))
        encoder = Encoder(
            registry, {spec.name: RECORD_OF[spec.logical] for spec in self.topology.topics}
        )
        await asyncio.to_thread(encoder.prepare)
        decoders = {
            source: MetricDecoder(registry)
            if source == METRICS
            else RecordDecoder(registry, RECORD_OF[source])
            for source in INPUTS
        }
        self.engine = Engine(
            self.core,
            self.tables,
            outbox,
            checkpointer,
            Wire(encoder, decoders, registry, name),
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
            on_error=partial(self.fail, stage="outcome of an action"),
            halted=self.kill_switch.reason,
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
        self._checkpointer.owns = consumer.owns
        self.engine.epoch = lambda: consumer.epoch

    # -- what Faust calls ---------------------------------------------------------------------

    async def _handle(self, source: str, partition: int, batch: RawBatch) -> None:
        try:
            await self.engine.handle(source, partition, batch)
        except BaseException as error:
            if is_cancelled():
                raise
            # An agent that went on would lose this batch; the process ends and reads it again.
            first, last = batch.records[0].offset, batch.records[-1].offset
            self.fail(error, f"batch of {source}, partition {partition}, offsets {first} to {last}")
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
            self.fail(error, "hand-over of partitions")
        finally:
            self.engine.forget()

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
        for each in flawed:
            letter = dead_letter(Rejected(each.message, DAMAGED_STATE, each.reason))
            self.engine.send(DEAD_LETTER, each.message.partition, letter)
            self.metrics.dead_letters.labels(each.table, DAMAGED_STATE).inc()
        await self._outbox.flush()

    async def _commit(self, positions: Mapping[Source, int]) -> bool:
        offsets = {TP(source.topic, source.partition): at for source, at in positions.items()}
        return await self.app.batches.commit_positions(offsets)

    # -- loops --------------------------------------------------------------------------------

    def _spawn(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(self._guarded(loop, name), name=name))

    async def _guarded(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await loop
        except BaseException as error:
            if is_cancelled():
                raise
            self.fail(error, name)

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(self.settings.worker.checkpoint_seconds)
            await self._checkpoint()

    async def _requested_checkpoints(self) -> None:
        while True:
            await self.engine.dispatch_waiting.wait()
            await self._checkpoint()
            await asyncio.sleep(REQUESTED_CHECKPOINT_SECONDS)

    async def _checkpoint(self) -> None:
        try:
            await self.engine.checkpoint()
        except BaseException:
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
                await self._measure_lags()
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

    async def _measure_lags(self) -> None:
        """(logical topic, partition) -> records that exist and are not applied yet."""
        consumer, lags = self.app.batches, dict[tuple[str, int], int]()
        for source in INPUTS:
            for number, part in list(self.engine.partitions.items()):
                tp = TP(self.topology.kafka_name(source), number)
                end = consumer.highwater(tp)
                applied = part.applied(source)
                lag = max(0, (end or 0) - max(applied + 1, self._starts.get(tp, 0)))
                if lag and consumer.delivered.get(tp, -1) <= applied:
                    # Offsets without a record (transaction markers, compaction) are no work.
                    lag = max(0, (end or 0) - (await consumer.position(tp) or 0))
                lags[source, number] = lag
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
