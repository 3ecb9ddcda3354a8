"""The program of the README, against a real broker, a real registry and a worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.runtime.worker import Worker
from streams.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "produce_and_read.py"


async def run(*command: str, cwd: Path) -> str:
    """Output of a program that must end well within a minute."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise
    text = output.decode()
    assert process.returncode == 0, text
    return text


@pytest.fixture
async def settings(bootstrap: str, registry_url: str, unique: str, tmp_path: Path) -> Settings:
    values = {
        "kafka.bootstrap": bootstrap,
        "registry.url": registry_url,
        "topics.prefix": f"{unique}.",
        "worker.app_id": unique,
        "worker.state_dir": str(tmp_path / "state"),
    }
    flags = [f"--set={key}={value}" for key, value in values.items()]
    await run(
        sys.executable, "-m", "streams.cli", *flags, "topics", "apply", cwd=EXAMPLE.parents[1]
    )
    return load_settings(Path("/dev/null"), values, {})


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    running = Worker(settings)
    await running.start()
    yield running
    await running.stop()


async def test_the_example_reads_the_suggestion_for_its_metric(
    worker: Worker, settings: Settings, tmp_path: Path
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for shipped, here in (
        ("127.0.0.1:19092", settings.kafka.bootstrap),
        ("http://127.0.0.1:18081/apis/ccompat/v7", settings.registry.url),
        ('"agent-', f'"{settings.topics.prefix}agent-'),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    program = tmp_path / "example.py"
    program.write_text(text, encoding="utf-8")
    values, words = (await run(sys.executable, str(program), cwd=tmp_path)).splitlines()
    assert values == "{'throughput': 7.0}"
    assert words == "throughput to reach 10: try 7 (now 4, gap 6, stable, 0% done)"
    assert worker.failure is None
