"""``goalstream demo`` as a user starts it, looked at from outside while it is up."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from streams.demo.scenario import RESOURCES
from streams.demo.series import timeline
from tests.kits.kafka.harness import KafkaHarness

LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 90.0
KEYS = (
    "metrics_in",
    "events_in",
    "forecasts_out",
    "goals_out",
    "suggestions_out",
    "predictions_out",
    "plans_out",
    "decisions_out",
    "actions_out",
    "outcomes_out",
    "alerts_out",
    "plans_made",
    "plans_pursued",
    "effects_measured",
    "events_out",
    "anomalies_out",
    "dead_letters",
    "seconds",
    "events_per_cpu_second",
)
BAD_RECORDS = 12


class Demo:
    """A running demo and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._deadline = time.monotonic() + WAIT_SECONDS
        self.text = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read on until the output matches."""
        out = self._process.stdout
        assert out is not None
        with selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            while not (match := re.search(pattern, self.text)):
                assert ready.select(self._deadline - time.monotonic()), self.text
                read = os.read(out.fileno(), 65536)
                assert read, self.text
                self.text += read.decode()
        return match

    def end(self) -> int:
        """The exit code when it has ended by itself; ``text`` is complete then."""
        left = self._deadline - time.monotonic()
        self.text += self._process.communicate(timeout=left)[0].decode()
        return self._process.returncode

    def stop(self, number: signal.Signals) -> int:
        """The exit code after a signal; ``text`` is complete then."""
        self._process.send_signal(number)
        self.text += self._process.communicate(timeout=30)[0].decode()
        return self._process.returncode


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[Demo]:
    """A demo that leaves nothing in ``directory``, its place for temporary files and its home."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TMPDIR": str(directory),
            "HOME": str(directory),
        },
    )
    try:
        yield Demo(process)
    finally:
        process.kill()
        process.communicate()


def busy_port() -> socket.socket:
    """A listener on the port where the views want to be, or on nothing when it is taken already."""
    try:
        return socket.create_server((LOOPBACK, 5003))
    except OSError:
        return socket.socket()


@pytest.mark.spec("S1-166")
def test_it_ends_by_itself_and_shows_a_goal_found_in_the_data(tmp_path: Path) -> None:
    with busy_port(), demo(tmp_path, "--seconds", "10") as running:
        running.wait_for(r"views +http://127\.0\.0\.1:\d+/tables \(port 5003 is taken\)")
        running.wait_for(r"new goal of the engine: \w+ ≤ \d")
        running.wait_for(r"\w+: \w+ on \w+: \S+ measured, .* expected")
        for subject in ("goals", "plans", "decision", "effects", "learned", "alerts", "throughput"):
            running.wait_for(rf"(?m)^{subject} +\S")
        assert running.end() == 0, running.text
    assert "not as it must be" not in running.text
    assert not re.search(r"warning|error|Traceback", running.text, re.IGNORECASE), running.text
    assert list(tmp_path.iterdir()) == []


def test_what_it_reports_is_on_the_topics_and_in_the_views(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("out") / "summary.json"
    with demo(tmp_path, "--seconds", "10", "--serve", "--json", str(file)) as running:
        views = running.wait_for(r"views +(http://\S+)/tables")[1]
        kafka = KafkaHarness(running.wait_for(r"broker +(\S+:\d+)")[1])
        running.wait_for("serving until Ctrl-C")

        summary = json.loads(file.read_text(encoding="utf-8"))
        assert tuple(summary) == KEYS
        # Whether a goal is critical depends on what was done before.
        assert all(summary[key] > 0 for key in KEYS if key != "alerts_out"), summary
        assert summary["dead_letters"] == BAD_RECORDS
        assert summary["outcomes_out"] == summary["actions_out"]

        ends = {
            name: kafka.end_offsets(f"agent-{name}") for name in ("metrics", "events", "actions")
        }
        total = {name: sum(end.values()) for name, end in ends.items()}
        assert total["events"] == summary["events_in"] + summary["events_out"]
        assert total["metrics"] + total["actions"] + 1 == (
            summary["metrics_in"] + summary["actions_out"] + BAD_RECORDS
        )
        written = ("forecasts", "suggestions", "predictions", "plans", "decisions", "outcomes")
        for name in written:
            assert sum(kafka.end_offsets(f"agent-{name}").values()) == summary[f"{name}_out"]
        # The user's request is on the topic too.
        assert sum(kafka.end_offsets("agent-goals").values()) == summary["goals_out"] + 1
        assert sum(kafka.end_offsets("agent-dead-letter").values()) == BAD_RECORDS
        for name, end in ends.items():
            committed = kafka.committed("goalstream-demo", f"agent-{name}")
            assert {number: committed[number] for number, at in end.items() if at} == {
                number: at for number, at in end.items() if at
            }

        with httpx.Client(base_url=views, trust_env=False) as http:
            assert http.get("/health/ready").status_code == 200
            for table in ("goals", "plans", "learning", "forecasts", "outcomes"):
                assert http.get(f"/tables/{table}").json()["items"], table
            status = http.get("/api/autonomous/status").json()
            assert status["executor"]["total_executions"] >= summary["plans_pursued"], status
            for resource in RESOURCES:
                state = http.get(f"/tables/metric_state/{resource.entity_id}/{resource.metric}")
                assert state.json()["value"]["count"] == len(timeline([resource]))
        assert running.stop(signal.SIGINT) == 0, running.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        running.wait_for(r"metrics [1-9]")
        assert running.stop(number) == 130
    assert "Traceback" not in running.text
    assert list(tmp_path.iterdir()) == []
