"""Workflows: the same steps again and again, each soon after the one before.

A workflow has at least two different steps; the same event in a row is a burst or a rhythm.
Events of one session are followed apart from those of others, so interleaved users do not mix.
The session is named by metadata, else the user, else the chain of records (``correlation_id``).
"""

from __future__ import annotations

from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.evidence import binomial_bound
from streams.core.patterns.state import PatternState, Sequence, Track
from streams.records import PatternType

_MOST = 0.95
"""Confidence is never higher: what comes next is for the entity to decide."""
_ENTER, _LEAVE = 0.2, 0.1
"""Share of all sequences (of different steps) at which one becomes a workflow, and ceases to be."""
_CLEAR_COUNT = 5
"""Whole repeats that speak for themselves, before there are ``min_sequence_events``."""
_MEMORY = 256
"""Sequences after which old ones are given half their weight."""


class Workflows(Detector[Sequence]):
    """Confidence is the share of the entity's sequences that are this one, at most 0.95."""

    kind = PatternType.WORKFLOW_SEQUENCE

    def learn(self, state: PatternState, track: str, step: str, timestamp: int) -> None:
        """An event, the next step of ``track``; sequences that are over must have been closed."""
        open_ = state.tracks.pop(track, None)
        if open_ is None:
            if len(state.tracks) >= self.config.max_tracks:
                # Not counted: nobody knows how it would have gone on.
                del state.tracks[next(iter(state.tracks))]
            open_ = Track(timestamp, [step])
        elif timestamp >= open_.last:  # a late event does not tell where it belongs
            open_.last = timestamp
            if len(open_.steps) <= self.config.max_steps:
                open_.steps.append(step)
        state.tracks[track] = open_

    def is_due(self, state: PatternState, now: int) -> bool:
        """Whether there is a sequence to end."""
        for track in state.tracks.values():
            return now - track.last >= self.config.sequence_gap_ms
        return False

    def close(self, state: PatternState, now: int) -> bool:
        """End the sequences that nothing can be added to any more; whether any was whole, so
        that it is time to judge all of them."""
        ended = False
        while self.is_due(state, now):
            ended |= self._count(state, state.tracks.pop(next(iter(state.tracks))))
        return ended

    def judge(self, state: PatternState, trait: Sequence) -> PatternMatch | None:
        if trait.count < self.config.min_sequence_count:
            return None
        if state.events < self.config.min_sequence_events and trait.count < _CLEAR_COUNT:
            return None
        share = trait.weight / max(1, state.closed_tracks)
        if share < (_LEAVE if trait.is_active else _ENTER):
            return None
        if not trait.is_active and self._p_value(state, trait) > self.config.significance:
            return None
        return PatternMatch(min(_MOST, share), 0)

    def portray(self, name: str, trait: Sequence, verdict: PatternMatch) -> Portrait:
        path = " -> ".join(trait.steps)
        return Portrait(
            key=trait.steps,
            description=f"workflow {path}",
            last_occurrence=trait.last,
            occurrences=trait.count,
            metadata={"sequence": path, "steps": str(len(trait.steps))},
        )

    def _p_value(self, state: PatternState, sequence: Sequence) -> float:
        """Chance of so many in any sequence, were each step drawn by how frequent it is."""
        chance = 1.0
        for step in sequence.steps:
            traits = state.types.get(step)
            chance *= (traits.rhythm.count if traits else 1) / (state.events + 1)
        bound = binomial_bound(sequence.weight, state.closed_tracks, chance)
        return min(1.0, len(state.sequences) * bound)

    def _count(self, state: PatternState, track: Track) -> bool:
        if len(track.steps) > self.config.max_steps or len(set(track.steps)) < 2:
            return False
        if state.closed_tracks >= _MEMORY:
            state.closed_tracks //= 2
            for each in state.sequences:
                each.weight //= 2
        state.closed_tracks += 1
        steps = tuple(track.steps)
        sequence = next((each for each in state.sequences if each.steps == steps), None)
        if sequence is None:
            sequence = Sequence(steps=steps)
        else:
            state.sequences.remove(sequence)
        sequence.count += 1
        sequence.weight += 1
        sequence.last = max(sequence.last, track.last)
        state.sequences.append(sequence)
        return True
