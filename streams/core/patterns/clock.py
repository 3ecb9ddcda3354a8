"""Event time: days and hours of a zone, and what to do when the clock was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from streams.core.kernel.checks import DAY_MS
from streams.core.patterns.state import PatternState

_HOUR_MS = 3_600_000
_EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_END_MS = 253_402_128_000_000
"""9999-12-31; a day is left for the zone."""
_MUCH_MS = DAY_MS
_PATIENCE = 8
"""Events in a row that are much too old, after which the earlier ones must have been too new."""


def is_usable(timestamp: int) -> bool:
    """Whether the calendar knows such a moment: 1970-01-02 to 9999."""
    return DAY_MS <= timestamp < _END_MS


def day_and_hour(timestamp: int, zone: tzinfo) -> tuple[int, int]:
    """Days since 1970-01-01 and hour of the day (0..23) in ``zone``."""
    if zone is UTC:
        return timestamp // DAY_MS, timestamp % DAY_MS // _HOUR_MS
    moment = datetime.fromtimestamp(timestamp / 1000, zone)
    return moment.toordinal() - _EPOCH_ORDINAL, moment.hour


def follow(state: PatternState, timestamp: int, day: int) -> None:
    """Advance the entity's clock to an event.

    Late events leave it as it is. One event from the far future would make all later ones late
    for ever; so after eight in a row that are a day or more behind, the clock is set back.
    """
    if timestamp >= state.clock:
        state.clock, state.late = timestamp, 0
    elif state.clock - timestamp >= _MUCH_MS:
        state.late += 1
        if state.late >= _PATIENCE:
            _rewind(state, timestamp, day)


def _rewind(state: PatternState, timestamp: int, day: int) -> None:
    state.clock, state.late, state.next_expiry = timestamp, 0, 0
    for traits in state.types.values():
        # What lies ahead never was: the next event is the first of its chain.
        if traits.rhythm.last > timestamp:
            traits.rhythm.last = 0
        traits.day.last = min(traits.day.last, timestamp)
        traits.day.day = min(traits.day.day, day)
    state.week.last = min(state.week.last, timestamp)
    state.week.day = min(state.week.day, day)
    for habits in state.users.values():
        habits.last = min(habits.last, timestamp)
        habits.day = min(habits.day, day)
    for trait in (*state.sequences, *state.pairs, *state.incidents.values()):
        trait.last = min(trait.last, timestamp)
    state.tracks = {name: each for name, each in state.tracks.items() if each.last <= timestamp}
