"""The walk calls a body exact only when reading it alone uses all of it and no more."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records.limits import ID_BYTES
from streams.wire.avro_lengths import Shape, Table, exact_bodies
from streams.wire.schemas import parse

TAG = {"type": "record", "name": "Tag", "fields": [{"name": n, "type": "string"} for n in "kv"]}
TYPES: dict[Shape, Any] = {
    "string": "string",
    "long": "long",
    "double": "double",
    Table(2): {"type": "array", "items": TAG},
}
VALUES: dict[Shape, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=("Cs",)), max_size=80),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(),
    Table(2): st.lists(
        st.fixed_dictionaries({"k": st.text("ab", max_size=70), "v": st.text("é", max_size=3)}),
        max_size=4,
    ),
}


def schema_of(shapes: list[Shape]) -> Any:
    used: list[Any] = []
    for place, shape in enumerate(shapes):
        type_ = TYPES[shape]
        if isinstance(shape, Table):
            type_ = {"type": "array", "items": TAG | {"name": f"Tag{place}"}}
        used.append({"name": f"f{place}", "type": type_})
    return parse({"type": "record", "name": "R", "fields": used})


def write(schema: Any, values: list[Any]) -> bytes:
    out = io.BytesIO()
    fields = {f"f{place}": value for place, value in enumerate(values)}
    fastavro.schemaless_writer(out, schema, fields)
    return out.getvalue()


def reads_alone(schema: Any, body: bytes) -> bool:
    stream = io.BytesIO(body)
    try:
        fastavro.schemaless_reader(stream, schema, None)
    except UnicodeDecodeError:
        return True  # the walk does not look into texts
    except Exception:
        return False
    return stream.tell() == len(body)


def walk(bodies: list[bytes], shapes: list[Shape]) -> list[bool]:
    ends = np.cumsum([len(body) for body in bodies])
    starts = ends - np.array([len(body) for body in bodies])
    return exact_bodies(b"".join(bodies), starts, ends, shapes).tolist()


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[Shape], Any, list[bytes]]:
    shapes = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=5))
    schema = schema_of(shapes)
    rows = draw(st.lists(st.tuples(*[VALUES[s] for s in shapes]), min_size=1, max_size=5))
    return shapes, schema, [write(schema, list(row)) for row in rows]


@given(layouts())
def test_good_bodies_are_exact(layout: tuple[list[Shape], Any, list[bytes]]) -> None:
    shapes, _, bodies = layout
    assert walk(bodies, shapes) == [True] * len(bodies)


@given(layouts(), st.data())
def test_an_exact_body_can_be_read_alone(
    layout: tuple[list[Shape], Any, list[bytes]], data: st.DataObject
) -> None:
    shapes, schema, bodies = layout
    for place in data.draw(st.sets(st.integers(0, len(bodies) - 1))):
        bodies[place] = data.draw(damaged(bodies[place]))
    found = walk(bodies, shapes)
    for exact, body in zip(found, bodies, strict=True):
        if exact:
            assert reads_alone(schema, body)


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """Cut, extended, with changed bytes, or replaced."""
    places = st.integers(0, max(len(body) - 1, 0))
    return st.one_of(
        places.map(lambda end: body[:end]),
        st.binary(min_size=1, max_size=12).map(lambda more: body + more),
        st.tuples(places, st.binary(min_size=1, max_size=2)).map(
            lambda change: body[: change[0]] + change[1] + body[change[0] + len(change[1]) :]
        ),
        st.binary(max_size=30),
    )


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"", "string"),
        (b"\x01", "string"),
        (b"\x04a", "string"),
        (b"\x02ab", "string"),
        (b"\x80\x80\x01" + b"a" * 8192, "string"),
        (b"", "long"),
        (b"\x80", "long"),
        (b"\xff" * 9 + b"\x81\x00", "long"),
        (b"\x00" * 7, "double"),
        (b"\x00" * 9, "double"),
        (b"", Table(2)),
        (b"\x02\x02a\x02b", Table(2)),
        (b"\x02\x02a\x02b\x02\x00\x00\x00", Table(2)),
        (b"\x01\x08\x02a\x02b\x00", Table(2)),
    ],
)
def test_short_long_and_unusual_bodies_are_suspect(body: bytes, shape: Shape) -> None:
    good = {"string": b"\x02a", "long": b"\x02", "double": b"\x00" * 8}.get(str(shape), b"\x00")
    assert walk([good, body, good], [shape]) == [True, False, True]


def test_texts_beyond_their_limit_are_left_to_reading_alone() -> None:
    assert ID_BYTES == 256
    assert walk([b"\x80\x04" + b"a" * 256, b"\x82\x04" + b"a" * 257], ["string"]) == [True, False]
