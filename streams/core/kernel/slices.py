"""A feature's part of an entity: a typed struct with a name and a version of its own."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from streams.errors import StateError

S = TypeVar("S", bound="Slice")


class Slice(msgspec.Struct, omit_defaults=True):
    """Base of all slices; every field has a default, so an entity may have none of it yet.

    Mutable: change it only when it came from ``edit``, or the change is lost.
    """

    slice_name: ClassVar[str]
    """The feature's name; key of the slice in the stored entity."""
    slice_version: ClassVar[int] = 1
    """Raised when stored slices of before can no longer be decoded as they are."""

    @classmethod
    def migrate(cls, version: int, data: bytes) -> Self:
        """The slice from the msgpack bytes of another version.

        Raises StateError where there is no way: the slice is then dropped and the rest of the
        entity lives.
        """
        raise StateError(
            "a slice of another version",
            field=f"slices.{cls.slice_name}.version",
            value=version,
            remedy=f"use the release that wrote it, or give up what it holds; {len(data)} bytes",
        )


class StoredSlice(msgspec.Struct, array_like=True, frozen=True):
    """As it lies in the stored entity."""

    version: int
    data: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()


@cache
def _decoder(kind: type[Slice]) -> Any:
    return msgspec.msgpack.Decoder(kind)


def encode_slice(state: Slice) -> StoredSlice:
    """Equal slices give equal bytes."""
    return StoredSlice(state.slice_version, msgspec.Raw(_encoder.encode(state)))


def decode_slice(kind: type[S], stored: StoredSlice) -> S:
    """Raises StateError when it is damaged, or of a version that cannot be migrated."""
    if stored.version != kind.slice_version:
        return kind.migrate(stored.version, bytes(stored.data))
    try:
        return _decoder(kind).decode(stored.data)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"a slice cannot be read: {error}",
            field=f"slices.{kind.slice_name}",
            value=f"{len(bytes(stored.data))} bytes",
            remedy="nothing; it begins anew",
        ) from error
