"""From messages to records, for every topic but metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from streams.core.kernel.batch import Positioned
from streams.records import Record
from streams.records.limits import MOST_OUTPUT_BYTES
from streams.wire.body import MAX_VALUE_BYTES, BodyReader
from streams.wire.checks import Checks
from streams.wire.registry import Schemas
from streams.wire.rejected import Decoded, Problem, Raw, Reason, Rejected


class RecordDecoder:
    """Decodes the messages of one topic, whatever version of the schema wrote them.

    A message that cannot be used is rejected, once, and its neighbours are not affected.
    """

    def __init__(
        self,
        schemas: Schemas,
        record_type: type[Record],
        *,
        max_value_bytes: int = MAX_VALUE_BYTES,
        output_bytes: int = MOST_OUTPUT_BYTES,
    ) -> None:
        """``output_bytes``: most of what a handler gave back."""
        self._body = BodyReader(
            schemas, record_type, max_value_bytes=max_value_bytes, output_bytes=output_bytes
        )
        self._checks = Checks(record_type)
        self._record_type = record_type

    def unknown_ids(self, raws: Iterable[Raw]) -> set[int]:
        """Schema ids to ``fetch`` before ``decode``; no I/O."""
        return self._body.unknown_ids(raws)

    def fetch(self, schema_ids: Iterable[int]) -> None:
        """Ask the registry; may block. Raises Unavailable: ask again later, skip nothing."""
        self._body.schemas.fetch(schema_ids)

    def decode(self, raws: Sequence[Raw]) -> Decoded:
        """Records and rejections, each in the order of ``raws``.

        Raises NotCached when ``unknown_ids`` were not fetched; then nothing was decided.
        """
        records: list[Positioned] = []
        rejected: list[Rejected] = []
        for raw in raws:
            record = self._record(raw)
            if isinstance(record, Problem):
                rejected.append(Rejected(raw, record.reason, record.detail))
            else:
                records.append(Positioned(raw.offset, record, raw.timestamp))
        return Decoded(records, rejected)

    def _record(self, raw: Raw) -> Record | Problem:
        fields = self._body.read(raw.value)
        if isinstance(fields, Problem):
            return fields
        problem = self._checks.problem(fields, raw.key)
        if problem is not None:
            return problem
        try:
            return msgspec.convert(fields, self._record_type)
        except msgspec.ValidationError as error:
            return Problem(Reason.INVALID_VALUE, f"record does not fit its type: {error}")
