"""Tables for people and one JSON file for machines."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from rich.table import Table

from benchmarks import peer
from benchmarks.lanes import LaneResult
from benchmarks.measurement import Recovery, Throughput

Run = TypeVar("Run", Throughput, Recovery)

PACKAGES = ("goalstream", "aiokafka", "faust-streaming", "numpy", "polars", "river", "rocksdict")


def machine_facts() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "cpus": os.cpu_count(),
        "cpu_model": _cpu_model(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "java": _java_version(),
        "kafka_streams": peer.version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _java_version() -> str:
    """First line of what Java says about itself; empty without Java."""
    if shutil.which("java") is None:
        return ""
    shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return shown.stderr.partition("\n")[0]  # Java writes its version to the standard error


def table_of(result: LaneResult) -> Table:
    """The table of a lane; recovery has columns of its own."""
    return _recovery_table(result) if result.lane.recovery else _throughput_table(result)


def _throughput_table(result: LaneResult) -> Table:
    """Minimum, median and maximum of each system, and the ratios of the medians."""
    table = Table(title=_title(result))
    table.add_column("system")
    for heading in ("events/CPU-s", "events/s (wall)", "peak MB", "x fresh JVM", "x warm JVM"):
        table.add_column(heading, justify="right")
    for system in _systems(result.throughputs):
        runs = _of(result.throughputs, system)
        table.add_row(
            system,
            _range([run.span.per_cpu_second for run in runs]),
            _range([run.span.per_second for run in runs]),
            f"{max(run.peak_rss_mb for run in runs):,.0f}",
            _ratio(runs, _of(result.throughputs, peer.FRESH)),
            _ratio(runs, _of(result.throughputs, peer.WARM)),
        )
    return table


def _recovery_table(result: LaneResult) -> Table:
    """Minimum, median and maximum of each system."""
    table = Table(title=_title(result))
    for heading in (
        "system",
        "records/s",
        "recovery seconds",
        "seconds to ready",
        "records",
        "peak MB",
    ):
        table.add_column(heading, justify="left" if heading == "system" else "right")
    for system in _systems(result.recoveries):
        runs = _of(result.recoveries, system)
        table.add_row(
            system,
            _range([run.per_second for run in runs]),
            _range([run.recovery_seconds for run in runs], ".2f"),
            _range([run.seconds for run in runs], ".2f"),
            _range([run.records for run in runs]),
            f"{max(run.peak_rss_mb for run in runs):,.0f}",
        )
    return table


def write_json(path: Path, results: list[LaneResult]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lanes = {result.lane.name: _as_json(result) for result in results}
    path.write_text(json.dumps({"machine": machine_facts(), "lanes": lanes}, indent=2) + "\n")


def _as_json(result: LaneResult) -> dict[str, Any]:
    return {
        "work": result.lane.work,
        "events": result.workload.events,
        "series": result.workload.series,
        "throughput": [_throughput_json(run) for run in result.throughputs],
        "recovery": [
            {**asdict(run), "records_per_second": run.per_second} for run in result.recoveries
        ],
    }


def _throughput_json(run: Throughput) -> dict[str, Any]:
    return {
        **asdict(run),
        "events_per_second": run.span.per_second,
        "events_per_cpu_second": run.span.per_cpu_second,
    }


def _title(result: LaneResult) -> str:
    workload = result.workload
    size = f"{workload.events:,} events, {workload.series:,} series"
    return f"{result.lane.name}: {result.lane.work} ({size})"


def _systems(runs: list[Throughput] | list[Recovery]) -> list[str]:
    return list(dict.fromkeys(run.system for run in runs))


def _of(runs: list[Run], system: str) -> list[Run]:
    return [run for run in runs if run.system == system]


def _ratio(runs: list[Throughput], base: list[Throughput]) -> str:
    """Ratio of the median rates; a dash when the base was not measured."""
    return f"{_median_rate(runs) / _median_rate(base):.2f}" if base else "-"


def _median_rate(runs: list[Throughput]) -> float:
    return statistics.median([run.span.per_cpu_second for run in runs])


def _range(values: list[float] | list[int], form: str = ",.0f") -> str:
    shown = (min(values), statistics.median(values), max(values))
    return " - ".join(format(value, form) for value in shown)
