"""What must be free while a plan runs: amounts by resource metric, each in the metric's unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from streams.errors import InvalidRecord
from streams.records import Goal

RESOURCES = "resource_requirements"
"""Name in a goal's metadata: a JSON object of resource metric to the amount that must be free."""

_decoder = msgspec.json.Decoder(dict[str, float])


def goal_requirements(goal: Goal) -> dict[str, float]:
    """What the goal's metadata ask for; empty when they do not.

    Raises InvalidRecord when the text is no JSON object of finite amounts, 0 or more.
    """
    text = goal.metadata.get(RESOURCES, "")
    if not text:
        return {}
    try:
        found = _decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise _unreadable(text) from error
    if not all(math.isfinite(amount) and amount >= 0 for amount in found.values()):
        raise _unreadable(text)
    return found


def largest(*requirements: Mapping[str, float]) -> dict[str, float]:
    """Largest amount per resource, ordered by name: what things need that take turns."""
    names = sorted({name for each in requirements for name in each})
    return {name: max(each[name] for each in requirements if name in each) for name in names}


def shortage(
    required: Mapping[str, float],
    reserved: Iterable[Mapping[str, float]],
    free: Mapping[str, float],
) -> str:
    """The first resource of which too little is free, in words; empty when there is enough.

    ``reserved`` is what running plans asked for. It is taken off ``free``, which was measured:
    whether they use it already cannot be told, and too little must not be given away twice. A
    resource whose free amount is not known is not enough for anything but 0.
    """
    taken = list(reserved)
    for name, amount in sorted(required.items()):
        if amount <= 0:
            continue
        if name not in free:
            return f"needs {amount:g} of {name}, whose free amount is not known"
        held = sum(each.get(name, 0.0) for each in taken)
        left = max(0.0, free[name] - held)
        if left < amount:
            note = f" ({held:g} held for running plans)" if held else ""
            return f"needs {amount:g} of {name}, {left:g} is free{note}"
    return ""


def _unreadable(text: str) -> InvalidRecord:
    return InvalidRecord(
        "resource requirements cannot be read",
        field=f"metadata.{RESOURCES}",
        value=text,
        remedy='use a JSON object of amounts, 0 or more, such as {"cpu": 20}',
    )
