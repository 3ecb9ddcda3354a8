"""How large the parts of a record are, told by its bytes before the Avro reader sees them.

A long value may hold millions of small parts, each of which takes far more memory than bytes. So
the body is walked by its schema, its texts unread, until something is beyond its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from streams.records.limits import ENTRIES, ID_BYTES, Excess, FieldLimit
from streams.wire.framing import HEADER_SIZE
from streams.wire.rejected import Problem, Reason
from streams.wire.schemas import Json, bare_name

MAX_PARTS = 10_000
"""Records, lists and maps in one record, at any depth."""

_LONG_BITS = 63
_FIXED = {"float": 4, "double": 8, "boolean": 1, "null": 0}

Walk = Callable[["_Body"], None]


class Lengths:
    """The walk for one writer's schema, which is bounded: ``require_bounded``."""

    def __init__(self, writer: Json, limits: Mapping[str, FieldLimit]) -> None:
        self._walk = _Compiler(limits).record(writer, "", None)

    def problem(self, value: bytes) -> Problem | None:
        """Why this framed value is not read; None when it may be."""
        try:
            self._walk(_Body(value))
        except _Beyond as beyond:
            return too_large(beyond.excess)
        except IndexError:
            return Problem(Reason.UNDECODABLE, "the value ends before the record does")
        except _Broken as broken:
            return Problem(Reason.UNDECODABLE, f"body does not follow its schema: {broken}")
        return None


def too_large(excess: Excess) -> Problem:
    return Problem(Reason.FIELD_TOO_LARGE, f"{excess.text}; send less, or a reference to it")


class _Beyond(Exception):
    def __init__(self, excess: Excess) -> None:
        self.excess = excess


class _Broken(Exception):
    pass


class _Body:
    """A position in a value; reading behind its end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = HEADER_SIZE
        self._parts = 0

    def long(self) -> int:
        shift = bits = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            bits |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (bits >> 1) ^ -(bits & 1)
            shift += 7
            if shift > _LONG_BITS:
                raise _Broken("a number of more than ten bytes")

    def skip(self, size: int) -> None:
        if size < 0:
            raise _Broken(f"a length of {size}")
        self._at += size
        if self._at > len(self._data):
            raise IndexError

    def text(self, path: str, longest: int | None) -> None:
        size = self.long()
        if longest is not None and size > longest:
            raise _Beyond(Excess(path, size, longest))
        self.skip(size)

    def part(self, path: str) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _Beyond(Excess(path, self._parts, MAX_PARTS, "parts"))

    def blocks(self, path: str, most: int | None, item: Walk) -> None:
        """A list or a map, which come in blocks of so many items."""
        self.part(path)
        total = 0
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            total += count
            if most is not None and total > most:
                raise _Beyond(Excess(path, total, most, "entries"))
            for _ in range(count):
                item(self)


class _Compiler:
    """A walk for each type. Fields that only the writer knows have no limits of their own."""

    def __init__(self, limits: Mapping[str, FieldLimit]) -> None:
        self._limits = limits
        self._named: dict[str, Walk] = {}

    def record(self, parts: dict[str, Json], path: str, limit: FieldLimit | None) -> Walk:
        walks: list[Walk] = []
        for field in cast("list[dict[str, Json]]", parts["fields"]):
            name = str(field["name"])
            inner = limit if path else self._limits.get(name)
            walks.append(self.type(field["type"], f"{path}.{name}" if path else name, inner))

        def walk(body: _Body) -> None:
            body.part(path)
            for each in walks:
                each(body)

        return walk

    def type(self, type_: Json, path: str, limit: FieldLimit | None) -> Walk:
        if isinstance(type_, list):
            return self._union(cast("list[Json]", type_), path, limit)
        if isinstance(type_, str):
            return self._named.get(type_.rpartition(".")[2]) or _plain(type_, path, limit)
        parts = cast("dict[str, Json]", type_)
        kind = parts["type"]
        if kind in ("record", "error", "enum", "fixed"):
            walk = self._definition(parts, path, limit)
            self._named[bare_name(parts)] = walk
            return walk
        most = None if limit is None else ENTRIES
        if kind == "array":
            item = self.type(parts["items"], f"{path}[]", limit)
            return lambda body: body.blocks(path, most, item)
        if kind == "map":
            value = self.type(parts["values"], f"{path}.*", limit)

            def entry(body: _Body) -> None:
                body.text(f"{path} (key)", None if limit is None else ID_BYTES)
                value(body)

            return lambda body: body.blocks(path, most, entry)
        return self.type(kind, path, limit)

    def _definition(self, parts: dict[str, Json], path: str, limit: FieldLimit | None) -> Walk:
        if parts["type"] == "enum":
            return _long
        if parts["type"] == "fixed":
            size = int(parts["size"])
            return lambda body: body.skip(size)
        return self.record(parts, path, limit)

    def _union(self, branches: list[Json], path: str, limit: FieldLimit | None) -> Walk:
        walks = [self.type(branch, path, limit) for branch in branches]

        def walk(body: _Body) -> None:
            index = body.long()
            if not 0 <= index < len(walks):
                raise _Broken(f"branch {index} of {len(walks)}")
            walks[index](body)

        return walk


def _plain(kind: str, path: str, limit: FieldLimit | None) -> Walk:
    if kind in ("string", "bytes"):
        longest = None if limit is None else limit.text
        return lambda body: body.text(path, longest)
    if kind in _FIXED:
        size = _FIXED[kind]
        return lambda body: body.skip(size)
    return _long


def _long(body: _Body) -> Any:
    body.long()
