"""goalstream's own worker, run as users run it: a process of its own with a settings file."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.cluster import BenchmarkError, CommittedOffsets
from benchmarks.load import PARTITIONS, Workload
from benchmarks.measurement import Recovery, Span, Throughput
from benchmarks.process import cpu_seconds, environment, peak_rss_mb, running, tail

SYSTEM = "goalstream"
AT_LEAST_ONCE = "at_least_once"
TEN_YEARS = 315_360_000
"""One analysis in this time: the lanes measure learning, not forecasts."""

TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.05
COMMITS_POLL_SECONDS = 0.1
HTTP_SECONDS = 5.0


def command() -> list[str]:
    """The ``goalstream`` script of this Python's environment."""
    return [str(Path(sys.executable).with_name("goalstream"))]


@dataclass(frozen=True, slots=True)
class Sample:
    """Records handled so far, with the wall and CPU time of the same moment."""

    records: int
    wall: float
    cpu: float

    def until(self, last: Sample) -> Span:
        return Span(last.records - self.records, last.wall - self.wall, last.cpu - self.cpu)


@dataclass(frozen=True, slots=True)
class WorkerLane:
    """One worker over one topic that is already full."""

    bootstrap: str
    registry_url: str
    prefix: str
    """Goes in front of the names of all topics."""
    topic: str
    workload: Workload
    models: tuple[str, ...]
    cache_series: int
    directory: Path
    """Holds state, settings and logs of the run; one run each."""
    guarantee: str = AT_LEAST_ONCE
    """``worker.guarantee``."""
    interval_seconds: int = TEN_YEARS
    """Event time between two analyses of a series."""

    @property
    def system(self) -> str:
        """Its name in tables."""
        return SYSTEM if self.guarantee == AT_LEAST_ONCE else f"{SYSTEM}-{self.guarantee}"

    def process(self, app: str) -> list[Throughput]:
        """Read the whole topic; ends when the committed offsets have reached its end.

        Not in the figures: start of the interpreter, imports, joining the group, until ready.
        """
        self.apply_topics(app)
        with self.worker(app, "process") as worker:
            first = self._watch_start(worker)
            last = self._wait_committed(worker, app)
            rss = peak_rss_mb(worker.pid)
        return [Throughput(self.system, first.until(last), rss)]

    def recover(self, app: str) -> list[Recovery]:
        """Fill the changelogs, delete the state directory, start again."""
        self.apply_topics(app)
        with self.worker(app, "fill") as worker:
            self._wait_committed(worker, app)
        shutil.rmtree(self._home(app) / "state")
        with self.worker(app, "recover") as worker:
            seconds = self.wait_ready(worker)
            records = int(worker.figure("goalstream_recovery_records_total"))
            recovery = worker.figure("goalstream_recovery_seconds")
            rss = peak_rss_mb(worker.pid)
        states = min(self.workload.series, self.workload.events)
        return [Recovery(self.system, states, records, seconds, recovery, rss)]

    def apply_topics(self, app: str) -> None:
        """Create what the worker needs beside the full topic: outputs, and its own changelogs."""
        home = self._home(app)
        self._write_settings(home, app, _free_port())
        done = subprocess.run(
            [*command(), "topics", "apply"],
            cwd=home,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"goalstream topics apply failed: {done.stdout}{done.stderr}")

    def _home(self, app: str) -> Path:
        home = self.directory / app
        home.mkdir(parents=True, exist_ok=True)
        return home

    @contextmanager
    def worker(self, app: str, part: str) -> Iterator[RunningWorker]:
        home, port = self._home(app), _free_port()
        self._write_settings(home, app, port)
        log = home / f"{part}.log"
        with running([*command(), "worker"], home, log) as process:
            yield RunningWorker(process, log, f"http://127.0.0.1:{port}", time.perf_counter())

    def _write_settings(self, home: Path, app: str, port: int) -> None:
        """goalstream.toml in the working directory, where the command looks for it."""
        settings: dict[str, dict[str, object]] = {
            "kafka": {"bootstrap": self.bootstrap},
            "registry": {"url": self.registry_url},
            "topics": {"prefix": self.prefix, "partitions": PARTITIONS, "replication": 1},
            "worker": {
                "app_id": app,
                "state_dir": str(home / "state"),
                "checkpoint_seconds": 1.0,
                "guarantee": self.guarantee,
                "cache_series": self.cache_series,
            },
            "web": {"port": port},
            "forecasting": {
                "models": list(self.models),
                "interval_seconds": self.interval_seconds,
            },
        }
        (home / "goalstream.toml").write_text(_toml(settings))

    def wait_ready(self, worker: RunningWorker) -> float:
        """Seconds from the start of the process until it says that it is ready."""
        worker.wait_until(worker.ready, "ready", POLL_SECONDS)
        return time.perf_counter() - worker.started

    def _watch_start(self, worker: RunningWorker) -> Sample:
        """The last sample before the first record, or the first one with few records done.

        The page is read only until then: it costs the worker CPU time.
        """
        self.wait_ready(worker)
        samples = [worker.sample()]

        def reading() -> bool:
            samples.append(worker.sample())
            return samples[-1].records > 0

        if not samples[0].records:
            worker.wait_until(reading, "reading", POLL_SECONDS)
        idle = [sample for sample in samples if not sample.records]
        return idle[-1] if idle else samples[0]

    def _wait_committed(self, worker: RunningWorker, app: str) -> Sample:
        offsets = CommittedOffsets(self.bootstrap, app, self.topic, PARTITIONS)
        try:
            worker.wait_until(
                lambda: offsets.total() >= self.workload.events, "done", COMMITS_POLL_SECONDS
            )
            return Sample(self.workload.events, time.perf_counter(), cpu_seconds(worker.pid))
        finally:
            offsets.close()


@dataclass(frozen=True, slots=True)
class RunningWorker:
    process: subprocess.Popen[bytes]
    log: Path
    url: str
    started: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=HTTP_SECONDS).status_code == 200
        except httpx.TransportError:
            return False  # not listening yet

    def figure(self, name: str, **labels: str) -> float:
        """A figure of the worker's page, summed over the labels that are not given."""
        page = httpx.get(f"{self.url}/metrics", timeout=HTTP_SECONDS).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def buckets(self, name: str) -> list[tuple[float, float]]:
        """(upper bound, count up to it) of a histogram, in order."""
        page = httpx.get(f"{self.url}/metrics", timeout=HTTP_SECONDS).text
        return [
            (float(sample.labels["le"]), sample.value)
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == f"{name}_bucket"
        ]

    def sample(self) -> Sample:
        records = int(self.figure("goalstream_records_total", topic="metrics"))
        return Sample(records, time.perf_counter(), cpu_seconds(self.pid))

    def wait_until(self, condition: Callable[[], bool], what: str, pause: float) -> None:
        deadline = time.perf_counter() + TIMEOUT_SECONDS
        while not condition():
            if self.process.poll() is not None:
                raise BenchmarkError(f"the worker ended before it was {what}: {tail(self.log)}")
            if time.perf_counter() > deadline:
                raise BenchmarkError(f"the worker was not {what} in {TIMEOUT_SECONDS:.0f} s")
            time.sleep(pause)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _toml(settings: dict[str, dict[str, object]]) -> str:
    """TOML of tables of plain values; JSON spells text, numbers and lists the same way."""
    lines: list[str] = []
    for table, values in settings.items():
        lines.append(f"[{table}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
