"""What one run gives."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cluster import BenchmarkError


@dataclass(frozen=True, slots=True)
class Span:
    """Events and the wall and CPU time they took."""

    events: int
    wall_seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.events / self.wall_seconds

    @property
    def per_cpu_second(self) -> float:
        """Events per CPU-second of the whole process, all threads."""
        return self.events / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run of one system over a whole topic."""

    system: str
    span: Span
    """From the first record until the last one is committed."""
    peak_rss_mb: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """One restart without a state directory."""

    system: str
    states: int
    """Distinct keys whose state comes back."""
    records: int
    """Changelog records that were read for it."""
    seconds: float
    """From the start of the process until it is ready."""
    recovery_seconds: float
    """The part of it that the system itself reports as recovery."""
    peak_rss_mb: float

    def __post_init__(self) -> None:
        if self.records <= 0 or self.recovery_seconds <= 0:
            raise BenchmarkError(f"{self.system} recovered nothing: {self}")

    @property
    def per_second(self) -> float:
        """Changelog records a second of recovery."""
        return self.records / self.recovery_seconds
