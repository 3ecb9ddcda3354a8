"""What an object of somebody else's classes has learned, as plain data that names no code.

An object is taken apart as ``copy.deepcopy`` does it, by ``__reduce_ex__``. Classes, functions and
known texts are left out: the data has their numbers in a list that was made from samples, so what
is put together consists of the samples' classes alone, whoever wrote the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple

import msgspec
import numpy as np

from streams.errors import ConfigError

_LIST, _TUPLE, _DICT, _SET, _FROZEN, _SEEN, _WORD, _ARRAY, _SCALAR, _OBJECT = range(10)
"""First items of the lists that stand for what msgpack does not have."""
_PLAIN = (bool, int, float, bytes, type(None))
_NUMBERS = "biufc"
"""Kinds of NumPy types whose bytes are all there is to them."""
_NEW_OBJECT: Any = object().__reduce_ex__(4)[0]
"""What Python makes an object by that does not say otherwise."""
_NEW = "was not there when it was tried"
_OPEN = -1
"""Number of an object that cannot be referred to yet."""

_pack = msgspec.msgpack.Encoder().encode


class _Maker(NamedTuple):
    """How an object is made before its state is set."""

    function: Callable[..., Any]
    new: bool
    """Whether it is a class whose ``__new__`` alone is called."""

    def make(self, arguments: Iterable[Any]) -> Any:
        function: Any = self.function
        return function.__new__(function, *arguments) if self.new else function(*arguments)


class ObjectState:
    """Takes apart and puts together objects made of the same classes as ``samples``.

    Order within dictionaries, shared references and cycles are kept; the same state in the same
    history gives the same data. Raises ConfigError, here and in ``take_apart``, for a part that
    cannot be stored.
    """

    def __init__(self, samples: Iterable[object]) -> None:
        self._words: list[Any] = []
        self._makers: list[_Maker] = []
        self._numbers: dict[object, int] = {}
        self._complete = False
        apart = [self.take_apart(sample) for sample in samples]
        self._complete = True
        names = [_name(known) for known in (*self._words, *self._makers)]
        self.fingerprint = sha256(_pack([names, apart[:1]])).hexdigest()[:16]
        """Changes with the first sample's state and with the classes of all."""

    def take_apart(self, value: object) -> Any:
        """The object as something that msgpack can hold."""
        return _Apart(self).node(value)

    def put_together(self, node: Any) -> Any:
        """A new object from what ``take_apart`` gave.

        Anything may be raised where it did not give that.
        """
        return _Together(self._words, self._makers).value(node)

    def word(self, word: object) -> int | None:
        """Number of a text, class or function; None for one that no sample had."""
        key = word if isinstance(word, str) else id(word)
        return self._number(key, word, self._words)

    def maker(self, maker: _Maker) -> int | None:
        """Number of a way to make an object; None for one that no sample had."""
        return self._number((id(maker.function), maker.new), maker, self._makers)

    def _number(self, key: object, thing: Any, things: list[Any]) -> int | None:
        if not self._complete and key not in self._numbers:
            self._numbers[key] = len(things)
            things.append(thing)  # kept, so that no other object gets its id
        return self._numbers.get(key)


class _Apart:
    """One object on its way to plain data."""

    def __init__(self, known: ObjectState) -> None:
        self._known = known
        self._seen: dict[int, int] = {}
        """Number by identity of what the data may refer to, in the order in which it is made."""
        self._count = 0
        self._alive: list[Any] = []
        """Identities hold only for what is not collected meanwhile."""

    def node(self, value: Any) -> Any:
        kind = value.__class__
        if kind in _PLAIN:
            return value
        if kind is str:
            number = self._known.word(value)
            return value if number is None else [_WORD, number]
        if _is_code(value):
            number = self._known.word(value)
            return _refuse(value, _NEW) if number is None else [_WORD, number]
        if isinstance(value, np.generic):
            return _scalar(value)
        if id(value) in self._seen:
            number = self._seen[id(value)]
            return _refuse(value, "contains itself") if number == _OPEN else [_SEEN, number]
        if kind in (tuple, frozenset):
            return self._fixed(value)
        return self._referable(value)

    def _fixed(self, value: Any) -> Any:
        """By value each time: whether equal ones are one object is chance."""
        self._seen[id(value)] = _OPEN
        items = [self.node(item) for item in value]
        del self._seen[id(value)]
        return [_TUPLE, *items] if type(value) is tuple else [_FROZEN, *sorted(items, key=_pack)]

    def _referable(self, value: Any) -> Any:
        kind = value.__class__
        if kind not in (list, dict, set, np.ndarray):
            return self._object(value)
        self._enter(value)
        if kind is list:
            return [_LIST, *map(self.node, value)]
        if kind is dict:
            return [_DICT, *(self.node(part) for pair in value.items() for part in pair)]
        if kind is set:
            return [_SET, *sorted(map(self.node, value), key=_pack)]
        if value.dtype.kind not in _NUMBERS:
            return _refuse(value, f"holds {value.dtype}")
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return [_ARRAY, value.dtype.str, order, list(value.shape), value.tobytes(order)]

    def _enter(self, value: Any) -> None:
        self._seen[id(value)] = self._count
        self._count += 1

    def _object(self, value: Any) -> Any:
        reduced = _reduced(value)
        parts: Any = (*reduced, None, None, None)
        function, arguments, state, items, pairs = parts[:5]
        appended: list[Any] = list(items or ())
        assigned: list[tuple[Any, Any]] = list(pairs or ())
        self._alive.append((value, reduced, appended, assigned))
        self._seen[id(value)] = _OPEN
        number = self._known.maker(_maker(value, function, arguments))
        if number is None:
            return _refuse(value, _NEW)
        if function is _NEW_OBJECT:
            arguments = arguments[1:]
        node: list[Any] = [_OBJECT, number, [self.node(argument) for argument in arguments]]
        self._enter(value)
        node += [self.node(state), [self.node(item) for item in appended]]
        return [*node, [self.node(part) for pair in assigned for part in pair]]


