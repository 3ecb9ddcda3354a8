"""Kafka Streams, the peer: builds the Java program beside this file and runs it once a call."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cluster import BenchmarkError
from benchmarks.load import METRIC_SCHEMA, Workload
from benchmarks.measurement import Recovery, Span, Throughput
from benchmarks.process import tail

SYSTEM = "Kafka Streams"
FRESH = "Kafka Streams, fresh JVM"
WARM = "Kafka Streams, warm JVM"
PROJECT = Path(__file__).resolve().parent / "kafka_streams"
JAVA = ("java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
TIMEOUT_SECONDS = 300.0


def build() -> None:
    """Package the Java program; quick when nothing has changed."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        raise BenchmarkError("Kafka Streams needs Java 17 and Maven; run with --no-peers without")
    subprocess.run(["mvn", "-q", "-B", "package"], cwd=PROJECT, check=True)


def version() -> str:
    """Version of Kafka Streams that was built; empty before the build."""
    jars = (PROJECT / "target" / "libs").glob("kafka-streams-*.jar")
    return next((jar.stem.removeprefix("kafka-streams-") for jar in jars), "")


@dataclass(frozen=True, slots=True)
class KafkaStreamsLane:
    """Holt-Winters and a small ADWIN per series on one stream thread."""

    bootstrap: str
    topic: str
    workload: Workload
    directory: Path
    """Holds state and logs of the run; one run each."""

    def process(self, app: str) -> list[Throughput]:
        """Read the whole topic twice in one JVM: while it compiles, and when it has compiled."""
        result = self._run("process", app)
        return [
            Throughput(system, Span(**result[part]), result["peak_rss_mb"])
            for system, part in ((FRESH, "fresh"), (WARM, "warm"))
        ]

    def recover(self, app: str) -> list[Recovery]:
        """Fill the changelog, delete the state directory, start again."""
        self._run("fill", app)
        shutil.rmtree(self._state(app))
        restored = self._run("recover", app)
        recovery = Recovery(
            system=SYSTEM,
            states=min(self.workload.series, self.workload.events),
            records=restored["records"],
            seconds=restored["seconds"],
            recovery_seconds=restored["recovery_seconds"],
            peak_rss_mb=restored["peak_rss_mb"],
        )
        return [recovery]

    def _state(self, app: str) -> Path:
        return self.directory / f"{app}-state"

    def _run(self, mode: str, app: str) -> dict[str, Any]:
        classpath = f"{PROJECT}/target/lane.jar:{PROJECT}/target/libs/*"
        options = {
            "mode": mode,
            "bootstrap": self.bootstrap,
            "topic": self.topic,
            "app": app,
            "events": self.workload.events,
            "schema": METRIC_SCHEMA,
            "state": self._state(app),
        }
        arguments = [f"{name}={value}" for name, value in options.items()]
        log = self.directory / f"{app}-{mode}.log"
        with log.open("w") as errors:
            done = subprocess.run(
                [*JAVA, "-cp", classpath, "bench.Lane", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=TIMEOUT_SECONDS,
                text=True,
                check=False,
            )
        if done.returncode:
            raise BenchmarkError(f"Kafka Streams ended with {done.returncode}: {tail(log)}")
        return json.loads(done.stdout)
