"""The stored form of everything that is known of one series."""

from __future__ import annotations

import msgspec

from streams.core.forecasting.state import damaged, require, seal, unseal
from streams.core.forecasting.track import TRACK

VERSION = 3


class Part(msgspec.Struct, array_like=True, gc=False):
    """One model or detector; its state is read only by the version that wrote it."""

    name: str
    version: str
    state: bytes
    score: tuple[int, float, float] | None = None
    """How a model does, as in ``track.MEMBER``."""


class Stored(msgspec.Struct, array_like=True, gc=False):
    """One series."""

    parts: list[Part]
    track: bytes
    version: int = VERSION


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Stored).decode


def encode_bank(stored: Stored) -> bytes:
    """Bytes with a checksum; equal states give equal bytes."""
    return seal(_encode(stored))


def decode_bank(data: bytes) -> Stored:
    """Raises StateError when the bytes are damaged or of another version."""
    try:
        stored = _decode(unseal(data, "series"))
    except msgspec.MsgspecError as error:
        raise damaged("series", error) from error
    require(stored.version == VERSION, "series", f"version {stored.version} is not known")
    require(len(stored.track) == TRACK.itemsize, "series", "the statistics have another size")
    return stored
