"""Code in the pages compiles, and where it can stand alone, runs."""

from __future__ import annotations

import io
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from streams.cli.rows import Format, RowReader
from streams.core.forecasting.config import ForecastConfig
from streams.core.outcomes.build import interpret
from streams.core.suggestions.config import SuggestionConfig
from streams.records import Command, Event, Goal, OutcomeStatus, Record
from streams.runtime.handlers import HandlerRegistry
from streams.settings import load_settings
from streams.testing import check_forecaster
from streams.wire.topology import RECORD_OF
from tests.kits.pages import ROOT, Block, blocks, pages, read

GUIDE = ROOT / "docs" / "guide"
PYTHON = [block for page in pages() for block in blocks(page, "python")]
TOML = [
    block for page in pages() for block in blocks(page, "toml") if "[project." not in block.text
]


def label(block: Block) -> str:
    return f"{block.page}:{block.text.splitlines()[0]}"


def run(tmp_path: Path, *parts: Block) -> dict[str, Any]:
    """The names that the blocks of one page define together."""
    file = tmp_path / "example.py"
    file.write_text("\n".join(part.text for part in parts), encoding="utf-8")
    return runpy.run_path(str(file))


def parsed(record_type: type[Record], line: str) -> Record:
    reader = RowReader(record_type, lambda: 1_700_000_000_000, lambda: "made")
    (row,) = reader.rows(io.StringIO(line), Format.JSONL)
    assert row.record is not None, row.error
    return row.record


def test_there_is_something_to_check() -> None:
    assert {block.page for block in PYTHON} >= {
        "README.md",
        "docs/guide/actions.md",
        "docs/guide/extending.md",
    }
    assert len(TOML) > 4


@pytest.mark.parametrize("block", PYTHON, ids=label)
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.page, "exec", dont_inherit=True)


@pytest.mark.parametrize("block", TOML, ids=label)
def test_settings_load(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "goalstream.toml"
    file.write_text(block.text, encoding="utf-8")
    load_settings(file, {}, {})


def test_the_program_of_the_readme_is_the_one_that_is_tested() -> None:
    (block,) = blocks(ROOT / "README.md", "python")
    assert block.text in read("examples/produce_and_read.py")


async def test_the_handlers_of_the_guide_run(tmp_path: Path) -> None:
    (block,) = blocks(GUIDE / "actions.md", "python")
    registry = HandlerRegistry(run(tmp_path, block)["HANDLERS"])
    assert registry.names() == ["clear_cache", "scale_out", "undo:scale_out"]
    assert registry.catalogue()["scale_out"].undo == "undo:scale_out"
    scale_out = registry.find("scale_out")
    clear_cache = registry.find("clear_cache")
    assert scale_out is not None
    assert clear_cache is not None
    returned: Any = scale_out.run({"instances": "2"}, "")
    result = interpret(await returned)
    assert (result.status, result.impact) == (OutcomeStatus.SUCCESS, {"cpu_usage": -20.0})
    assert interpret(clear_cache.run({}, "")).output == '"cleared"'


def test_the_strategy_of_the_guide_proposes(tmp_path: Path) -> None:
    _, _, strategy, *_ = blocks(GUIDE / "extending.md", "python")
    made = run(tmp_path, strategy)["ten_percent"](SuggestionConfig())
    assert made.propose("throughput", 4.0, 10.0) == 4.6


def test_the_forecaster_of_the_guide_keeps_the_contract(tmp_path: Path) -> None:
    _, _, _, forecaster, *_ = blocks(GUIDE / "extending.md", "python")
    last_value = run(tmp_path, forecaster)["LastValue"]
    check_forecaster(lambda: last_value(ForecastConfig()))


def test_the_river_model_of_the_guide_is_the_one_that_is_tested() -> None:
    *_, river = blocks(GUIDE / "extending.md", "python")
    assert river.text in read("examples/river_forecaster.py")


def test_the_requests_of_the_goal_guide_are_records() -> None:
    lines = [
        line for block in blocks(GUIDE / "goals.md", "json") for line in block.text.splitlines()
    ]
    kinds: list[type[Record]] = []
    for line in lines:
        kind: type[Record] = Command if '"command"' in line else Goal
        kinds.append(Event if '"event_type"' in line else kind)
        parsed(kinds[-1], line)
    assert kinds == [Goal, Command, Command, Event]


def test_lines_that_are_piped_into_produce_are_records() -> None:
    piped = re.compile(r"""echo '(\{.*\})' *\\?\n? *\| \S*goalstream produce (\w+)""")
    found = [match for page in pages() for match in piped.findall(page.read_text("utf-8"))]
    assert len(found) > 2
    for line, topic in found:
        parsed(RECORD_OF[topic], line)