class _Together:
    """One object on its way back."""

    def __init__(self, words: list[Any], makers: list[_Maker]) -> None:
        self._words, self._makers = words, makers
        self._made: list[Any] = []

    def value(self, node: Any) -> Any:
        if node.__class__ is not list:
            return node
        kind, rest = node[0], node[1:]
        if kind == _WORD:
            return self._words[rest[0]]
        if kind == _SEEN:
            return self._made[rest[0]]
        if kind == _SCALAR:
            return np.frombuffer(rest[1], rest[0])[0]
        if kind == _TUPLE:
            return tuple(map(self.value, rest))
        if kind == _FROZEN:
            return frozenset(map(self.value, rest))
        return self._object(*rest) if kind == _OBJECT else self._container(kind, rest)

    def _container(self, kind: int, rest: list[Any]) -> Any:
        if kind == _ARRAY:
            dtype, order, shape, data = rest
            return self._entered(np.frombuffer(data, dtype).reshape(shape, order=order).copy(order))
        if kind == _LIST:
            items = self._entered([])
            items.extend(map(self.value, rest))
            return items
        if kind == _DICT:
            pairs = self._entered({})
            pairs.update(self._pairs(rest))
            return pairs
        if kind == _SET:
            members = self._entered(set())
            members.update(map(self.value, rest))
            return members
        raise ValueError(f"{kind} stands for nothing")

    def _entered(self, made: Any) -> Any:
        self._made.append(made)
        return made

    def _pairs(self, nodes: list[Any]) -> Iterable[tuple[Any, Any]]:
        values = map(self.value, nodes)
        return zip(values, values, strict=True)

    def _object(
        self, maker: int, arguments: list[Any], state: Any, items: list[Any], pairs: list[Any]
    ) -> Any:
        made = self._entered(self._makers[maker].make(list(map(self.value, arguments))))
        if state is not None:
            _set_state(made, self.value(state))
        for item in items:
            made.append(self.value(item))
        for key, value in self._pairs(pairs):
            made[key] = value
        return made


def _scalar(value: Any) -> Any:
    if value.dtype.kind not in _NUMBERS:
        return _refuse(value, f"is of type {value.dtype}")
    return [_SCALAR, value.dtype.str, value.tobytes()]


def _is_code(value: object) -> bool:
    if isinstance(value, BuiltinFunctionType):  # or a method, which has an object's state
        return isinstance(value.__reduce_ex__(4), str)
    return isinstance(value, type | FunctionType)


def _reduced(value: Any) -> tuple[Any, ...]:
    if isinstance(value, MethodType):  # by itself it asks for getattr
        return MethodType, (value.__func__, value.__self__)
    try:
        reduced = value.__reduce_ex__(4)
    except TypeError as error:
        return _refuse(value, str(error))
    return _refuse(value, "is a global name") if isinstance(reduced, str) else reduced


def _maker(value: Any, function: Any, arguments: Any) -> _Maker:
    """Classes, and functions of River; others, such as ``getattr``, may give anything."""
    if function is _NEW_OBJECT:
        return _Maker(arguments[0], new=True)
    if isinstance(function, type) or str(function.__module__).partition(".")[0] == "river":
        return _Maker(function, new=False)
    return _refuse(value, f"is made by {_name(function)}")


def _set_state(made: Any, state: Any) -> None:
    """As ``copy`` does it."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if state.__class__ is tuple else (state, None)
    if attributes:
        made.__dict__.update(attributes)
    for name, value in dict[str, Any](slots or {}).items():
        setattr(made, name, value)


def _name(known: Any) -> str:
    if isinstance(known, _Maker):
        return f"{_name(known.function)}/{known.new}"
    if isinstance(known, str):
        return known
    return f"{known.__module__}:{known.__qualname__}"


def _refuse(value: object, reason: str) -> Any:
    raise ConfigError(
        f"the model's state cannot be stored: a part of it {reason}",
        field="model",
        value=_name(value if _is_code(value) else type(value)),
        remedy="leave out this part, or implement Forecaster with a dump of your own",
    )
