"""What became of records that people have handed in, for those who wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.core.kernel.emission import Rejection

_KEPT = 1_000
"""Refusals kept for each partition of a topic."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record."""

    reason: str = ""
    """Stable code of a refusal; empty when the record was applied."""
    detail: str = ""
    """What is wrong, and the remedy."""


APPLIED = Result()


@dataclass(slots=True)
class _Handled:
    """Offsets from ``first`` to ``last`` were handled here since the partition came."""

    first: int
    last: int
    refused: dict[int, Result] = field(default_factory=dict[int, Result])


class Results:
    """Remembers what was handled of each partition. Used from one event loop."""

    def __init__(self) -> None:
        self._handled: dict[tuple[str, int], _Handled] = {}
        self._more = asyncio.Event()

    def note(
        self, source: str, partition: int, first: int, last: int, refused: Iterable[Rejection]
    ) -> None:
        """The records of a batch were applied, but for those that were refused."""
        place = source, partition
        handled = self._handled.setdefault(place, _Handled(first, last))
        handled.last = max(last, handled.last)
        handled.refused |= {each.offset: Result(each.reason, each.detail) for each in refused}
        while len(handled.refused) > _KEPT:
            oldest = next(iter(handled.refused))
            del handled.refused[oldest]
            handled.first = max(handled.first, oldest + 1)
        self._more.set()
        self._more = asyncio.Event()

    def forget(self) -> None:
        """The partitions were taken away."""
        self._handled.clear()

    async def of(self, source: str, partition: int, offset: int, seconds: float) -> Result | None:
        """What became of the record at ``offset``; None when that is not known within the time."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    more = self._more
                    handled = self._handled.get((source, partition))
                    if handled is not None and offset <= handled.last:
                        return self._result(handled, offset)
                    await more.wait()
        except TimeoutError:
            return None

    @staticmethod
    def _result(handled: _Handled, offset: int) -> Result | None:
        """None for records that were handled before the partition came here."""
        if offset < handled.first:
            return None
        return handled.refused.get(offset, APPLIED)
