"""What a handler gave back, brought into one form whatever it was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from numbers import Real
from typing import TypeVar, cast

from streams.core.metric.progress import coerce_number
from streams.core.metric.text import TRACE_BYTES, json_text, plain_text, shortened_json, tail
from streams.records import OutcomeStatus
from streams.records.limits import ID_BYTES, TEXT_BYTES

_V = TypeVar("_V")

UNKNOWN_FAILURE = "Unknown failure"
INVALID_RESULT = "InvalidResult"
_MAX_COUNT = 2**53
_MAX_ENTRIES = 64
"""Entries of metadata and of impact that are kept, so that the record fits into a message."""
_ENTRY_LIMIT = 1_024
"""Bytes of a value of metadata."""
_CUT = "result_cut"
_KNOWN_KEYS = frozenset(
    {
        "status",
        "success",
        "output",
        "error",
        "impact",
        "metadata",
        "tokens_used",
        "llm_latency_ms",
        "quality_score",
        "confidence_score",
        "cost_estimate",
    }
)


@dataclass(frozen=True, slots=True)
class HandlerResult:
    """How a handler ended. A handler may also return one of these itself."""

    status: OutcomeStatus = OutcomeStatus.SUCCESS
    """Final, never pending."""
    output: str | None = None
    """JSON text."""
    error_message: str | None = None
    error_type: str | None = None
    """Class name of an error; None for a failure that the handler reported itself."""
    stack_trace: str | None = None
    impact: dict[str, float] = field(default_factory=dict[str, float])
    """Metric to the change that the handler claims, in the metric's unit."""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    tokens_used: int | None = None
    llm_latency_ms: float | None = None
    quality_score: float | None = None
    confidence_score: float | None = None
    cost_estimate: float | None = None

    def bounded(self, output_bytes: int) -> HandlerResult:
        """The same within the limits of an outcome; metadata name the fields that were cut."""
        texts = {
            "output": None
            if self.output is None
            else shortened_json(self.output.encode("utf-8", "backslashreplace"), output_bytes),
            "error_message": _cut(self.error_message, TEXT_BYTES),
            "error_type": _cut(self.error_type, ID_BYTES),
            "stack_trace": None
            if self.stack_trace is None
            else tail(self.stack_trace, min(output_bytes, TRACE_BYTES)),
        }
        impact = dict(islice(_short_keys(self.impact), _MAX_ENTRIES))
        metadata = {
            name: plain_text(value, _ENTRY_LIMIT)
            for name, value in islice(_short_keys(self.metadata), _MAX_ENTRIES)
        }
        parts = {**texts, "impact": impact, "metadata": metadata}
        cut = [name for name, part in parts.items() if part != getattr(self, name)]
        if not cut:
            return self
        return replace(self, **{**parts, "metadata": {**metadata, _CUT: ", ".join(cut)}})


def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else plain_text(text, limit)


def _short_keys(entries: Mapping[str, _V]) -> Iterator[tuple[str, _V]]:
    return ((plain_text(key, ID_BYTES), value) for key, value in entries.items())


def interpret(returned: object) -> HandlerResult:
    """The result that a handler's return value stands for.

    A mapping may say ``status`` (a final outcome status in any case) or ``success`` (bool),
    ``output``, ``error``, ``impact`` (metric to number) and ``metadata``; token use, model
    latency, cost and scores are taken from it or from its metadata. A mapping that says neither
    status, success nor error is a success. Without ``output``, its other keys are the output.
    Anything but a mapping is the output of a success. A status that is none is a failure of type
    InvalidResult.
    """
    if isinstance(returned, HandlerResult):
        return _only_final(returned)
    if not isinstance(returned, Mapping):
        return HandlerResult(output=None if returned is None else json_text(returned))
    said = {
        plain_text(key): value for key, value in cast(Mapping[object, object], returned).items()
    }
    metadata = _mapping(said.get("metadata"))
    impact = _mapping(said.get("impact"))
    numbers = {name: _number(value) for name, value in impact.items()}
    tokens = _number(said.get("tokens_used", metadata.get("tokens_used")))

    def measured(name: str) -> float | None:
        return _number(said.get(name, metadata.get(name)))

    result = HandlerResult(
        output=_output(said),
        impact={name: number for name, number in numbers.items() if number is not None},
        metadata=_metadata(metadata, [name for name, number in numbers.items() if number is None]),
        tokens_used=int(tokens) if tokens is not None and 0 <= tokens < _MAX_COUNT else None,
        llm_latency_ms=measured("llm_latency_ms"),
        quality_score=measured("quality_score"),
        confidence_score=_confidence(said, measured("confidence_score")),
        cost_estimate=measured("cost_estimate"),
    )
    return _judged(result, said)


