"""What one run gives."""

from __future__ import annotations

from dataclasses import dataclass


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
    empty_seconds: float
    """The same with nothing to recover: start of the interpreter or JVM, joining the group."""
    peak_rss_mb: float

    @property
    def net_seconds(self) -> float:
        """What the recovery itself took."""
        return max(self.seconds - self.empty_seconds, 0.001)

    @property
    def per_second(self) -> float:
        """Changelog records a second of recovery."""
        return self.records / self.net_seconds
