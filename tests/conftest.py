"""What every test run shares: plugins, the profile of the property tests, marks, a real Kafka."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from streams.errors import GoalstreamError
from tests.kits.kafka.deployment import Deployment, Sections, deployed
from tests.kits.kafka.harness import KafkaHarness
from tools.kafka import KafkaStack

pytest_plugins = ("pytester", "tools.spec.plugin")

_TESTS = Path(__file__).parent
_MARK_OF_FOLDER = {"integration": pytest.mark.integration, "faults": pytest.mark.faults}

# The machine may be busy with other work, so an example has no deadline of its own.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of these folders carry the mark of the same name."""
    for item in items:
        if item.path.is_relative_to(_TESTS):
            mark = _MARK_OF_FOLDER.get(item.path.relative_to(_TESTS).parts[0])
            if mark is not None:
                item.add_marker(mark)


@pytest.fixture(scope="session")
def kafka_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaStack]:
    """One broker and one registry for the whole run; tests keep apart by ``unique`` names.

    A test that stops or breaks a server uses a ``KafkaStack`` of its own.
    """
    stack = KafkaStack(tmp_path_factory.mktemp("kafka"))
    try:
        stack.__enter__()
    except GoalstreamError as error:
        pytest.fail(f"no Kafka for the integration tests: {error}", pytrace=False)
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def bootstrap(kafka_stack: KafkaStack) -> str:
    """Address of the broker."""
    return kafka_stack.bootstrap


@pytest.fixture(scope="session")
def registry_url(kafka_stack: KafkaStack) -> str:
    """Root of the Confluent Schema Registry API; the global compatibility is BACKWARD."""
    return kafka_stack.registry_url


@pytest.fixture(scope="session")
def kafka(bootstrap: str) -> KafkaHarness:
    """Topics, raw messages and offsets at the broker."""
    return KafkaHarness(bootstrap)


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A prefix for topics and groups that no other test has, legal in their names."""
    readable = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name)[:60].strip("-")
    return f"{readable}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def sections() -> Sections:
    """Settings of the deployment beside the usual ones; a test module may have its own."""
    return {}


@pytest.fixture
def guarantee() -> str:
    """``worker.guarantee`` of the deployment; a test may run with several."""
    return "at_least_once"


@pytest.fixture
def deployment(
    kafka: KafkaHarness, unique: str, tmp_path: Path, sections: Sections, guarantee: str
) -> Iterator[Deployment]:
    """Topics and workers of one test alone, on the broker of the run."""
    worker = {**sections.get("worker", {}), "guarantee": guarantee}
    yield from deployed(kafka, unique, tmp_path, {**sections, "worker": worker})