def failure(error: BaseException, stack_trace: str | None = None) -> HandlerResult:
    """The result of a handler that raised: timeout and cancellation by their own names.

    ``stack_trace`` is kept when given; leave it out where traces are not to be published.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    status = OutcomeStatus.FAILURE
    if isinstance(error, TimeoutError):
        status = OutcomeStatus.TIMEOUT
    elif "CancelledError" in names:  # asyncio and concurrent.futures have one each
        status = OutcomeStatus.CANCELLED
    return HandlerResult(
        status=status,
        error_message=plain_text(error) or type(error).__name__,
        error_type=type(error).__name__,
        stack_trace=None if stack_trace is None else tail(stack_trace),
    )


def timed_out(limit_seconds: float) -> HandlerResult:
    """The result of a handler that was stopped at its time limit."""
    return HandlerResult(
        status=OutcomeStatus.TIMEOUT,
        error_message=f"the handler did not end within {limit_seconds:g} s",
        error_type=TimeoutError.__name__,
    )


def _judged(result: HandlerResult, said: Mapping[str, object]) -> HandlerResult:
    """``result`` with the status that the mapping asks for, and the reason if it is a bad one."""
    status = _status(said)
    if status is None:
        told = {key: said[key] for key in ("status", "success") if key in said}
        allowed = ", ".join(status.value for status in OutcomeStatus if status.is_final)
        return replace(
            result,
            status=OutcomeStatus.FAILURE,
            error_type=INVALID_RESULT,
            error_message=f"the handler returned {plain_text(told)}; status is one of {allowed}, "
            "success is true or false",
        )
    error, message = said.get("error"), _error_text(said)
    if message is None and status is OutcomeStatus.FAILURE:
        message = UNKNOWN_FAILURE
    kind = type(error).__name__ if isinstance(error, BaseException) else None
    return replace(result, status=status, error_message=message, error_type=kind)


def _status(said: Mapping[str, object]) -> OutcomeStatus | None:
    """None when what is said is no final status."""
    if said.get("status") is not None:
        try:
            status = OutcomeStatus(plain_text(said["status"]).strip().lower())
        except ValueError:
            return None
        return status if status.is_final else None
    success = said.get("success")
    if success is None:
        return OutcomeStatus.FAILURE if _error_text(said) else OutcomeStatus.SUCCESS
    if not isinstance(success, bool):
        return None
    return OutcomeStatus.SUCCESS if success else OutcomeStatus.FAILURE


def _error_text(said: Mapping[str, object]) -> str | None:
    error = said.get("error")
    if error is None or error is False:
        return None
    text = plain_text(error)
    return type(error).__name__ if isinstance(error, BaseException) and not text else text or None


def _only_final(result: HandlerResult) -> HandlerResult:
    return result if result.status.is_final else _judged(result, {"status": result.status})


def _output(said: Mapping[str, object]) -> str | None:
    if "output" in said:
        return None if said["output"] is None else json_text(said["output"])
    rest = {key: value for key, value in said.items() if key not in _KNOWN_KEYS}
    return json_text(rest) if rest else None


def _metadata(metadata: Mapping[str, object], unreadable: list[str]) -> dict[str, str]:
    texts = {
        name: plain_text(value if isinstance(value, str) else json_text(value), _ENTRY_LIMIT)
        for name, value in metadata.items()
    }
    if unreadable:
        texts["impact_ignored"] = plain_text(", ".join(unreadable), _ENTRY_LIMIT)
    return texts


def _confidence(said: Mapping[str, object], stated: float | None) -> float | None:
    if stated is not None:
        return stated
    output = said.get("output")
    if not isinstance(output, Mapping):
        return None
    inner = cast(Mapping[object, object], output)
    return _number(inner.get("confidence_score", inner.get("confidence")))


def _mapping(value: object) -> dict[str, object]:
    """The first entries of a mapping, with text keys; empty when ``value`` is none."""
    if not isinstance(value, Mapping):
        return {}
    items = islice(cast(Mapping[object, object], value).items(), _MAX_ENTRIES)
    return {plain_text(key, ID_BYTES): item for key, item in items}


def _number(value: object) -> float | None:
    """A finite number; text that spells one counts, as does a bool."""
    if isinstance(value, str):
        return coerce_number(value)
    if not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
