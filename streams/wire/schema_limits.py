"""What a writer's schema may be, checked before the Avro reader sees it.

The reader believes a schema. One that contains itself, or a part that takes no bytes, lets a
few bytes of data end the process or fill its memory; so both are refused, as is a deep or a very
large one. What is left has at least one byte of data for each value that is read.
"""

from __future__ import annotations

from typing import cast

from streams.wire.schemas import Json, bare_name

MAX_SCHEMA_BYTES = 200_000
MAX_PARTS = 2_000
"""Types in a schema, those of fields, items and branches included."""
MAX_DEPTH = 16
"""Types inside one another, references followed."""

_PLAIN = frozenset({"boolean", "int", "long", "float", "double", "bytes", "string", "enum"})


def require_bounded(schema: Json) -> None:
    """Raises ValueError that names the field and what is wrong with its type."""
    _Look().height(schema, "", 1)


class _Look:
    def __init__(self) -> None:
        self._parts = 0
        self._open: set[str] = set()
        """Records that are being looked at; one of them inside itself would never end."""
        self._heights: dict[str, int] = {}

    def height(self, type_: Json, path: str, depth: int) -> int:
        """Types from here down to the deepest; ``depth`` counts those above and this one."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise ValueError(f"it has more than {MAX_PARTS} types")
        below = self._below(type_, path, depth)
        if depth + below > MAX_DEPTH:
            raise _unfit(path, f"is more than {MAX_DEPTH} types deep")
        return below + 1

    def _below(self, type_: Json, path: str, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise _unfit(path, f"is more than {MAX_DEPTH} types deep")
        if isinstance(type_, str):
            return self._named(type_, path)
        if isinstance(type_, list):
            branches = [each for each in cast("list[Json]", type_) if not _is_null(each)]
            return max((self.height(each, path, depth + 1) for each in branches), default=0)
        if not isinstance(type_, dict):
            raise _unfit(path, f"has a type that is none: {str(type_)[:100]}")
        parts = cast("dict[str, Json]", type_)
        kind = parts.get("type")
        if kind in ("record", "error"):
            return self._record(parts, path, depth)
        if kind == "array":
            return self.height(parts.get("items"), f"{path}[]", depth + 1)
        if kind == "map":
            return self.height(parts.get("values"), f"{path}{{}}", depth + 1)
        if kind == "fixed":
            size = parts.get("size")
            if not isinstance(size, int) or size < 1:
                raise _unfit(path, f"is fixed of {size!r} bytes; it needs one at least")
            return 0
        return self._named(kind, path) if isinstance(kind, str) else self._below(kind, path, depth)

    def _record(self, parts: dict[str, Json], path: str, depth: int) -> int:
        name, fields = bare_name(parts), parts.get("fields")
        if name in self._open:
            raise _unfit(path, f"contains itself: {name}")
        if not isinstance(fields, list) or not fields:
            raise _unfit(path, f"is the record {name} without fields, which takes no bytes")
        self._open.add(name)
        found = 0
        for field in cast("list[dict[str, Json]]", fields):
            below = f"{path}.{field['name']}" if path else str(field["name"])
            found = max(found, self.height(field["type"], below, depth + 1))
        self._open.discard(name)
        self._heights[name] = found
        return found

    def _named(self, name: str, path: str) -> int:
        if name == "null":
            raise _unfit(path, "is null, which takes no bytes; use a union of null and a type")
        bare = name.rpartition(".")[2]
        if bare in self._open:
            raise _unfit(path, f"contains itself: {name}")
        return 0 if name in _PLAIN else self._heights.get(bare, 0)


def _is_null(type_: Json) -> bool:
    return type_ in ("null", {"type": "null"})


def _unfit(path: str, problem: str) -> ValueError:
    return ValueError(f"field {path!r} {problem}" if path else f"the schema {problem}")
