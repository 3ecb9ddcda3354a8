"""A deployment under test: settings and topics of its own, workers as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.records import Record
from streams.settings import Settings, load_settings
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.registry import EmbeddedRegistry
from streams.wire.topology import INPUTS, RECORD_OF
from tests.kits.kafka.harness import KafkaHarness

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS = 4
SESSION_SECONDS = 6.0
"""The shortest that a broker allows by default: a killed worker is missed this soon."""
TRANSACTION_SECONDS = 10.0
"""Longer than a session: who gets the partitions may meet the open transaction of who lost them."""
WAIT_SECONDS = 60.0
STOP_SECONDS = 40.0
_PAUSE_SECONDS = 0.1
_ASK_SECONDS = 10.0

PRODUCER: dict[str, str | int | bool] = {
    "partitioner": "murmur2_random",  # places a key where Java clients and the views place it
    "enable.idempotence": True,
    "log_level": 0,
}

Sections = Mapping[str, Mapping[str, object]]

SETTINGS: dict[str, dict[str, object]] = {
    "topics": {"partitions": PARTITIONS, "replication": 1},
    "worker": {
        "checkpoint_seconds": 0.5,
        "session_seconds": SESSION_SECONDS,
        "transaction_seconds": TRANSACTION_SECONDS,
        # A tick is an input by the wall's clock: only tests of plans let them flow.
        "tick_seconds": 3600,
    },
    # Values are dated by the test, not by when they are sent.
    "time": {"decisions": "event"},
    # Event time runs a minute a value, so each series is looked at every half hour of it.
    "forecasting": {"interval_seconds": 1800, "horizon": 12},
    "goals": {"hold_seconds": 600, "lead_seconds": 600},
    "metrics.cpu_usage": {"capacity": 100},
    "metrics.memory_usage": {"capacity": 64},
}
"""What all deployments have in common."""


def until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = WAIT_SECONDS,
    pause: float = _PAUSE_SECONDS,
) -> None:
    """Wait for a condition; fails naming it when it does not come true in time.

    A broker that does not answer yet is no answer.
    """
    deadline = time.monotonic() + seconds
    said: KafkaException | None = None
    while True:
        try:
            if condition():
                return
        except KafkaException as error:
            said = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}") from said
        threading.Event().wait(pause)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Deployment:
    """One app id and one topic prefix on a broker, and the workers that a test starts there."""

    def __init__(self, kafka: KafkaHarness, name: str, home: Path, sections: Sections) -> None:
        self.kafka = kafka
        self.name = name
        self.home = home
        self.sections = _merged(
            SETTINGS,
            {
                "kafka": {"bootstrap": kafka.bootstrap},
                "topics": {"prefix": f"{name}."},
                "worker": {"app_id": name},
            },
            sections,
        )
        self.workers: dict[str, WorkerProcess] = {}
        self.settings = self._written(home, {})
        self._encoder = Encoder(
            EmbeddedRegistry(), {self.topic(name): kind for name, kind in RECORD_OF.items()}
        )
        self._encoder.prepare()

    def topic(self, logical: str) -> str:
        return f"{self.name}.agent-{logical}"

    def changelog(self, table: str) -> str:
        return f"{self.name}-{table}-changelog"

    def changelog_records(self, table: str) -> int:
        """Committed records of a table's changelog."""
        return len(self.kafka.consume_all(self.changelog(table)))

    def apply_topics(self) -> None:
        """Create all topics, as an operator does."""
        self.command("topics", "apply")

    def command(self, *words: str, home: Path | None = None) -> None:
        """Run ``goalstream`` as an operator does, under the settings of a folder, to a good end."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *words],
            cwd=home or self.home,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    # -- workers ------------------------------------------------------------------------------

    def worker(self, name: str, sections: Sections | None = None) -> WorkerProcess:
        """A worker with a state directory of its own, not started yet."""
        home = self.home / name
        home.mkdir()
        port = free_port()
        given: dict[str, dict[str, object]] = {
            "worker": {"state_dir": str(home / "state")},
            "web": {"port": port},
        }
        settings = self._written(home, _merged(given, sections or {}))
        made = WorkerProcess(name, home, settings)
        self.workers[name] = made
        return made

    def _written(self, home: Path, sections: Sections) -> Settings:
        """Settings of a folder, in the file in which the command looks for them."""
        lines: list[str] = []
        for name, values in _merged(self.sections, sections).items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        home.mkdir(parents=True, exist_ok=True)
        file = home / "goalstream.toml"
        file.write_text("\n".join(lines) + "\n")
        return load_settings(file, {})

    def close(self) -> None:
        """End whatever a failed test left running."""
        for worker in self.workers.values():
            worker.kill()

    # -- records ------------------------------------------------------------------------------

    def encode(self, logical: str, record: Record) -> bytes:
        return self._encoder.encode(record, self.topic(logical))

    def send(self, logical: str, *records: Record) -> None:
        """Write records and return when the broker has them."""
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, **PRODUCER})
        for each in records:
            producer.produce(self.topic(logical), self.encode(logical, each), key_of(each))
        assert producer.flush(WAIT_SECONDS) == 0

    # -- offsets ------------------------------------------------------------------------------

    def committed(self) -> dict[tuple[str, int], int]:
        """Committed offset of each source partition that has one, by logical topic."""
        with self._asking() as consumer:
            return self._committed(consumer)

    def _committed(self, consumer: Consumer) -> dict[tuple[str, int], int]:
        logical = {self.topic(source): source for source in INPUTS}
        asked = [TopicPartition(topic, n) for topic in logical for n in range(PARTITIONS)]
        return {
            (logical[at.topic], at.partition): at.offset
            for at in consumer.committed(asked, timeout=_ASK_SECONDS)
            if at.offset >= 0
        }

    @contextmanager
    def _asking(self) -> Iterator[Consumer]:
        """A client of its own for each question: an old one may not know a broker's restart."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka.bootstrap,
                "group.id": self.name,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def behind(self, *sources: str) -> dict[tuple[str, int], tuple[int, int]]:
        """(committed, end) of the source partitions where these differ."""
        with self._asking() as consumer:
            committed = self._committed(consumer)
            ends = {
                (source, number): consumer.get_watermark_offsets(
                    TopicPartition(self.topic(source), number), timeout=_ASK_SECONDS
                )[1]
                for source in sources or INPUTS
                for number in range(PARTITIONS)
            }
        return {
            at: (committed.get(at, 0), end)
            for at, end in ends.items()
            if committed.get(at, 0) != end
        }

    def members(self) -> int:
        """How many workers the group counts as its members."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        (future,) = admin.describe_consumer_groups([self.name]).values()
        return len(future.result(_ASK_SECONDS).members)

    def wait_committed(self, *sources: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait until everything that was written to the inputs is committed."""

        def done() -> bool:
            self.require_running()
            # Ask twice: what the last records led to may come back as input.
            return not self.behind(*sources) and not self.behind(*sources)

        try:
            until(done, "committed to the end", seconds)
        except AssertionError as error:
            error.add_note(f"behind, committed and end: {self.behind(*sources)}")
            raise

    def require_running(self) -> None:
        """Fail when a worker that should run has ended."""
        for worker in self.workers.values():
            worker.require_running()

    def forget_offsets(self) -> None:
        """Delete the group with its offsets; nobody may be in it."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        (future,) = admin.delete_consumer_groups([self.name]).values()
        future.result(_ASK_SECONDS)


class WorkerProcess:
    """``goalstream worker`` in a folder of its own, started and ended at will."""

    def __init__(self, name: str, home: Path, settings: Settings) -> None:
        self.name = name
        self.home = home
        self.log = home / "worker.log"
        self.url = f"http://127.0.0.1:{settings.web.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._expected = False

    def start(self) -> Self:
        """Start the process and return at once."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker"],
                cwd=self.home,
                env=_environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._expected = True
        return self

    def stop(self) -> None:
        """SIGTERM; it must end by itself and without an error."""
        self._expected = False
        self._running.terminate()
        code = self._running.wait(STOP_SECONDS)
        assert code == 0, f"{self.name} ended with {code}:\n{self.tail()}"

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        self._expected = False
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: the process stands still and does not know it."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    def wait_ended(self, seconds: float = STOP_SECONDS) -> int:
        """Exit code of a process that ends by itself."""
        self._expected = False
        return self._running.wait(seconds)

    def delete_state(self) -> None:
        shutil.rmtree(self.home / "state")

    def require_running(self) -> None:
        if self._expected and (code := self._running.poll()) is not None:
            raise AssertionError(f"{self.name} ended by itself with {code}:\n{self.tail()}")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=_ASK_SECONDS, trust_env=False)

    def is_ready(self) -> bool:
        """Whether it owns partitions, all recovered, and says so."""
        self.require_running()
        try:
            return self.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False  # not listening yet

    def wait_ready(self, seconds: float = WAIT_SECONDS) -> Self:
        until(self.is_ready, f"{self.name} ready", seconds)
        return self

    def figure(self, name: str, **labels: str) -> float:
        """A figure of its metrics page, summed over the labels that are not given."""
        return sum(
            float(line.rpartition(" ")[2])
            for line in self.get("/metrics").text.splitlines()
            if line.startswith((f"{name} ", f"{name}{{"))
            and all(f'{key}="{value}"' in line for key, value in labels.items())
        )

    @property
    def pid(self) -> int:
        return self._running.pid

    def text(self) -> str:
        """Its log."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.text().splitlines()[-lines:])

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was not started"
        return self._process


def deployed(
    kafka: KafkaHarness, name: str, home: Path, sections: Sections | None = None
) -> Iterator[Deployment]:
    """A deployment with its topics, and without its workers at the end."""
    deployment = Deployment(kafka, name, home, sections or {})
    try:
        deployment.apply_topics()
        yield deployment
    finally:
        deployment.close()


def _environment() -> dict[str, str]:
    """No settings from outside; the tests' own modules can be named as handlers."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GOALSTREAM_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def _merged(*parts: Sections) -> dict[str, dict[str, object]]:
    whole: dict[str, dict[str, object]] = {}
    for part in parts:
        for name, values in part.items():
            whole[name] = {**whole.get(name, {}), **values}
    return whole
