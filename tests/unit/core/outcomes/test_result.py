from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.metric.text import TRACE_BYTES, json_text, plain_text
from streams.core.outcomes.result import (
    INVALID_RESULT,
    UNKNOWN_FAILURE,
    HandlerResult,
    failure,
    interpret,
    timed_out,
)
from streams.records import Outcome, OutcomeStatus
from streams.records.limits import ID_BYTES, OUTPUT_BYTES, TEXT_BYTES, field_limits

SUCCESS, FAILURE = OutcomeStatus.SUCCESS, OutcomeStatus.FAILURE


class Mute:
    """Has no text form."""

    def __str__(self) -> str:
        raise RuntimeError("mute")


def output_of(returned: object) -> Any:
    output = interpret(returned).output
    assert output is not None
    return json.loads(output)


@pytest.mark.parametrize(
    "returned",
    [{}, {"success": True}, {"status": "success"}, {"status": "SUCCESS "}, {"output": 1}, None],
)
def test_what_says_nothing_else_is_a_success(returned: object) -> None:
    result = interpret(returned)
    assert (result.status, result.error_message, result.error_type) == (SUCCESS, None, None)


@pytest.mark.spec("S2-013")
@pytest.mark.parametrize(
    "returned",
    [
        {"status": "weird"},
        {"status": "pending"},
        {"status": 200},
        {"success": "false"},
        HandlerResult(status=OutcomeStatus.PENDING),
    ],
)
def test_an_unknown_status_is_no_success(returned: object) -> None:
    result = interpret(returned)
    assert (result.status, result.error_type) == (FAILURE, INVALID_RESULT)
    assert result.error_message is not None
    assert "success, partial, failure, timeout, cancelled" in result.error_message


@pytest.mark.parametrize("status", [status for status in OutcomeStatus if status.is_final])
def test_every_final_status_can_be_said(status: OutcomeStatus) -> None:
    assert interpret({"status": status.value}).status is status
    assert interpret({"status": status, "success": True}).status is status


@pytest.mark.spec("S2-026")
def test_the_error_of_a_failure() -> None:
    assert failure(ValueError("Invalid data format")).error_message == "Invalid data format"
    assert interpret({"success": False}).error_message == UNKNOWN_FAILURE
    said = interpret({"success": False, "error": "disk full"})
    assert (said.error_message, said.error_type) == ("disk full", None)


@pytest.mark.spec("S2-027")
def test_the_type_of_an_error_is_its_class() -> None:
    assert failure(ValueError("bad")).error_type == "ValueError"
    assert interpret({"error": ValueError("bad")}).error_type == "ValueError"
    assert interpret({"error": ValueError()}).error_message == "ValueError"


def test_an_error_without_a_status_is_a_failure() -> None:
    assert interpret({"error": "disk full"}).status is FAILURE
    for nothing in (None, "", False):
        assert interpret({"error": nothing}).status is SUCCESS


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("bad"), FAILURE),
        (TimeoutError(), OutcomeStatus.TIMEOUT),
        (ConnectionError(), FAILURE),
    ],
)
def test_what_was_raised_decides_the_status(error: Exception, status: OutcomeStatus) -> None:
    result = failure(error)
    assert result.status is status
    assert result.error_type == type(error).__name__
    assert result.error_message


@pytest.mark.parametrize("module", ["asyncio", "concurrent.futures"])
def test_a_cancelled_handler_is_cancelled(module: str) -> None:
    cancelled = __import__(module, fromlist=["CancelledError"]).CancelledError
    assert failure(cancelled()).status is OutcomeStatus.CANCELLED


def test_a_trace_is_kept_only_when_given() -> None:
    assert failure(ValueError("bad")).stack_trace is None
    kept = failure(ValueError("bad"), "x" * TRACE_BYTES + "ValueError: bad").stack_trace
    assert kept is not None
    assert len(kept) == TRACE_BYTES
    assert kept.endswith("ValueError: bad")


