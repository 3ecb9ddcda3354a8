"""Everything that is known of one entity, as one stored value: an envelope around slices.

One value per entity is what makes a crash harmless: either all effects of a record are in it
or none is, and ``offsets`` says which. What features know lies in slices, which are decoded when
they are first used and encoded again only when they were edited.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from streams.core.kernel.slices import S, Slice, StoredSlice, decode_slice, encode_slice
from streams.errors import StateError

ENVELOPE_VERSION = 2
ID_BYTES = 16
TURN_BYTES = 65_536
"""By how much one turn may make an entity larger, besides what its record brings."""
COPIES = 3
"""How often what a record says may be kept."""


class Dropped(NamedTuple):
    """A slice that could not be read and begins anew."""

    feature: str
    reason: str


class Entity:
    """Mutable; owned by the worker that owns the entity's partition."""

    __slots__ = (
        "_edited",
        "_open",
        "_seen",
        "_stored",
        "bound",
        "clock",
        "dropped",
        "entity_id",
        "entity_type",
        "offsets",
        "timers",
    )

    def __init__(self, entity_id: str, entity_type: str = "service") -> None:
        self.entity_id = entity_id
        self.entity_type = entity_type
        self.offsets: dict[str, int] = {}
        """Source topic -> offset of the last record that this value includes."""
        self.clock = 0
        """Event time of the newest record that the rules saw, ms; outcomes do not move it."""
        self.timers: dict[str, int] = {}
        """Feature -> event time at which it is due even without a record, ms."""
        self.bound = 0
        """Bytes of the stored form, at most; exact after ``encode``."""
        self.dropped: list[Dropped] = []
        """Slices that were found unreadable and not told of yet."""
        self._seen: dict[bytes, None] = {}
        self._stored: dict[str, StoredSlice] = {}
        self._open: dict[str, Slice] = {}
        self._edited: set[str] = set()

    # -- slices -------------------------------------------------------------------------------

    def read(self, kind: type[S]) -> S:
        """The slice, to look at only."""
        name = kind.slice_name
        found: Any = self._open.get(name)
        if found is None:
            found = self._open[name] = self._decoded(kind)
        return found

    def edit(self, kind: type[S]) -> S:
        """The slice, to be changed: it is encoded again at the next checkpoint."""
        found = self.read(kind)
        self._edited.add(kind.slice_name)
        return found

    def put(self, state: Slice) -> None:
        """Replace a slice."""
        self._open[state.slice_name] = state
        self._edited.add(state.slice_name)

    def has(self, kind: type[Slice]) -> bool:
        """Whether the slice was ever edited."""
        return kind.slice_name in self._stored or kind.slice_name in self._edited

    def strays(self) -> list[str]:
        """Slices that were changed without ``edit``, which is a defect of their feature. Slow: it
        encodes all that are open."""
        return [
            name
            for name, state in self._open.items()
            if name not in self._edited
            and encode_slice(state) != self._stored.get(name, encode_slice(type(state)()))
        ]

    def _decoded(self, kind: type[S]) -> S:
        stored = self._stored.get(kind.slice_name)
        if stored is None:
            return kind()
        try:
            return decode_slice(kind, stored)
        except StateError as error:
            self.dropped.append(Dropped(kind.slice_name, str(error)))
            self._edited.add(kind.slice_name)
            return kind()

    # -- ids ----------------------------------------------------------------------------------

    def remember(self, id_: str, limit: int) -> bool:
        """Note an id; False when it was known. Keeps the newest ``limit``."""
        digest = hashlib.blake2b(id_.encode(), digest_size=ID_BYTES).digest()
        if digest in self._seen:
            return False
        self._seen[digest] = None
        while len(self._seen) > limit:
            del self._seen[next(iter(self._seen))]
        return True

    def knows(self, id_: str) -> bool:
        """Whether an id is remembered."""
        return hashlib.blake2b(id_.encode(), digest_size=ID_BYTES).digest() in self._seen

    def seen(self) -> list[str]:
        """Hashes of the ids remembered, in hex, oldest first."""
        return [digest.hex() for digest in self._seen]

    # -- time ---------------------------------------------------------------------------------

    @property
    def wake_at(self) -> int | None:
        """Event time at which any feature is due even without a record, ms."""
        return min(self.timers.values(), default=None)

    def set_timer(self, feature: str, due: int | None) -> bool:
        """Set or drop a feature's timer; whether that changed anything."""
        if self.timers.get(feature) == due:
            return False
        if due is None:
            del self.timers[feature]
        else:
            self.timers[feature] = due
        return True

    # -- stored form --------------------------------------------------------------------------

    def encode(self) -> bytes:
        """Stored form; equal states give equal bytes."""
        for name in self._edited:
            self._stored[name] = encode_slice(self._open[name])
        self._edited.clear()
        data = _encoder.encode(
            StoredEntity(
                version=ENVELOPE_VERSION,
                entity_id=self.entity_id,
                entity_type=self.entity_type,
                offsets=_sorted(self.offsets),
                clock=self.clock,
                timers=_sorted(self.timers),
                seen=b"".join(self._seen),
                slices=_sorted(self._stored),
            )
        )
        self.bound = len(data)
        return data

    def grow(self, record_bytes: int = 0) -> None:
        """A turn has changed the entity, with a record of so many bytes."""
        self.bound += TURN_BYTES + COPIES * record_bytes

    def fits(self, record_bytes: int, limit: int) -> bool:
        """Whether the stored form stays below ``limit`` bytes with what such a record may add.

        The answer depends on the state alone: the bound is made exact before it is a reason.
        """
        more = COPIES * record_bytes
        if self.bound + more > limit:
            self.encode()
        return self.bound + more <= limit

    def largest(self) -> str:
        """The slice that takes the most bytes, as last encoded."""
        sizes = {name: len(bytes(stored.data)) for name, stored in self._stored.items()}
        return max(sizes, key=sizes.__getitem__, default="")

    @classmethod
    def restored(cls, stored: StoredEntity) -> Entity:
        """An entity as it was stored."""
        entity = cls(stored.entity_id, stored.entity_type)
        entity.offsets, entity.clock, entity.timers = stored.offsets, stored.clock, stored.timers
        ids = stored.seen
        entity._seen = {ids[i : i + ID_BYTES]: None for i in range(0, len(ids), ID_BYTES)}
        entity._stored = stored.slices
        return entity


