"""What counts as a pattern, and how much is remembered of one entity."""

from __future__ import annotations

from dataclasses import dataclass

from streams.errors import ConfigError

DAY_MS = 86_400_000

_MINIMA = {
    "min_events": 1,
    "min_spike_events": 1,
    "min_season_events": 1,
    "min_sequence_events": 1,
    "min_occurrences": 3,
    "min_sequence_count": 2,
    "retire_after": 1,
    "sequence_gap_ms": 1,
    "stale_after_ms": 1,
    "max_types": 1,
    "max_sequences": 1,
    "max_steps": 2,
    "max_tracks": 1,
    "max_users": 1,
    "max_pairs": 1,
    "max_metrics": 1,
}
_SHARES = ("min_confidence", "max_variation", "significance")


@dataclass(frozen=True, slots=True)
class PatternConfig:
    """Defaults keep the stored state of one entity below 24 kB, whatever arrives."""

    min_confidence: float = 0.7
    """Confidence from which a pattern may be a reason to act, 0..1 exclusive. Less sure ones are
    kept and published all the same."""
    min_events: int = 10
    """Events of the entity before anything is said about them."""
    min_spike_events: int = 50
    """Events of one type before its daily spikes are looked for."""
    min_season_events: int = 100
    """Events of the entity before its weekdays are compared."""
    min_sequence_events: int = 20
    """Events of the entity before a workflow is reported; five whole repeats are enough
    without."""
    min_occurrences: int = 5
    """Events of one type before it can be a recurring task."""
    max_variation: float = 0.3
    """Coefficient of variation of the gaps below which a task recurs, 0..1 exclusive."""
    significance: float = 0.05
    """Chance of a false find that is accepted for spikes, weekdays and workflows, 0..1
    exclusive."""
    min_sequence_count: int = 3
    """Times that a whole sequence must have been seen."""
    sequence_gap_ms: int = 300_000
    """Events of one sequence are less than this apart."""
    retire_after: int = 3
    """Occurrences that a pattern may miss before it is retired."""
    stale_after_ms: int = 30 * DAY_MS
    """After this time without an occurrence a pattern without a period is retired."""
    user_keys: tuple[str, ...] = ("user_id", "user")
    """Keys of event metadata that name the user; the first one present counts."""
    session_keys: tuple[str, ...] = ("session_id", "session")
    """Keys of event metadata that name the session; the first one present counts."""
    max_types: int = 40
    """Event types remembered. Here and below: per entity, the least recently seen goes first."""
    max_sequences: int = 8
    """Different sequences counted."""
    max_steps: int = 8
    """Steps of the longest sequence; longer runs of events are no workflow."""
    max_tracks: int = 8
    """Sequences that can be under way at the same time."""
    max_users: int = 12
    """Users whose habits are learned."""
    max_pairs: int = 12
    """Pairs of correlated metrics."""
    max_metrics: int = 16
    """Metrics whose anomalies are counted."""

    def __post_init__(self) -> None:
        for name, least in _MINIMA.items():
            _require(
                getattr(self, name) >= least, name, getattr(self, name), f"use {least} or more"
            )
        for name in _SHARES:
            value = getattr(self, name)
            _require(0 < value < 1, name, value, "use a number between 0 and 1")


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError(
            "setting out of range", field=f"patterns.{name}", value=value, remedy=remedy
        )
