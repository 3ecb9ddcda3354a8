"""A worker as the views see it."""

from __future__ import annotations

from collections.abc import Sequence

from streams.runtime.views import VIEWS
from streams.runtime.worker import Worker
from streams.web.source import Health, Page, TableInfo


class WorkerSource:
    """``ViewSource`` over a running worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._views = worker.views

    def live(self) -> Health:
        failure = self._worker.failure
        return Health(failure is None, "" if failure is None else str(failure))

    def ready(self) -> Health:
        worker = self._worker
        phase = worker.phase
        detail: dict[str, object] = {"phase": phase, "partitions": sorted(worker.owned())}
        if phase == "recovering":
            changelogs = worker.changelogs
            detail |= {"restored": changelogs.restored, "to_restore": changelogs.expected}
        ok = phase == "running"
        return Health(ok, "" if ok else f"the worker is {phase}", detail)

    def tables(self) -> Sequence[TableInfo]:
        return [TableInfo(view.name, view.description, view.key) for view in VIEWS]

    def get(self, table: str, key: str) -> object | None:
        return self._views.get(table, key)

    def scan(self, table: str, after: str, limit: int) -> Page:
        items, more = self._views.scan(table, after, limit)
        return Page(items, items[-1][0] if more else None)

    def order(self, table: str, key: str) -> tuple[str, ...]:
        return self._views.order(table, key)

    def partition_count(self) -> int:
        return self._worker.topology.partitions

    def partition_of(self, entity_id: str) -> int:
        return self._views.partition_of(entity_id)

    def owned(self) -> frozenset[int]:
        return self._worker.owned()

    def entity_of(self, table: str, key: str) -> str | None:
        return self._views.entity_of(table, key)
