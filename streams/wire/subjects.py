"""The schemas of one subject of a registry, by id: no other is accepted on its topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from streams.errors import InvalidRecord, UnknownName
from streams.wire.registry import NotCached
from streams.wire.schemas import Json

UNKNOWN_KEPT_SECONDS = 60.0
"""How long an id is believed not to be there before the registry is asked again."""
_UNKNOWN_LIMIT = 10_000
"""Refused ids remembered at most; random bytes carry random ids."""


class Version(NamedTuple):
    """What is registered as one version of a subject."""

    schema_id: int
    schema: Json
    """None for a schema that cannot be used."""
    problem: InvalidRecord | None = None


class SubjectSchemas:
    """Asks for the list of versions, at most once in a while, and reads each version once.

    So however many unknown ids come in, the registry gets a bounded number of requests, and an id
    is refused only by a list that is younger than the question. Safe to use from several threads.
    """

    def __init__(
        self,
        subject: str,
        versions: Callable[[str], Iterable[int]],
        version: Callable[[str, int], Version],
        *,
        lookups_per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``versions`` and ``version`` ask the registry; they raise Unavailable."""
        self._subject = subject
        self._versions = versions
        self._version = version
        self._pause = 60.0 / lookups_per_minute
        self._clock = clock
        self._sleep = sleep
        self._asking = threading.Lock()
        self._asked = float("-inf")
        self._read: set[int] = set()
        self._found: dict[int, Version] = {}
        self._refused: dict[int, float] = {}

    def schema_of(self, schema_id: int) -> Json:
        found = self._found.get(schema_id)
        if found is not None:
            if found.problem is not None:
                raise _anew(found.problem)
            return found.schema
        if schema_id in self._refused:
            raise UnknownName(
                f"no schema of this id is registered under {self._subject}",
                field="schema_id",
                value=schema_id,
                remedy="register the producer's schema there, in the registry that is set",
            )
        raise NotCached(
            "schema was not fetched",
            field="schema_id",
            value=schema_id,
            remedy="fetch the pending ids of a batch before decoding it",
        )

    def pending(self, schema_ids: Iterable[int], /) -> set[int]:
        return {schema_id for schema_id in schema_ids if self._must_ask(schema_id)}

    def fetch(self, schema_ids: Iterable[int], /) -> None:
        with self._asking:
            missing = self.pending(schema_ids)
            if not missing:
                return
            self._sleep(max(0.0, self._asked + self._pause - self._clock()))
            self._asked = self._clock()
            new = set(self._versions(self._subject)) - self._read
            for number in sorted(new, reverse=True):
                if not missing:
                    break
                found = self._version(self._subject, number)
                self._read.add(number)
                self._found.setdefault(found.schema_id, found)
                missing.discard(found.schema_id)
            for schema_id in missing:
                self._refuse(schema_id)

    def remember(self, schema_id: int, schema: Json) -> None:
        """A schema that is known to be registered here."""
        self._found[schema_id] = Version(schema_id, schema)

    def _must_ask(self, schema_id: int) -> bool:
        if schema_id in self._found:
            return False
        refused = self._refused.get(schema_id)
        return refused is None or self._clock() - refused >= UNKNOWN_KEPT_SECONDS

    def _refuse(self, schema_id: int) -> None:
        self._refused.pop(schema_id, None)
        self._refused[schema_id] = self._clock()
        while len(self._refused) > _UNKNOWN_LIMIT:
            del self._refused[next(iter(self._refused))]


def _anew(error: InvalidRecord) -> InvalidRecord:
    """The same error without a traceback, which would keep what it passed through alive."""
    return InvalidRecord(error.message, field=error.field, value=error.value, remedy=error.remedy)
