"""``python -m benchmarks [LANE ...]``: run lanes, print tables, write build/bench.json."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from confluent_kafka import KafkaException
from rich.console import Console

from benchmarks import peer
from benchmarks.cluster import BenchmarkError
from benchmarks.lanes import LANES, Bench, Lane, LaneResult, Options, chosen
from benchmarks.report import table_of, write_json
from benchmarks.stack import kafka
from streams.errors import GoalstreamError

OUTPUT = Path("build/bench.json")
GUARANTEES = ("at_least_once", "exactly_once")
WIDTH = 130
"""Columns of the tables, also when the output is a file."""


def main() -> int:
    # Leaves through the context managers, so that no broker and no worker is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = _parser().parse_args()
    console = Console(width=WIDTH, highlight=False)
    try:
        lanes = chosen(arguments.lanes)
        if arguments.peers and any(lane.same_work_peer for lane in lanes):
            peer.build()
        with (
            tempfile.TemporaryDirectory(prefix="goalstream-bench-") as directory,
            kafka(arguments.bootstrap, Path(directory)) as bootstrap,
        ):
            bench = Bench(_options(arguments, bootstrap, Path(directory)), console.log)
            try:
                _run(bench, lanes, arguments.output, console)
            finally:
                bench.drop_topics()
    except (BenchmarkError, GoalstreamError, KafkaException) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(f"written to {arguments.output}")
    return 0


def _run(bench: Bench, lanes: list[Lane], output: Path, console: Console) -> None:
    results: list[LaneResult] = []
    for lane in lanes:
        results.append(bench.run(lane))
        console.print(table_of(results[-1]))
        write_json(output, results)  # after each lane: a later one may fail


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "lanes", nargs="*", metavar="LANE", help=f"of {', '.join(LANES)}; default all"
    )
    parser.add_argument("--events", type=int, default=Options.events)
    parser.add_argument("--repeats", type=int, default=Options.repeats)
    parser.add_argument("--cache-series", type=int, default=Options.cache_series)
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--guarantees", nargs="+", default=Options.guarantees, choices=GUARANTEES, metavar="NAME"
    )
    parser.add_argument("--ours", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--bootstrap", help="a running Kafka; default: one is started")
    parser.add_argument("--registry", default="embedded", help="its registry's URL, or 'embedded'")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser


def _options(arguments: argparse.Namespace, bootstrap: str, directory: Path) -> Options:
    return Options(
        bootstrap=bootstrap,
        registry_url=arguments.registry,
        directory=directory,
        run=f"bench-{secrets.token_hex(3)}",
        events=arguments.events,
        repeats=arguments.repeats,
        cache_series=arguments.cache_series,
        guarantees=tuple(arguments.guarantees),
        ours=arguments.ours,
        peers=arguments.peers,
    )


if __name__ == "__main__":
    sys.exit(main())
