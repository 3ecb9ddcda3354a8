"""Start, stop and look at Apache Kafka and a schema registry on this machine.

    python -m tools.kafka_stack up
    python -m tools.kafka_stack status
    python -m tools.kafka_stack down

Needs Java 17 and, for the first start, Maven. Nothing is reachable from other machines.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from streams.errors import GoalstreamError
from tools.kafka.artifacts import default_cache, fetch
from tools.kafka.ports import Ports
from tools.kafka.stack import KafkaStack


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done (``status``: both ready), 1 failed (``status``: not ready)."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](_stack(options))
    except GoalstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kafka_stack", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("command", choices=list(_COMMANDS), help="what to do")
    parser.add_argument(
        "--dir",
        type=Path,
        default=default_cache() / "stack",
        help="folder for data, logs and process ids (default: %(default)s)",
    )
    parser.add_argument(
        "--ports",
        metavar="BROKER,CONTROLLER,REGISTRY",
        help="ports on 127.0.0.1, or 'free' (default: 19092,19093,18081; later those in --dir)",
    )
    return parser


def _stack(options: argparse.Namespace) -> KafkaStack:
    ports = Ports.parse(options.ports) if options.ports else Ports.load(options.dir)
    return KafkaStack(options.dir, ports or Ports())


def _up(stack: KafkaStack) -> int:
    stack.start()
    return _status(stack)


def _down(stack: KafkaStack) -> int:
    stack.stop()
    print("stopped; the data stays in", stack.directory)
    return 0


def _status(stack: KafkaStack) -> int:
    broker, registry = stack.broker_ready(), stack.registry_ready()
    _show("broker", stack.bootstrap, stack.broker_pid, ready=broker)
    _show("registry", stack.registry_url, stack.registry_pid, ready=registry)
    return 0 if broker and registry else 1


def _show(name: str, address: str, pid: int | None, *, ready: bool) -> None:
    state = "not running" if pid is None else f"{'ready' if ready else 'not ready'}, process {pid}"
    print(f"{name:<9}{address}  {state}")


def _download(_stack: KafkaStack) -> int:
    print("in", fetch().kafka_libs.parent)
    return 0


_COMMANDS = {"up": _up, "down": _down, "status": _status, "download": _download}

if __name__ == "__main__":
    sys.exit(main())
