"""CPU time and memory of another process, from /proc (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cluster import BenchmarkError

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 60.0
_LOG_TAIL = 2_000


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, to 10 ms."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def peak_rss_mb(pid: int) -> float:
    """Largest resident set so far, in MB of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise BenchmarkError(f"process {pid} has ended")


def environment() -> dict[str, str]:
    """This process's environment without goalstream's own settings: a lane sets them all."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GOALSTREAM_")}


@contextmanager
def running(
    command: Sequence[str], directory: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes its output to ``log`` and is stopped, then killed, on leaving."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log: Path) -> str:
    """The end of a log, for the text of an error."""
    return log.read_text(errors="replace")[-_LOG_TAIL:]