class StoredEntity(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Layout of the stored value, msgpack."""

    version: int
    entity_id: str
    entity_type: str
    offsets: dict[str, int] = {}
    clock: int = 0
    timers: dict[str, int] = {}
    seen: bytes = b""
    """Hashes of 16 bytes each, oldest first."""
    slices: dict[str, StoredSlice] = {}
    """By feature; those of unknown features are kept as they are."""


class StoredTimers(msgspec.Struct, kw_only=True):
    """The part of a stored entity that says when it is due."""

    entity_id: str
    entity_type: str = "service"
    clock: int = 0
    timers: dict[str, int] = {}
    wake_at: int | None = None
    """Release 0.1.0 stored this in place of timers."""

    @property
    def due(self) -> int | None:
        """Event time, ms; None when nothing is due."""
        return min(self.timers.values(), default=self.wake_at)


class _SliceNames(msgspec.Struct):
    version: int
    slices: dict[str, msgspec.Raw] = {}


class _Version(msgspec.Struct):
    version: int


Migration = Callable[[int, bytes], Entity]
"""From (version, stored bytes) of an older layout; raises StateError where there is no way."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredEntity)
_slices_decoder = msgspec.msgpack.Decoder(_SliceNames)
_timers_decoder = msgspec.msgpack.Decoder(StoredTimers)
_version_decoder = msgspec.msgpack.Decoder(_Version)


def unknown_version(version: int, data: bytes) -> Entity:
    """The migration of whoever reads the present layout only."""
    raise StateError(
        "stored entity has another version",
        field="version",
        value=version,
        remedy=f"run the release that wrote it ({len(data)} bytes), or migrate to version "
        f"{ENVELOPE_VERSION}",
    )


def decode_entity(data: bytes, migrate: Migration = unknown_version) -> Entity:
    """Raises StateError when the bytes are damaged or of a version that is not known."""
    try:
        version = _version_decoder.decode(data).version
        if version == ENVELOPE_VERSION:
            entity = Entity.restored(_decoder.decode(data))
            entity.bound = len(data)
            return entity
    except msgspec.MsgspecError as error:
        raise _damaged(error) from error
    return migrate(version, data)


def decode_timers(data: bytes) -> StoredTimers:
    """Much faster than the whole entity; raises StateError when the bytes are damaged."""
    try:
        return _timers_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise _damaged(error) from error


def has_slice(data: bytes, name: str) -> bool:
    """Whether a stored entity has a slice of this name, or may have one in an older layout; much
    faster than reading it."""
    try:
        found = _slices_decoder.decode(data)
        return name in found.slices or found.version != ENVELOPE_VERSION
    except msgspec.MsgspecError as error:
        raise _damaged(error) from error


def _sorted(table: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(table.items()))


def _damaged(error: Exception) -> StateError:
    return StateError(
        f"stored entity cannot be read: {error}",
        remedy="run the release that wrote it; 'goalstream state check' finds what is damaged",
    )
