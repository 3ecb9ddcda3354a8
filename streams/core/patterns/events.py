"""What patterns read of an event: its moment, its user and what it belongs together with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from streams.core.kernel.checks import DAY_MS, HOUR_MS
from streams.core.kernel.ids import stable_id
from streams.core.patterns.config import PatternConfig
from streams.core.patterns.state import PatternState
from streams.records import Event

_EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_END_MS = 253_402_128_000_000
"""9999-12-31; a day is left for the zone."""
_PATIENCE = 8
"""Events in a row that are much too old, after which the earlier ones must have been too new."""
_MAX_BYTES = 40
_HEAD, _TAIL = 27, 12


def is_usable(timestamp: int) -> bool:
    """Whether the calendar knows such a moment: 1970-01-02 to 9999."""
    return DAY_MS <= timestamp < _END_MS


def day_and_hour(timestamp: int, zone: tzinfo) -> tuple[int, int]:
    """Days since 1970-01-01 and hour of the day (0..23) in ``zone``."""
    if zone is UTC:
        return timestamp // DAY_MS, timestamp % DAY_MS // HOUR_MS
    moment = datetime.fromtimestamp(timestamp / 1000, zone)
    return moment.toordinal() - _EPOCH_ORDINAL, moment.hour


def follow(state: PatternState, timestamp: int, day: int) -> None:
    """Advance the entity's clock to an event.

    Late events leave it as it is. One event from the far future would make all later ones late
    for ever; so after eight in a row that are a day or more behind, the clock is set back.
    """
    if timestamp >= state.clock:
        state.clock, state.late = timestamp, 0
    elif state.clock - timestamp >= DAY_MS:
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


def short(name: str) -> str:
    """``name`` in at most 40 bytes of UTF-8: of a longer one the beginning and a digest."""
    if len(name) <= _MAX_BYTES and (name.isascii() or len(name.encode()) <= _MAX_BYTES):
        return name
    head = name.encode("utf-8", "replace")[:_HEAD].decode("utf-8", "ignore")
    return f"{head}~{stable_id(name)[-_TAIL:]}"


def user_of(event: Event, config: PatternConfig) -> str:
    """The user who caused the event; "" when nobody is named."""
    return short(_first(event.metadata, config.user_keys))


def track_of(event: Event, user: str, config: PatternConfig) -> str:
    """What the event belongs together with: its session, else its user, else its chain."""
    session = _first(event.metadata, config.session_keys)
    if session:
        return short(f"s:{session}")
    if user:
        return short(f"u:{user}")
    return short(f"c:{event.correlation_id}") if event.correlation_id else ""


def _first(metadata: Mapping[str, str], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = metadata.get(key)
        if value:
            return value
    return ""
