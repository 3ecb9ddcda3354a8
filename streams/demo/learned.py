"""What the worker's own views say that was learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from streams.demo.scenario import RESOURCES

VIEW = "learning"
Get = Callable[[str, str], object]
"""Row of a view by its key; None when there is none."""


class Successes(NamedTuple):
    """Of the latest outcomes of an action type, over all resources."""

    succeeded: int
    samples: int


def success_rates(get: Get) -> dict[str, Successes]:
    """By action type, in alphabetical order."""
    succeeded, samples = Counter[str](), Counter[str]()
    for row in _rows(get):
        for name, rate in row["action_success_rates"].items():
            succeeded[name] += round(rate["samples"] * (rate["rate"] or 0.0))
            samples[name] += rate["samples"]
    return {name: Successes(succeeded[name], samples[name]) for name in sorted(samples)}


def rates_told(rates: dict[str, Successes]) -> str:
    """In a few words; empty while nothing is known."""
    return ", ".join(
        f"{name} {rate.succeeded / rate.samples:.0%} of {rate.samples}"
        for name, rate in rates.items()
        if rate.samples
    )


def _rows(get: Get) -> Iterable[Any]:
    rows = (get(VIEW, resource.entity_id) for resource in RESOURCES)
    return [cast(Any, row) for row in rows if row is not None]
