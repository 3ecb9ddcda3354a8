"""A Faust app that never connects, for what can be tested of it without a broker."""

from __future__ import annotations

import gc
from pathlib import Path

from streams.core.kernel.store import TABLES
from streams.runtime.app import Broker, GoalstreamApp, create_app
from streams.runtime.tables import TableSet

PARTITIONS = 4


def unconnected_app(directory: Path) -> GoalstreamApp:
    """Needs a running loop; its tables are RocksDB files below ``directory``."""
    broker = Broker("kafka://127.0.0.1:1")
    return create_app("app", broker, directory, PARTITIONS, 100, 10.0)


def table_set(directory: Path) -> TableSet:
    return TableSet(unconnected_app(directory), PARTITIONS)


def close(tables: TableSet) -> None:
    """Give the databases back, as the end of a process does."""
    for table in TABLES:
        databases = tables._tables[table].data._dbs
        for database in databases.values():
            database.close()
        databases.clear()
    gc.collect()  # iterators hold a database, too
