"""What ties a transaction to the group, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.errors import InvalidRecord, StateError, Unavailable
from streams.runtime import transactions
from streams.runtime.checkpoint import Fenced
from streams.runtime.positions import Source
from streams.runtime.transactions import (
    Membership,
    Transactions,
    instance_of,
    require_metadata_form,
)

CLIENT = {"bootstrap.servers": "127.0.0.1:1"}
MEMBER = Membership("group", 3, "me")
OFFSETS = {Source("in", 0): 5}
MESSAGES = {("out", 1): [(b"k", b"1"), (b"k", b"2")], ("log", 1): [(b"k", None)]}


def test_metadata_has_the_form_of_the_installed_client() -> None:
    require_metadata_form(CLIENT, "group")
    assert MEMBER.metadata() == b"CGMDv2:\x03\x00\x00\x00group\x00me\x00\x01"


def test_another_form_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Membership, "metadata", lambda _: b"CGMDv3:")
    with pytest.raises(StateError, match=r"unknown form.*uv sync --frozen"):
        require_metadata_form(CLIENT, "group")


def test_an_instance_keeps_its_id(tmp_path: Path) -> None:
    ids: Iterator[str] = iter(["one", "two"])
    assert [instance_of(tmp_path, lambda: next(ids)) for _ in range(2)] == ["one", "one"]
    (tmp_path / transactions.INSTANCE_FILE).write_text("")  # a crash in the first start
    assert instance_of(tmp_path, lambda: next(ids)) == "two"


class FakeMessage:
    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self._place = topic, partition, offset

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._place[2]


class FakeProducer:
    """Notes what is asked of it; ``fails`` has the errors of its next calls, by method."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails: dict[str, list[KafkaError | Exception]] = {}
        self.sent: list[tuple[str, int, Any]] = []
        self.waiting: list[Callable[[], None]] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if errors := self.fails.get(name):
            error = errors.pop(0)
            raise error if isinstance(error, Exception) else KafkaException(error)

    def produce(self, topic: str, value: Any, key: Any, partition: int, delivered: Any) -> None:
        if errors := self.fails.get("produce"):
            error = errors.pop(0)
            raise error if isinstance(error, Exception) else KafkaException(error)
        self.sent.append((topic, partition, value))
        if delivered is not None:
            at = FakeMessage(topic, partition, len(self.sent))
            failed = (self.fails.get("deliver") or [None]).pop(0)
            self.waiting.append(lambda: delivered(failed, at))

    def poll(self, _seconds: float) -> None:
        self.calls.append("poll")

    def flush(self, _seconds: float) -> int:
        self.calls.append("flush")
        for each in self.waiting:
            each()
        self.waiting.clear()
        return 0

    def begin_transaction(self) -> None:
        self._call("begin")

    def init_transactions(self, _seconds: float) -> None:
        self._call("init")

    def send_offsets_to_transaction(self, places: Any, who: bytes, _seconds: float) -> None:
        assert [(at.topic, at.partition, at.offset) for at in places] == [("in", 0, 5)]
        assert who == MEMBER.metadata()
        self._call("offsets")

    def commit_transaction(self, _seconds: float) -> None:
        self._call("commit")

    def abort_transaction(self, _seconds: float) -> None:
        self._call("abort")


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    fake = FakeProducer()
    monkeypatch.setattr(transactions, "opened", lambda *_: fake)
    monkeypatch.setattr(transactions, "_POLL_SECONDS", 0.0)
    return fake


def opened(producer: FakeProducer, seconds: float = 10.0) -> Transactions:
    made = Transactions(CLIENT, "app-1", seconds)
    made.open()
    producer.calls.clear()
    return made


def retriable() -> KafkaError:
    return KafkaError(KafkaError._TIMED_OUT, "slow", False, True, False)


def abortable(code: int = KafkaError.COORDINATOR_NOT_AVAILABLE) -> KafkaError:
    return KafkaError(code, "abort", False, False, True)


def fatal(code: int = KafkaError._FENCED) -> KafkaError:
    return KafkaError(code, "over", True, False, False)


WHOLE = ["begin", "flush", "offsets", "commit"]


def test_the_records_are_in_the_logs_before_the_group_is_asked(producer: FakeProducer) -> None:
    last = opened(producer).commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == WHOLE
    assert producer.sent == [("out", 1, b"1"), ("out", 1, b"2"), ("log", 1, None)]
    assert last == {("out", 1): 2, ("log", 1): 3}


@pytest.mark.parametrize("step", ["offsets", "commit"])
def test_what_may_be_called_again_is(producer: FakeProducer, step: str) -> None:
    made = opened(producer)
    producer.fails[step] = [retriable(), retriable()]
    made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls.count(step) == 3
    assert "abort" not in producer.calls


@pytest.mark.parametrize("step", ["offsets", "commit", "deliver"])
def test_what_was_aborted_is_tried_whole(producer: FakeProducer, step: str) -> None:
    made = opened(producer)
    producer.fails[step] = [abortable()]
    last = made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls[-5:] == ["abort", *WHOLE]
    assert len(last) == 2
    assert len(producer.sent) == 6


@pytest.mark.parametrize(
    "code",
    [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID],
)
def test_who_is_no_member_is_fenced(producer: FakeProducer, code: int) -> None:
    made = opened(producer)
    producer.fails["offsets"] = [abortable(code)]
    with pytest.raises(Fenced):
        made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == ["begin", "flush", "offsets", "abort"]
    made.commit(MESSAGES, OFFSETS, MEMBER)


def test_another_process_with_the_same_id_is_told(producer: FakeProducer) -> None:
    made = opened(producer)
    producer.fails["commit"] = [fatal()]
    with pytest.raises(StateError, match=r"transactional id.*app-1.*of its own"):
        made.commit(MESSAGES, OFFSETS, MEMBER)
    assert "init" not in producer.calls  # or the two would go on taking turns
    with pytest.raises(StateError, match="closed"):
        made.commit(MESSAGES, OFFSETS, MEMBER)


@pytest.mark.parametrize(
    "error", [fatal(), fatal(KafkaError.INVALID_PRODUCER_EPOCH)], ids=["fenced", "epoch"]
)
def test_a_transaction_that_took_too_long_is_tried_by_a_new_producer(
    producer: FakeProducer, error: KafkaError
) -> None:
    made = opened(producer, seconds=0.0)
    producer.fails["commit"] = [error]
    assert made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == [*WHOLE, "init", *WHOLE]


def test_an_abort_that_fails_makes_a_new_producer(producer: FakeProducer) -> None:
    made = opened(producer, seconds=0.0)
    producer.fails = {"offsets": [abortable()], "abort": [fatal()]}
    made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == ["begin", "flush", "offsets", "abort", "init", *WHOLE]


def test_what_kafka_does_not_take_in_time_is_an_error(
    producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = opened(producer)
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", -1.0)
    producer.fails["offsets"] = [abortable(KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    with pytest.raises(Unavailable, match="could not be committed"):
        made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls[-1] == "abort"


def test_too_large_a_record_is_named(producer: FakeProducer) -> None:
    made = opened(producer)
    producer.fails["produce"] = [KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)]
    with pytest.raises(InvalidRecord, match="larger than a message may be"):
        made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == ["begin", "abort"]


def test_a_full_queue_is_waited_for(producer: FakeProducer) -> None:
    made = opened(producer)
    producer.fails["produce"] = [BufferError(), BufferError()]
    made.commit(MESSAGES, OFFSETS, MEMBER)
    assert producer.calls == ["begin", "poll", "poll", "flush", "offsets", "commit"]
    assert len(producer.sent) == 3
