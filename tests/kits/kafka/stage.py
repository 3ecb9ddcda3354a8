"""One worker, what was written for it, and whether it has taken all of that in."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from confluent_kafka import Producer

from streams.records import Record
from streams.wire.keys import key_of
from streams.wire.topology import INPUTS
from tests.kits.kafka.deployment import PRODUCER, WAIT_SECONDS, Deployment, WorkerProcess, until

ROWS = 1_000
"""Rows of a page, the most that are given."""
_PAUSE_SECONDS = 0.04
_FIGURE = re.compile(r'^goalstream_(records|emitted)_total{topic="([^"]+)"} (\S+)$', re.MULTILINE)


class Stage:
    """All partitions belong to the worker."""

    def __init__(self, deployment: Deployment, worker: WorkerProcess) -> None:
        self.deployment = deployment
        self.worker = worker
        self._sent: Counter[str] = Counter()
        self._emitted: Counter[str] = Counter()
        self._handled: Counter[str] = Counter()
        self._producer = Producer({"bootstrap.servers": deployment.kafka.bootstrap, **PRODUCER})

    def take_over(self, worker: WorkerProcess) -> None:
        """From now on another worker is responsible. All that was sent before is committed."""
        self.worker = worker
        self._sent.clear()

    def send(self, logical: str, *records: Record) -> None:
        """Write records; they are there once the stage has settled."""
        for record in records:
            self.write(logical, key_of(record), self.deployment.encode(logical, record))

    def write(
        self, logical: str, key: bytes | None, value: bytes | None, partition: int = -1
    ) -> None:
        """Write a message as it is; ``partition`` -1 leaves the choice to the key."""
        self._producer.produce(self.deployment.topic(logical), value, key, partition)
        self._sent[logical] += 1

    def settle(self) -> None:
        """Wait until the worker has applied all that was sent and all that came of it, and each
        action has its outcome. Once ticks flow, a command may count as applied a moment early."""
        self._await(answered=True)

    def apply(self) -> None:
        """The same without the outcomes."""
        self._await(answered=False)

    def emitted(self, logical: str) -> int:
        """Records that the worker had written to a topic when the stage settled, ticks aside."""
        return self._emitted[logical]

    def _await(self, *, answered: bool) -> None:
        assert self._producer.flush(WAIT_SECONDS) == 0

        def done() -> bool:
            self._count()
            outcomes = self._emitted["outcomes"] >= self._emitted["actions"]
            return (outcomes or not answered) and all(
                self._handled[topic] >= self._sent[topic] + self._emitted[topic] for topic in INPUTS
            )

        until(done, "all applied", pause=_PAUSE_SECONDS)

    def _count(self) -> None:
        self.worker.require_running()
        counts = {"records": self._handled, "emitted": self._emitted}
        for name, topic, number in _FIGURE.findall(self.worker.get("/metrics").text):
            counts[name][topic] = int(float(number))

    def get(self, path: str) -> Any:
        """Body of a page that must be there."""
        reply = self.worker.get(path)
        assert reply.status_code == 200, f"{path}: {reply.text}"
        return reply.json()

    def table(self, name: str) -> dict[str, Any]:
        """All rows of a view by their keys; fails where they are more than one page."""
        page = self.get(f"/tables/{name}?limit={ROWS}")
        assert page["complete"]
        assert page["next"] is None
        return {item["key"]: item["value"] for item in page["items"]}
