"""Where the schemas and the topic plan are: inside a wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from streams.errors import UnknownName

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_data", _PACKAGE.parent)


def resource(name: str) -> Path:
    """Path of ``topics.yaml`` or ``schemas/<Record>.avsc``. Raises UnknownName when absent."""
    for place in _PLACES:
        path = place / name
        if path.is_file():
            return path
    raise UnknownName(
        "packaged file not found",
        field="name",
        value=name,
        remedy="install goalstream again, or run it from a complete checkout",
    )


def schema_path(record_name: str) -> Path:
    """Path of a record's Avro schema."""
    return resource(f"schemas/{record_name}.avsc")


def topics_path() -> Path:
    """Path of the packaged topic plan."""
    return resource("topics.yaml")
