"""The lanes: what is measured, and ours and the peer one after another on one topic."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cluster import BenchmarkError, delete_topics, topics_with_prefix
from benchmarks.load import Workload, fill, metric_schema_id
from benchmarks.measurement import Recovery, Throughput
from benchmarks.peer import KafkaStreamsLane
from benchmarks.worker_lane import AT_LEAST_ONCE, WorkerLane


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of work at one number of series."""

    name: str
    work: str
    series: int
    models: tuple[str, ...] = ("holt_winters",)
    same_work_peer: bool = True
    """Whether Kafka Streams does the same work, so that a ratio means something."""
    recovery: bool = False


LIGHT = "decode, Holt-Winters and ADWIN per series, state durable, checkpoint 1 s"
ENSEMBLE = "decode, the default bank with intervals, anomaly score and ADWIN, state durable"
MODELS_OF_ENSEMBLE = ("ensemble", "holt_winters")
RIVER = "the same and SNARIMAX(2,1,1) per series"
MODELS_OF_RIVER = ("holt_winters", "snarimax")

LANES = {
    lane.name: lane
    for lane in (
        Lane("light", LIGHT, 1_000),
        Lane("river", RIVER, 1_000, MODELS_OF_RIVER, same_work_peer=False),
        Lane("ensemble", ENSEMBLE, 1_000, MODELS_OF_ENSEMBLE, same_work_peer=False),
        Lane("light-100k", LIGHT, 100_000),
        Lane("river-100k", RIVER, 100_000, MODELS_OF_RIVER, same_work_peer=False),
        Lane("ensemble-100k", ENSEMBLE, 100_000, MODELS_OF_ENSEMBLE, same_work_peer=False),
        Lane("recovery", "state directory deleted, until ready", 100_000, recovery=True),
    )
}


@dataclass(frozen=True)  # no slots: the defaults are read from the class
class Options:
    """What a run is told."""

    bootstrap: str
    registry_url: str
    directory: Path
    """For logs, settings and state of the runs."""
    run: str
    """Goes into the names of topics and groups, so that no two runs meet."""
    events: int = 1_000_000
    repeats: int = 3
    cache_series: int = 50_000
    guarantees: tuple[str, ...] = (AT_LEAST_ONCE,)
    """Each of them is a system of its own."""
    ours: bool = True
    peers: bool = True


@dataclass(slots=True)
class LaneResult:
    lane: Lane
    workload: Workload
    throughputs: list[Throughput] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)


Step = Callable[[str], list[Throughput] | list[Recovery]]


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs lanes on one cluster; lanes with the same workload share a filled topic."""

    options: Options
    tell: Callable[[str], None]
    """Gets one line of progress."""
    filled: dict[Workload, str] = field(default_factory=dict)

    def run(self, lane: Lane) -> LaneResult:
        """All repeats of a lane, the systems taking turns."""
        workload = Workload(self.options.events, lane.series)
        prefix = self._filled_prefix(workload)
        result = LaneResult(lane, workload)
        for repeat in range(1, self.options.repeats + 1):
            for system, step in self._steps(lane, workload, prefix):
                app = f"{self.options.run}-{lane.name}-{system}-{repeat}"
                for got in step(app):
                    self._record(result, got, repeat)
                self._clean(app)
        return result

    def drop_topics(self) -> None:
        """Delete every topic of this run."""
        topics = topics_with_prefix(self.options.bootstrap, f"{self.options.run}-")
        delete_topics(self.options.bootstrap, topics)

    def _filled_prefix(self, workload: Workload) -> str:
        """Prefix of the topics that hold the workload, filled on first use."""
        if workload not in self.filled:
            prefix = f"{self.options.run}-{workload.series}-"
            topic = metrics_topic(prefix)
            schema_id = metric_schema_id(self.options.registry_url, topic)
            seconds = fill(self.options.bootstrap, topic, workload, schema_id)
            self.tell(f"{topic}: {workload.events:,} events written in {seconds:.1f} s")
            self.filled[workload] = prefix
        return self.filled[workload]

    def _steps(self, lane: Lane, workload: Workload, prefix: str) -> Iterator[tuple[str, Step]]:
        topic = metrics_topic(prefix)
        for guarantee in self.options.guarantees if self.options.ours else ():
            worker = WorkerLane(
                bootstrap=self.options.bootstrap,
                registry_url=self.options.registry_url,
                prefix=prefix,
                topic=topic,
                workload=workload,
                models=lane.models,
                cache_series=self.options.cache_series,
                directory=self.options.directory,
                guarantee=guarantee,
            )
            yield worker.system, worker.recover if lane.recovery else worker.process
        if self.options.peers and lane.same_work_peer:
            peer = KafkaStreamsLane(self.options.bootstrap, topic, workload, self.options.directory)
            yield "kafka-streams", peer.recover if lane.recovery else peer.process

    def _record(self, result: LaneResult, got: Throughput | Recovery, repeat: int) -> None:
        where = f"{result.lane.name} {repeat}/{self.options.repeats}: {got.system}"
        if isinstance(got, Recovery):
            result.recoveries.append(got)
            self.tell(
                f"{where}: {got.records:,} records, recovered in {got.recovery_seconds:.2f} s"
            )
        else:
            result.throughputs.append(got)
            self.tell(f"{where}: {got.span.per_cpu_second:,.0f} events per CPU-second")

    def _clean(self, app: str) -> None:
        """Drop the changelogs and the state of a finished run."""
        changelogs = topics_with_prefix(self.options.bootstrap, f"{app}-")
        delete_topics(self.options.bootstrap, changelogs)
        shutil.rmtree(self.options.directory / app / "state", ignore_errors=True)
        shutil.rmtree(self.options.directory / f"{app}-state", ignore_errors=True)


def metrics_topic(prefix: str) -> str:
    """Kafka name of the logical topic ``metrics``."""
    return f"{prefix}agent-metrics"


def chosen(names: list[str]) -> list[Lane]:
    """The named lanes; all of them without a name."""
    unknown = [name for name in names if name not in LANES]
    if unknown:
        raise BenchmarkError(f"no lane {unknown[0]!r}; lanes are {', '.join(LANES)}")
    return [LANES[name] for name in names or LANES]