def test_a_handler_at_its_limit() -> None:
    result = timed_out(30.0)
    assert (result.status, result.error_type) == (OutcomeStatus.TIMEOUT, "TimeoutError")
    assert result.error_message == "the handler did not end within 30 s"


@pytest.mark.spec("S2-064")
def test_a_result_that_is_no_mapping_is_the_output_of_a_success() -> None:
    result = interpret("all is well")
    assert result.status is SUCCESS
    assert output_of("all is well") == "all is well"
    assert output_of([1, 2]) == [1, 2]
    assert output_of(False) is False


def test_a_nested_output_can_be_read_back() -> None:
    nested = {"rows": [{"id": 1, "tags": ["a", None]}], "ok": True, "share": 0.25}
    assert output_of({"status": "success", "output": nested}) == nested


def test_other_keys_are_the_output_where_none_is_named() -> None:
    assert output_of({"success": True, "rows": 5}) == {"rows": 5}
    assert interpret({"success": True}).output is None
    assert interpret({"output": None, "rows": 5}).output is None


@pytest.mark.spec("S2-043")
def test_an_output_without_a_json_form_becomes_text() -> None:
    assert output_of({"output": {"ids": {3, 1, 2}}}) == {"ids": [1, 2, 3]}
    assert output_of({"output": {"at": ValueError("odd")}}) == {"at": "odd"}
    assert output_of({"output": {"mute": Mute()}}) == {"mute": "<Mute without a text form>"}
    assert output_of({"output": {(1, 2): "odd key"}}) == "{(1, 2): 'odd key'}"


def test_odd_values_still_give_json() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    assert json.loads(json_text(cycle)) == "[[...]]"
    assert json.loads(json_text(float("nan"))) is None
    assert json.loads(json_text("\ud800")) == "\\ud800"
    assert json.loads(json_text(np.arange(3))) == [0, 1, 2]
    assert json.loads(json_text({"n": np.float32(0.5)})) == {"n": 0.5}
    assert json.loads(json_text(MappingProxyType({"a": 1}))) == {"a": 1}


def test_a_long_output_is_cut_and_says_so() -> None:
    cut = json.loads(json_text("é" * OUTPUT_BYTES))
    assert cut["truncated"] is True
    assert cut["bytes"] == 2 * OUTPUT_BYTES + 2
    assert cut["head"].startswith('"ééé')
    assert len(json_text("\x00" * OUTPUT_BYTES).encode()) <= OUTPUT_BYTES


HUGE = "é" * 400_000


@pytest.mark.parametrize("output_bytes", [TEXT_BYTES, OUTPUT_BYTES])
@pytest.mark.parametrize(
    "result",
    [
        HandlerResult(output=json.dumps({"rows": HUGE})),
        HandlerResult(output="\x01" * 100_000),
        HandlerResult(error_message=HUGE, error_type=HUGE, stack_trace=HUGE),
        HandlerResult(metadata={f"{number}{HUGE}": HUGE for number in range(300)}),
        HandlerResult(impact={f"{HUGE[:number]}": 1.0 for number in range(1, 300)}),
        HandlerResult(output=HUGE, error_message="\ud800" * 10_000, metadata={"k": "v"}),
        interpret({"output": HUGE, "error": HUGE, "metadata": dict.fromkeys(HUGE[:9], HUGE)}),
        failure(ValueError(HUGE), HUGE),
    ],
    ids=lambda result: None,
)
def test_whatever_a_handler_gives_back_fits_into_an_outcome(
    result: HandlerResult, output_bytes: int
) -> None:
    kept = result.bounded(output_bytes)
    for name, limit in field_limits(Outcome, output_bytes).items():
        value = getattr(kept, name, None)
        if isinstance(value, str):
            assert len(value.encode()) <= limit.text, name
        elif value:
            assert len(value) < 256
            assert all(len(key.encode()) <= ID_BYTES for key in value)
    assert all(len(value.encode()) <= TEXT_BYTES for value in kept.metadata.values())
    assert kept.bounded(output_bytes).output == kept.output
    if kept != result:
        assert kept.metadata["result_cut"]


