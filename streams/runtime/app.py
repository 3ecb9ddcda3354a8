"""The Faust application: agents, tables and settings of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from faust.topics import Topic
from faust.types import EventT, Message

from streams.runtime.broker import Broker
from streams.runtime.logs import FAUST_LOGGER
from streams.runtime.recovery import BatchTableManager, ChangelogReader
from streams.runtime.rocksdb_store import CheckedTable
from streams.runtime.transport import BatchConsumer, BatchTransport, RawBatch
from streams.wire.topology import INPUTS


class BatchTopic(Topic):
    """Passes batches through undecoded; the engine decodes them in columns."""

    def _compile_decode(self) -> None:
        super()._compile_decode()
        decode_record = self.decode
        create_event = self.app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            if isinstance(message.value, RawBatch):
                return create_event(None, message.value, message.headers, message)
            return await decode_record(message, propagate=propagate)

        self.decode = decode  # type: ignore[method-assign]  # Faust compiles it per instance too


BUFFERED_BATCHES = 16
"""Batches that wait in front of an agent before its partition is paused."""
HEARTBEAT_SECONDS = 3.0

Handle = Callable[[str, int, RawBatch], Awaitable[None]]


class GoalstreamApp(faust.App):
    """A Faust app that is embedded in an asyncio program and delivers batches."""

    logger = FAUST_LOGGER

    changelogs: ChangelogReader
    before_stop: Callable[[], Awaitable[None]]

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        # Faust closes the tables in its own on_stop; the last checkpoint comes before.
        await self.before_stop()
        await super().on_stop()

    @property
    def batches(self) -> BatchConsumer:
        """The consumer, as what it is."""
        consumer = self.consumer
        if not isinstance(consumer, BatchConsumer):
            raise TypeError(f"consumer is a {type(consumer).__name__}")
        return consumer


def create_app(
    app_id: str,
    broker: Broker,
    state_dir: Path,
    partitions: int,
    batch_records: int,
    session_seconds: float,
) -> GoalstreamApp:
    """An app without agents and tables; nothing connects before ``start``."""
    return GoalstreamApp(
        app_id,
        broker=broker.url,
        broker_credentials=broker.credentials,
        loop=asyncio.get_running_loop(),
        store="rocksdb://",
        datadir=str(state_dir),
        Topic=BatchTopic,
        Table=CheckedTable,
        TableManager=BatchTableManager,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        autodiscover=False,
        stream_wait_empty=True,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        stream_recovery_delay=0.0,
        broker_max_poll_records=batch_records * 4,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=min(HEARTBEAT_SECONDS, session_seconds / 3),
        consumer_auto_offset_reset="earliest",
        producer_linger=0.0,
        producer_acks=-1,
        producer_max_batch_size=900_000,
        producer_max_request_size=1_000_000,
    )


def add_agents(app: GoalstreamApp, topic_name: Callable[[str], str], handle: Handle) -> None:
    """One agent a source topic; each hands its batches to ``handle`` in order."""
    for source in INPUTS:
        _add_agent(app, source, topic_name(source), handle)


def _add_agent(app: GoalstreamApp, source: str, kafka_topic: str, handle: Handle) -> None:
    async def agent(stream: Any) -> None:
        batches = stream.noack()
        async for batch in batches:
            message = batches.current_event.message
            await handle(source, message.partition, batch)
            app.batches.ack(message)

    app.agent(app.topic(kafka_topic), name=source)(agent)
