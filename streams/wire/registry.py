"""Schema ids: the registry protocol, and the registry of the package's own schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from streams.errors import GoalstreamError, InvalidRecord, UnknownName
from streams.records import RECORD_TYPES
from streams.wire.schemas import Json, schema_json

EMBEDDED_IDS = {
    "Metric": 2_000_000_001,
    "Event": 2_000_000_002,
    "Action": 2_000_000_003,
    "Goal": 2_000_000_019,
    "Plan": 2_000_000_020,
    "Suggestion": 2_000_000_006,
    "Feedback": 2_000_000_007,
    "Outcome": 2_000_000_008,
    "LoopEvent": 2_000_000_009,
    "Forecast": 2_000_000_017,
    "Prediction": 2_000_000_018,
    "Pattern": 2_000_000_012,
    "Alert": 2_000_000_013,
    "Command": 2_000_000_014,
    "Decision": 2_000_000_021,
    "DeadLetter": 2_000_000_016,
}
"""Record name to its fixed id. A changed schema gets a new number; none is used twice.

They lie far above the ids of a real registry, which count up from 1, so that a record written
with one of them is never taken for another schema.
"""


class NotCached(GoalstreamError, LookupError):
    """The schema was never fetched. The record is neither good nor bad yet: fetch, then decode."""


class Schemas(Protocol):
    """The schemas that are accepted on one topic, by id.

    ``schema_of`` and ``pending`` answer from memory and are for the hot path.
    """

    def schema_of(self, schema_id: int) -> Json:
        """The writer's schema, from memory.

        Raises NotCached before the first ``fetch``, UnknownName when there is none, InvalidRecord
        when it is there and cannot be used.
        """
        ...

    def pending(self, schema_ids: Iterable[int], /) -> set[int]:
        """Those ids that ``fetch`` must be called for before a decode."""
        ...

    def fetch(self, schema_ids: Iterable[int], /) -> None:
        """Ask for what is pending; the answers are kept for ``schema_of``.

        May wait, and may block on the network up to the registry's timeout: call it in a thread,
        and again with a growing pause while it raises Unavailable (skip nothing then).
        """
        ...


class Registry(Protocol):
    """Where schemas have ids. ``lookup`` and ``register`` may block on the network."""

    def under(self, subject: str) -> Schemas:
        """What is registered under this subject; asks nothing yet."""
        ...

    def lookup(self, subject: str, schema: Json) -> int:
        """Id under which exactly this schema is registered.

        Raises Unavailable, or UnknownName when it is not registered there.
        """
        ...

    def register(self, subject: str, schema: Json) -> int:
        """Register a schema, with backward compatibility required from then on; its id.

        Raises Unavailable, or InvalidRecord naming the field when it breaks older readers.
        """
        ...


def subject_name(topic: str) -> str:
    """Subject of the values of a Kafka topic."""
    return f"{topic}-value"


class EmbeddedRegistry:
    """The package's schemas under ``EMBEDDED_IDS``; no network, nothing to wait for."""

    def __init__(self) -> None:
        self._schemas: dict[int, Json] = {
            EMBEDDED_IDS[record_type.__name__]: schema_json(record_type)
            for record_type in RECORD_TYPES
        }

    def schema_of(self, schema_id: int) -> Json:
        if schema_id not in self._schemas:
            raise UnknownName(
                "schema id is not one of the embedded ones",
                field="schema_id",
                value=schema_id,
                remedy="set registry.url to the registry that gave this id",
            )
        return self._schemas[schema_id]

    def pending(self, _schema_ids: Iterable[int], /) -> set[int]:
        return set()

    def fetch(self, _schema_ids: Iterable[int], /) -> None:
        """Nothing: all is in memory."""

    def under(self, subject: str) -> EmbeddedRegistry:
        return self

    def lookup(self, subject: str, schema: Json) -> int:
        for schema_id, known in self._schemas.items():
            if known == schema:
                return schema_id
        raise UnknownName(
            "schema is not one of the embedded ones",
            field="subject",
            value=subject,
            remedy="use a real registry for schemas of your own",
        )

    def register(self, subject: str, schema: Json) -> int:
        try:
            return self.lookup(subject, schema)
        except UnknownName as error:
            raise InvalidRecord(
                "the embedded registry takes no new schemas",
                field="subject",
                value=subject,
                remedy="use a real registry for schemas of your own",
            ) from error
