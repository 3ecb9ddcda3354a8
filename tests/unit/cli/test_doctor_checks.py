"""The doctor's single checks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.cli.checks import (
    CheckResult,
    Status,
    examine,
    guarantee,
    partition_findings,
    pins,
    state_directory,
    topic_findings,
    version_findings,
)
from streams.runtime.lock import StateLock
from streams.runtime.topic_changes import ChangeKind, TopologyChange
from streams.settings import load_settings
from streams.wire.topology import Topology


def statuses(findings: list[CheckResult], check: str) -> set[Status]:
    return {finding.status for finding in findings if finding.check == check}


def test_exact_pins_are_found_with_and_without_extras() -> None:
    texts = ["a==1.0", "b[x,y]==2.0", "c>=3", 'd==4.0; python_version >= "3.11"']
    assert pins(texts) == {"a": "1.0", "b": "2.0", "d": "4.0"}


def test_another_version_than_the_tested_one_fails() -> None:
    wanted = {"same": "1", "other": "2", "absent": "3"}
    installed = {"same": "1", "other": "9"}
    findings = list(version_findings(wanted, installed.get))
    assert statuses(findings, "same") == {Status.OK}
    assert statuses(findings, "other") == statuses(findings, "absent") == {Status.FAIL}


def test_the_guarantee_says_what_readers_have_to_set() -> None:
    assert "isolation.level=read_committed" in guarantee("exactly_once").detail
    assert "isolation" not in guarantee("at_least_once").detail


def test_bad_settings_end_the_examination_with_the_reason() -> None:
    findings = examine(lambda: load_settings(overrides={"web.prt": "1"}, environ={}))
    last = findings[-1]
    assert (last.check, last.status) == ("settings", Status.FAIL)
    assert "web.prt" in last.detail
    assert last.remedy == "did you mean 'port'?"


@pytest.mark.spec("S2-106")
def test_a_missing_topic_is_named_with_what_to_do() -> None:
    (finding,) = topic_findings([TopologyChange(ChangeKind.CREATE, "agent-outcomes")])
    assert finding.status is Status.FAIL
    assert "agent-outcomes" in finding.detail
    assert "topics apply" in finding.remedy


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ChangeKind.BLOCKED, Status.FAIL),
        (ChangeKind.ALTER, Status.WARN),
        (ChangeKind.MANUAL, Status.WARN),
        (ChangeKind.GROW, Status.WARN),
    ],
)
def test_other_differences_fail_only_when_they_endanger_state(
    kind: ChangeKind, status: Status
) -> None:
    (finding,) = topic_findings([TopologyChange(kind, "t", "partitions", "1", "4", "because")])
    assert finding.status is status
    assert finding.detail == "t: partitions is 1, declared 4"


def test_topics_in_step_are_one_good_line() -> None:
    (finding,) = topic_findings([])
    assert finding.status is Status.OK


def test_unequal_partitions_of_inputs_and_changelogs_fail() -> None:
    topology = Topology.load()
    counts = {spec.name: 4 for spec in topology.all()}
    (good,) = partition_findings(topology, counts)
    assert good.status is Status.OK
    counts["goalstream-series-changelog"] = 8
    (bad,) = partition_findings(topology, counts)
    assert bad.status is Status.FAIL
    assert "goalstream-series-changelog 8" in bad.detail
    assert list(partition_findings(topology, {})) == []


def test_a_directory_that_can_be_made_is_free_and_is_not_made(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    assert state_directory(directory).status is Status.OK
    assert not (tmp_path / "a").exists()


def test_a_file_in_place_of_the_directory_fails(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("")
    finding = state_directory(path)
    assert finding.status is Status.FAIL
    assert str(path) in finding.detail


def test_a_directory_that_may_not_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as a user who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert state_directory(tmp_path).status is Status.FAIL


def test_a_directory_in_use_names_its_holder_and_is_left_to_it(tmp_path: Path) -> None:
    with StateLock(tmp_path, "worker-7"):
        finding = state_directory(tmp_path)
        assert finding.status is Status.WARN
        assert "worker-7" in finding.detail
        assert str(os.getpid()) in finding.detail
    assert state_directory(tmp_path).status is Status.OK
    with StateLock(tmp_path, "worker-8"):
        pass
