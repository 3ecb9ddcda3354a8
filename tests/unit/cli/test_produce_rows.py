"""Stopping, skipping and pacing while rows are sent."""

from __future__ import annotations

import pytest

from streams.cli.produce import OnError, RateLimit, send_rows
from streams.cli.rows import Row
from streams.errors import InvalidRecord
from streams.records import Event, Record


def event(number: int) -> Event:
    return Event(entity_id="a", timestamp=number, event_id=str(number), event_type="x")


class Collector:
    """A sink that refuses the record with the id ``refused``."""

    def __init__(self, refused: str = "") -> None:
        self.records: list[Record] = []
        self.refused = refused

    def send(self, record: Record) -> None:
        if isinstance(record, Event) and record.event_id == self.refused:
            raise InvalidRecord("does not fit")
        self.records.append(record)

    def wait(self, seconds: float) -> None:
        raise AssertionError(f"asked to wait {seconds} s without a rate")


GOOD_BAD_GOOD = [
    Row(1, record=event(1)),
    Row(2, error=InvalidRecord("line 2: bad")),
    Row(3, record=event(3)),
]


def test_stop_sends_what_stands_before_the_bad_line() -> None:
    sink = Collector()
    with pytest.raises(InvalidRecord, match="line 2"):
        send_rows(GOOD_BAD_GOOD, sink.send, OnError.STOP)
    assert sink.records == [event(1)]


def test_skip_sends_the_others_and_tells_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Collector()
    assert send_rows(GOOD_BAD_GOOD, sink.send, OnError.SKIP) == 1
    assert sink.records == [event(1), event(3)]
    assert "line 2: bad" in capsys.readouterr().err


def test_a_record_that_cannot_be_encoded_counts_as_a_bad_line() -> None:
    sink = Collector(refused="1")
    assert send_rows(GOOD_BAD_GOOD, sink.send, OnError.SKIP) == 2
    with pytest.raises(InvalidRecord, match="line 1: does not fit"):
        send_rows(GOOD_BAD_GOOD, sink.send, OnError.STOP)


def test_a_rate_spreads_records_evenly_and_catches_up_after_a_delay() -> None:
    now = [100.0]
    sent_at: list[float] = []

    def wait(seconds: float) -> None:
        now[0] += seconds

    pace = RateLimit(rate=4, clock=lambda: now[0], wait=wait)
    for delay in (0, 0, 0, 0.6, 0, 0):
        pace.keep()
        sent_at.append(now[0])
        now[0] += delay
    assert sent_at == pytest.approx([100, 100.25, 100.5, 100.75, 101.35, 101.35])


def test_a_wait_that_ends_early_is_repeated() -> None:
    now = [0.0]

    def nap(seconds: float) -> None:
        now[0] += min(seconds, 0.1)

    pace = RateLimit(rate=1, clock=lambda: now[0], wait=nap)
    pace.keep()
    pace.keep()
    assert now[0] == pytest.approx(1.0)
