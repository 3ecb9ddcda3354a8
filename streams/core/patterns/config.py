"""What counts as a pattern, and how much is remembered of one entity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from streams.core.kernel.checks import DAY_MS, Bounds, Count, InnerShare, Time, check


@dataclass(frozen=True, slots=True)
class PatternConfig:
    """Defaults keep the stored state of one entity below 24 kB, whatever arrives."""

    min_confidence: InnerShare = 0.7
    """Confidence from which a pattern may be a reason to act, 0..1 exclusive. Less sure ones are
    kept and published all the same."""
    min_events: Count = 10
    """Events of the entity before anything is said about them."""
    min_spike_events: Count = 50
    """Events of one type before its daily spikes are looked for."""
    min_season_events: Count = 100
    """Events of the entity before its weekdays are compared."""
    min_sequence_events: Count = 20
    """Events of the entity before a workflow is reported; five whole repeats are enough
    without."""
    min_occurrences: Annotated[int, Bounds(3)] = 5
    """Events of one type before it can be a recurring task."""
    max_variation: InnerShare = 0.3
    """Coefficient of variation of the gaps below which a task recurs, 0..1 exclusive."""
    significance: InnerShare = 0.05
    """Chance of a false find that is accepted for spikes, weekdays and workflows, 0..1
    exclusive."""
    min_sequence_count: Annotated[int, Bounds(2)] = 3
    """Times that a whole sequence must have been seen."""
    sequence_gap_ms: Time = 300_000
    """Events of one sequence are less than this apart."""
    retire_after: Count = 3
    """Occurrences that a pattern may miss before it is retired."""
    stale_after_ms: Time = 30 * DAY_MS
    """After this time without an occurrence a pattern without a period is retired."""
    user_keys: tuple[str, ...] = ("user_id", "user")
    """Keys of event metadata that name the user; the first one present counts."""
    session_keys: tuple[str, ...] = ("session_id", "session")
    """Keys of event metadata that name the session; the first one present counts."""
    max_types: Count = 40
    """Event types remembered. Here and below: per entity, the least recently seen goes first."""
    max_sequences: Count = 8
    """Different sequences counted."""
    max_steps: Annotated[int, Bounds(2)] = 8
    """Steps of the longest sequence; longer runs of events are no workflow."""
    max_tracks: Count = 8
    """Sequences that can be under way at the same time."""
    max_users: Count = 12
    """Users whose habits are learned."""
    max_pairs: Count = 12
    """Pairs of correlated metrics."""
    max_metrics: Count = 16
    """Metrics whose anomalies are counted."""

    def __post_init__(self) -> None:
        check(self, "patterns")
