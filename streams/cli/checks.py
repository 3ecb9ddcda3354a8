"""The checks of the doctor, each a function from what it needs to findings."""

from __future__ import annotations

import fcntl
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from streams.errors import GoalstreamError
from streams.runtime.admin import Cluster, schema_changes
from streams.runtime.connect import opened_registry, topology_of
from streams.runtime.kafka import APPLY
from streams.runtime.lock import FILE as LOCK_FILE
from streams.runtime.topic_changes import ChangeKind, TopologyChange, topic_changes
from streams.settings import EMBEDDED, Settings, read_secret
from streams.settings.tokens import is_private, read_tokens
from streams.wire.topology import INPUTS, Topology


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


def examine(load: Callable[[], Settings]) -> list[CheckResult]:
    """All findings, in the order in which things are needed."""
    findings = [*version_findings(pins(requires("goalstream") or ()), _installed)]
    try:
        settings = load()
        topology = topology_of(settings)
    except GoalstreamError as error:
        return [*findings, _failure("settings", error)]
    findings.append(CheckResult("settings", Status.OK, "valid"))
    findings.append(guarantee(settings.worker.guarantee))
    findings += _broker(settings, topology)
    findings += _registry(settings, topology)
    findings.append(state_directory(settings.worker.state_dir))
    if settings.web.token_file:
        findings.append(_token(settings.web.token_file))
    if settings.web.tokens_file:
        findings.append(tokens(Path(settings.web.tokens_file)))
    return findings


def guarantee(name: str) -> CheckResult:
    """What is promised, and what whoever reads the outputs has to do for it."""
    if name == "exactly_once":
        return CheckResult(
            "guarantee",
            Status.OK,
            f"{name}: every reader of the outputs sets isolation.level=read_committed, or it "
            "sees what is taken back",
        )
    return CheckResult(
        "guarantee", Status.OK, f"{name}: after a crash outputs repeat, with their ids"
    )


def _failure(check: str, error: GoalstreamError) -> CheckResult:
    detail = error.message
    if error.field:
        detail += f" ({error.field} = {error.value!r})"
    return CheckResult(check, Status.FAIL, detail, error.remedy)


def pins(requirements: Iterable[str]) -> dict[str, str]:
    """Package name to the exact version that is required."""
    matches = (re.match(r"([\w.-]+)(?:\[.*?\])?==([^;\s]+)", text) for text in requirements)
    return {match[1]: match[2] for match in matches if match}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def version_findings(
    wanted_versions: Mapping[str, str], installed: Callable[[str], str | None]
) -> Iterator[CheckResult]:
    yield CheckResult("python", Status.OK, platform.python_version())
    for name, wanted in sorted(wanted_versions.items()):
        found = installed(name)
        if found == wanted:
            yield CheckResult(name, Status.OK, wanted)
        else:
            detail = f"{found or 'not installed'}, tested with {wanted}"
            yield CheckResult(
                name, Status.FAIL, detail, "install goalstream again with its lock file"
            )


def _broker(settings: Settings, topology: Topology) -> Iterator[CheckResult]:
    if settings.kafka.bootstrap == EMBEDDED:
        detail = "embedded: started with the program that uses it, keeps nothing"
        yield CheckResult("broker", Status.OK, detail)
        return
    names = [*(spec.name for spec in topology.all()), *topology.removed]
    try:
        cluster = Cluster(settings.librdkafka())
        actual = cluster.topics(names)
    except GoalstreamError as error:
        yield _failure("broker", error)
        return
    yield CheckResult("broker", Status.OK, settings.kafka.bootstrap)
    yield from topic_findings(topic_changes(topology, actual))
    counts = {name: topic.partitions for name, topic in actual.items()}
    yield from partition_findings(topology, counts)


def topic_findings(changes: Iterable[TopologyChange]) -> Iterator[CheckResult]:
    """One finding for each difference; a single one when there is none."""
    changes = list(changes)
    for change in changes:
        if change.kind is ChangeKind.CREATE:
            yield CheckResult("topics", Status.FAIL, f"{change.target} is missing", APPLY)
            continue
        now = f": {change.setting} is {change.current}, declared {change.wanted}"
        detail = change.target + (now if change.setting else "")
        if change.kind is ChangeKind.BLOCKED:
            yield CheckResult("topics", Status.FAIL, detail, change.reason)
        else:
            yield CheckResult("topics", Status.WARN, detail, change.reason or APPLY)
    if not changes:
        yield CheckResult("topics", Status.OK, "in step with the declaration")


def partition_findings(topology: Topology, counts: Mapping[str, int]) -> Iterator[CheckResult]:
    """Whether inputs and changelogs that are there have equal partitions."""
    names = [topology.kafka_name(logical) for logical in INPUTS]
    names += [spec.name for spec in topology.changelogs]
    present = {name: counts[name] for name in names if name in counts}
    if len(set(present.values())) > 1:
        detail = ", ".join(f"{name} {count}" for name, count in present.items())
        remedy = "start under a new topics.prefix and worker.app_id, and replay the inputs"
        yield CheckResult("partitions", Status.FAIL, f"not equal: {detail}", remedy)
    elif present:
        count = next(iter(present.values()))
        yield CheckResult("partitions", Status.OK, f"{count} for every input and changelog")


def _registry(settings: Settings, topology: Topology) -> Iterator[CheckResult]:
    if settings.registry.url == EMBEDDED:
        yield CheckResult("registry", Status.OK, "embedded: schemas of the package, fixed ids")
        return
    try:
        with opened_registry(settings) as registry:
            missing = schema_changes(topology, registry)
    except GoalstreamError as error:
        yield _failure("registry", error)
        return
    yield CheckResult("registry", Status.OK, settings.registry.url)
    for change in missing:
        detail = f"{change.target} does not have the schema {change.wanted}"
        yield CheckResult("schemas", Status.FAIL, detail, APPLY)
    if not missing:
        yield CheckResult("schemas", Status.OK, "all registered")


def state_directory(directory: Path) -> CheckResult:
    """Whether a worker could use the directory; a worker that does is worth a warning."""
    check = "state directory"
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        remedy = "give this user the right to write, or set worker.state_dir"
        return CheckResult(check, Status.FAIL, f"{existing} is not writable", remedy)
    holder = _holder(directory / LOCK_FILE)
    if holder:
        remedy = "fine if that is your worker; a second one needs a directory of its own"
        return CheckResult(check, Status.WARN, f"{directory} is in use by {holder}", remedy)
    return CheckResult(check, Status.OK, f"{directory} is free")


def _holder(lock: Path) -> str:
    """Who holds the lock; empty when nobody does."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                # Shared and given back at once: it only asks, and two doctors may ask together.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "an unnamed worker"
    except FileNotFoundError:
        pass
    return ""


def _token(path: str) -> CheckResult:
    try:
        read_secret(path, "web.token_file")
    except GoalstreamError as error:
        return _failure("token", error)
    return CheckResult("token", Status.OK, path)


def tokens(file: Path) -> CheckResult:
    """Whether the tokens of people and services can be used, and by nobody else be changed."""
    try:
        people = len(read_tokens(file))
    except GoalstreamError as error:
        return _failure("tokens", error)
    if not is_private(file):
        detail = f"{file} is open to others (mode {file.stat().st_mode & 0o777:04o})"
        return CheckResult("tokens", Status.FAIL, detail, f"chmod 600 {file}")
    return CheckResult("tokens", Status.OK, f"{file}: {people}")
