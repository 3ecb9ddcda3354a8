import math
import operator
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import msgspec
import numpy as np
import pytest

from streams.core.forecasting.object_state import ObjectState
from streams.errors import ConfigError


class Node:
    """A plain object."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.next: Any = self


class Slotted:
    __slots__ = ("left", "right")


class Stateful:
    def __init__(self) -> None:
        self.seen = 0

    def __getstate__(self) -> tuple[int]:
        return (self.seen + 1,)

    def __setstate__(self, state: tuple[int]) -> None:
        self.seen = state[0] - 1


def through_bytes(value: Any) -> Any:
    state = ObjectState([value])
    data = msgspec.msgpack.encode(state.take_apart(value))
    made = state.put_together(msgspec.msgpack.decode(data))
    assert msgspec.msgpack.encode(state.take_apart(made)) == data
    return made


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [True, None, 2.5, b"x", "text"], 3: ()},
        {1, 2, 3},
        frozenset({"a", "b"}),
        deque([1, 2, 3], maxlen=4),
        defaultdict(float, {"a": 1.0}),
        Counter("banana"),
        OrderedDict(b=1, a=2),
        (1, (2, [3])),
        [math.sin, len, Node],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_put_together_is_equal(value: Any) -> None:
    made = through_bytes(value)
    assert made == value
    assert type(made) is type(value)
    if not isinstance(value, (set, frozenset)):  # a set's order follows from how it grew
        assert list(made) == list(value)
    assert getattr(made, "maxlen", None) == getattr(value, "maxlen", None)
    assert getattr(made, "default_factory", None) == getattr(value, "default_factory", None)


def test_numbers_keep_their_bits_and_types() -> None:
    values = [-0.0, math.nan, math.inf, np.float64(0.1), np.float32(0.1), np.int64(7), True, 1]
    made = through_bytes(values)
    assert [type(value) for value in made] == [type(value) for value in values]
    assert np.array(made, np.float64).tobytes() == np.array(values, np.float64).tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_type_shape_and_order(order: Any) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], np.int32, order=order)
    made = through_bytes(array)
    assert made.dtype == array.dtype
    assert made.flags.c_contiguous == array.flags.c_contiguous
    assert np.array_equal(made, array)
    made[0, 0] = 7
    assert array[0, 0] == 1


def test_shared_parts_stay_shared_and_cycles_closed() -> None:
    shared = [1.0]
    node = Node({"one": shared, "other": shared})
    made = through_bytes(node)
    assert made.next is made
    assert made.value["one"] is made.value["other"]
    assert made.value["one"] is not shared


def test_objects_keep_slots_states_and_bound_methods() -> None:
    slotted, stateful, node = Slotted(), Stateful(), Node()
    slotted.left, stateful.seen, node.value = 5, 3, stateful.__setstate__
    made = through_bytes([slotted, stateful, node])
    assert made[0].left == 5
    assert not hasattr(made[0], "right")
    assert made[1].seen == 3
    made[2].value((9,))
    assert made[1].seen == 8
    assert stateful.seen == 3


def test_equal_sets_give_equal_data_whatever_their_order() -> None:
    one, other = set[int](), set[int]()
    one.update([8, 0])
    other.update([0, 8])
    state = ObjectState([one])
    assert list(one) != list(other)
    assert state.take_apart(one) == state.take_apart(other)


def test_the_data_names_no_code() -> None:
    state = ObjectState([Node(math.sin)])
    data = msgspec.msgpack.encode(state.take_apart(Node(math.sin)))
    for name in (b"Node", b"sin", b"math", b"value", __name__.encode()):
        assert name not in data


def test_what_no_sample_had_is_refused_by_name() -> None:
    state = ObjectState([Node()])
    for value, name in ((Slotted(), "Slotted"), (operator.add, "add"), ([Stateful], "Stateful")):
        with pytest.raises(ConfigError, match="not there when it was tried") as caught:
            state.take_apart(value)
        assert name in str(caught.value.value)
    assert state.put_together(state.take_apart(["new text"])) == ["new text"]


def _tuple_of_itself() -> Any:
    items: list[Any] = []
    pair = (items, 1)
    items.append(pair)
    return pair


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (_tuple_of_itself(), "contains itself"),
        (np.array([[], 1], object), "holds object"),
        (iter([1]), "made by builtins:iter"),
        ([].append, "made by builtins:getattr"),
        ((number for number in range(3)), "generator"),
        (np.datetime64("2020-01-01"), "datetime64"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_stored_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ObjectState([value])


def test_the_fingerprint_follows_first_state_and_classes() -> None:
    def fingerprint(*samples: Any) -> str:
        return ObjectState(samples).fingerprint

    assert fingerprint(Node(1)) == fingerprint(Node(1))
    assert fingerprint(Node(1)) == fingerprint(Node(1), Node(2))
    others = {fingerprint(Node(1)), fingerprint(Node(2)), fingerprint(Node(1), Slotted())}
    assert len(others) == 3
