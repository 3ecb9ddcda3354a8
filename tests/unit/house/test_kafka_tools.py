"""Ports, requirements and processes of the local Kafka stack, without starting one."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from streams.errors import ConfigError, StateError, Unavailable
from tools.kafka import KafkaStack, Ports
from tools.kafka.artifacts import default_cache, fetch, java
from tools.kafka.process import Server
from tools.kafka_stack import main


def program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


# --- ports ---------------------------------------------------------------------------------


def test_free_ports_differ_and_nobody_listens_there() -> None:
    ports = Ports.free()
    assert len({ports.broker, ports.controller, ports.registry}) == 3
    ports.require_free("broker", "controller", "registry")


def test_ports_are_read_from_text() -> None:
    assert Ports.parse("1001,1002,1003") == Ports(broker=1001, controller=1002, registry=1003)
    assert Ports.parse("free").broker > 0


@pytest.mark.parametrize("text", ["", "1,2", "a,b,c", "1001,1001,1002", "0,1,2", "1,2,65536"])
def test_wrong_ports_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="ports"):
        Ports.parse(text)


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        other = Ports.free()
        ports = Ports(broker=other.broker, controller=other.controller, registry=taken)
        ports.require_free("broker", "controller")
        with pytest.raises(Unavailable, match="registry") as error:
            ports.require_free("broker", "registry")
    assert error.value.value == taken


def test_a_directory_keeps_its_ports(tmp_path: Path) -> None:
    ports = Ports(1001, 1002, 1003)
    ports.save(tmp_path)
    assert Ports.load(tmp_path) == ports
    assert KafkaStack(tmp_path).ports == ports
    with pytest.raises(StateError, match="other ports"):
        KafkaStack(tmp_path, Ports(1001, 1002, 1004))


@pytest.mark.parametrize("text", ["", "[]", '{"broker": 1}', '{"broker": "x"}', '{"port": 1}'])
def test_a_damaged_ports_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text, encoding="ascii")
    with pytest.raises(StateError, match="damaged"):
        Ports.load(tmp_path)


# --- requirements --------------------------------------------------------------------------


def test_missing_java_is_named_with_a_remedy(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"Java is missing.*apt-get install openjdk-17"):
        java()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292", "nonsense"])
def test_an_old_java_is_named(monkeypatch, tmp_path: Path, version: str) -> None:
    program(tmp_path / "java", f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Java is too old"):
        java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_new_java_is_taken(monkeypatch, tmp_path: Path, version: str) -> None:
    found = program(tmp_path / "java", f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java() == str(found)


def test_missing_maven_is_named_with_a_remedy(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"Maven is missing.*apt-get install maven"):
        fetch(tmp_path / "cache")


def test_a_failed_download_leaves_nothing_behind(monkeypatch, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    program(tools / "java", "#!/bin/sh\necho 'openjdk version \"17\"' >&2\n")
    program(tools / "mvn", "#!/bin/sh\necho 'no route to host'\nexit 1\n")
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(Unavailable, match="no route to host"):
        fetch(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_the_cache_folder_can_be_named(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOALSTREAM_KAFKA_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("GOALSTREAM_KAFKA_CACHE")
    assert default_cache().parts[-2:] == (".cache", "kafka")


# --- processes -----------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path):
    server = Server("fake", tmp_path)
    yield server
    server.stop(kill=True)


def command(tmp_path: Path, body: str) -> list[str]:
    return [str(program(tmp_path / "fake", f"#!{sys.executable}\n{body}\n"))]


WAITS = "import signal; print('up', flush=True); signal.pause()"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS


def has_started(server: Server) -> bool:
    return "up" in server.log.read_text(encoding="utf-8")


def test_a_server_is_found_and_stopped_by_its_id(server: Server, tmp_path: Path) -> None:
    server.run(command(tmp_path, WAITS), ready=lambda: has_started(server))
    found = Server("fake", tmp_path)
    assert found.pid == server.pid is not None
    found.stop()
    assert server.pid is None
    assert found.pid is None


def test_a_paused_server_is_stopped(server: Server, tmp_path: Path) -> None:
    server.run(command(tmp_path, WAITS), ready=lambda: has_started(server))
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()
    assert server.pid is None


def test_a_server_that_ignores_the_signal_is_killed(
    server: Server, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tools.kafka.process.STOP_SECONDS", 0.3)
    server.run(command(tmp_path, IGNORES), ready=lambda: has_started(server))
    server.stop()
    assert server.pid is None


def test_a_server_that_ends_at_its_start_shows_its_log(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"ended at its start(.|\n)*no heap"):
        server.run(command(tmp_path, "raise SystemExit('no heap')"), ready=lambda: False)


def test_a_server_that_is_never_ready_is_stopped(
    server: Server, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tools.kafka.process.START_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="not ready within"):
        server.run(command(tmp_path, WAITS), ready=lambda: False)
    assert server.pid is None


def test_another_program_under_the_same_id_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fake.pid").write_text(str(os.getpid()), encoding="ascii")
    server = Server("fake", tmp_path)
    assert server.pid is None
    server.stop(kill=True)


# --- command line --------------------------------------------------------------------------


def test_status_of_a_stack_that_does_not_run(tmp_path: Path, capsys) -> None:
    assert main(["status", "--dir", str(tmp_path / "stack"), "--ports", "free"]) == 1
    assert capsys.readouterr().out.count("not running") == 2


def test_errors_are_one_line_on_the_error_stream(tmp_path: Path, capsys) -> None:
    assert main(["up", "--dir", str(tmp_path), "--ports", "1,2"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ports cannot be read")