def test_a_result_that_fits_stays_as_it_is() -> None:
    result = HandlerResult(output='{"a": 1}', metadata={"k": "v"}, impact={"cpu": -1.0})
    assert result.bounded(OUTPUT_BYTES) is result
    cut = HandlerResult(output=HUGE, metadata={"k": "v"}).bounded(OUTPUT_BYTES)
    assert cut.metadata == {"k": "v", "result_cut": "output"}
    assert json.loads(cut.output or "")["bytes"] == len(HUGE.encode())


@pytest.mark.spec("S2-023", "S2-024", "S2-032")
def test_what_the_metadata_says_is_kept_and_understood() -> None:
    metadata = {"model": "gpt-4", "llm_latency_ms": 250.3, "tokens_used": 150, "retries": [1]}
    result = interpret({"metadata": metadata})
    assert (result.llm_latency_ms, result.tokens_used) == (250.3, 150)
    assert result.metadata["model"] == "gpt-4"
    assert result.metadata["retries"] == "[1]"


@pytest.mark.parametrize("tokens", [-1, float("nan"), 1e300, "many", None, [], 10**400])
def test_impossible_token_counts_are_left_out(tokens: object) -> None:
    assert interpret({"tokens_used": tokens}).tokens_used is None


@pytest.mark.spec("S2-039")
def test_a_handler_may_score_itself() -> None:
    result = interpret({"quality_score": 0.7, "metadata": {"cost_estimate": "0.02"}})
    assert (result.quality_score, result.cost_estimate) == (0.7, 0.02)


@pytest.mark.spec("S2-040")
def test_confidence_is_found_in_the_output() -> None:
    assert interpret({"output": {"confidence": 0.95}}).confidence_score == 0.95
    stated = {"confidence_score": 0.5, "output": {"confidence": 0.95}}
    assert interpret(stated).confidence_score == 0.5


def test_the_claimed_impact_is_carried() -> None:
    result = interpret({"success": True, "impact": {"cpu_usage": -5, "latency": " 1.5 "}})
    assert result.impact == {"cpu_usage": -5.0, "latency": 1.5}


def test_an_impact_that_is_no_number_is_named() -> None:
    result = interpret({"impact": {"mood": "better", "cpu_usage": -5}})
    assert result.impact == {"cpu_usage": -5.0}
    assert result.metadata == {"impact_ignored": "mood"}
    assert interpret({"impact": "much"}).impact == {}


def test_a_flood_of_metadata_is_bounded() -> None:
    result = interpret({"metadata": {str(n): "x" * 9_000 for n in range(1_000)}})
    assert len(result.metadata) == 64
    assert max(map(len, result.metadata.values())) == 1_024


def test_a_finished_result_is_taken_as_it_is() -> None:
    result = HandlerResult(status=OutcomeStatus.PARTIAL, output="[]")
    assert interpret(result) is result


def test_any_mapping_will_do() -> None:
    class Reply(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            return {"success": False, "error": "disk full"}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(("success", "error"))

        def __len__(self) -> int:
            return 2

    result = interpret(Reply())
    assert (result.status, result.error_message) == (FAILURE, "disk full")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    ["success", "status", "output", "error", "impact", "metadata", "tokens_used", "other"]
)


@given(anything | st.dictionaries(keys, anything))
def test_whatever_is_returned_has_a_final_result_that_fits_a_record(returned: object) -> None:
    result = interpret(returned)
    assert result.status.is_final
    assert (result.status is FAILURE) <= bool(result.error_message)
    if result.output is not None:
        json.loads(result.output)
    for text in (result.output, result.error_message, *result.metadata.values()):
        assert text is None or text == plain_text(text, 4 * len(text))
