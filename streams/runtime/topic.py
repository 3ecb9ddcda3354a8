"""A Faust topic whose events are whole batches."""

from __future__ import annotations

from typing import Any

from faust.topics import Topic
from faust.types import EventT, Message

from streams.runtime.transport import RawBatch


class BatchTopic(Topic):
    """Passes batches through undecoded; the engine decodes them in columns."""

    def _compile_decode(self) -> None:
        super()._compile_decode()
        decode_record = self.decode
        create_event = self.app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            if isinstance(message.value, RawBatch):
                return create_event(None, message.value, message.headers, message)
            return await decode_record(message, propagate=propagate)

        self.decode = decode  # type: ignore[method-assign]  # Faust compiles it per instance too
