"""The three TCP ports of a stack, all on the loopback interface."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from streams.errors import ConfigError, StateError, Unavailable

HOST = "127.0.0.1"
_FILE = "ports.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports on 127.0.0.1, each 1 to 65535 and no two alike."""

    broker: int = 19092
    controller: int = 19093
    registry: int = 18081

    def __post_init__(self) -> None:
        numbers = (self.broker, self.controller, self.registry)
        if not all(0 < number < 65536 for number in numbers) or len(set(numbers)) < len(numbers):
            raise ConfigError(
                "three different ports are needed",
                field="ports",
                value=numbers,
                remedy="use numbers from 1 to 65535",
            )

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody listens on at this moment."""
        with ExitStack() as stack:
            # All three are held open together, so that none is given out twice.
            held = [stack.enter_context(_bound(0)) for _ in range(3)]
            return cls(*(probe.getsockname()[1] for probe in held))

    @classmethod
    def parse(cls, text: str) -> Ports:
        """Read ``BROKER,CONTROLLER,REGISTRY`` or ``free``."""
        if text == "free":
            return cls.free()
        try:
            broker, controller, registry = (int(part) for part in text.split(","))
        except ValueError as error:
            raise ConfigError(
                "ports cannot be read",
                field="ports",
                value=text,
                remedy="use BROKER,CONTROLLER,REGISTRY such as 19092,19093,18081, or free",
            ) from error
        return cls(broker, controller, registry)

    @classmethod
    def load(cls, directory: Path) -> Ports | None:
        """Ports saved in the directory of a stack; None when there are none."""
        file = directory / _FILE
        if not file.exists():
            return None
        try:
            saved = json.loads(file.read_text(encoding="ascii"))
            return cls(*(int(saved[name]) for name in ("broker", "controller", "registry")))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                "the file with the stack's ports is damaged",
                field=str(file),
                value=str(error),
                remedy="delete the directory of the stack",
            ) from error

    def save(self, directory: Path) -> None:
        """Keep the ports for the next start: the broker's data hold its controller's address."""
        (directory / _FILE).write_text(json.dumps(asdict(self)), encoding="ascii")

    def answers(self, name: str) -> bool:
        """Whether somebody accepts connections at the named port."""
        try:
            socket.create_connection((HOST, asdict(self)[name]), timeout=1.0).close()
        except OSError:
            return False
        return True

    def require_free(self, *names: str) -> None:
        """Raise Unavailable for the first of the named ports on which somebody listens."""
        for name in names:
            port = asdict(self)[name]
            try:
                _bound(port).close()
            except OSError as error:
                raise Unavailable(
                    f"the port for the {name} is in use",
                    field=f"ports.{name}",
                    value=port,
                    remedy="end the program that listens there, or choose other ports",
                ) from error


def _bound(port: int) -> socket.socket:
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As the Java servers do: a port in TIME_WAIT counts as free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
    except OSError:
        probe.close()
        raise
    return probe
