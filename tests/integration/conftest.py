"""A deployment of its own for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Deployment, Sections, deployed
from tests.kafka_harness import KafkaHarness


@pytest.fixture
def sections() -> Sections:
    """Settings of the deployment beside the usual ones; a test module may have its own."""
    return {}


@pytest.fixture
def deployment(
    kafka: KafkaHarness, unique: str, tmp_path: Path, sections: Sections
) -> Iterator[Deployment]:
    yield from deployed(kafka, unique, tmp_path, sections)
