"""A worker that the group has given up stores nothing any more: its successor's values stand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.core.config import CoreConfig
from streams.core.partition import Partition
from streams.core.store import TABLES
from streams.runtime.checkpoint import Checkpointer, Fenced, Limits
from streams.runtime.outbox import Outbox
from streams.runtime.positions import Source
from tests.unit.core.partition_kit import NUMBER, MemoryStore, metric_batch
from tests.unit.runtime.fake_kafka import FakeBroker, MemoryTables, as_any, worker_metrics
