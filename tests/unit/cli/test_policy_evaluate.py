"""``goalstream policy evaluate`` as a user meets it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.cli import policy
from streams.errors import ConfigError, InvalidRecord, UnknownName
from streams.records import Candidate, Decision


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def decisions(count: int, seed: int = 1) -> list[Decision]:
    """Of a policy that mostly chooses ``a``, though ``b`` earns more."""
    dice = random.Random(seed)
    found: list[Decision] = []
    for number in range(count):
        chosen = "a" if dice.random() < 0.75 else "b"
        mean = 0.0 if chosen == "a" else 0.6
        record = Decision(
            entity_id="checkout",
            timestamp=1_000 + number,
            decision_id=f"d-{number}",
            kind="plan",
            subject_id=f"p-{number}",
            candidates=(
                Candidate(name="a", score=0.2, propensity=0.75),
                Candidate(name="b", score=0.1, propensity=0.25),
            ),
            chosen=chosen,
            context={"gap": str(dice.uniform(-1, 1))},
        )
        measured = msgspec.structs.replace(
            record,
            decision_id=f"v-{number}",
            kind="verification",
            timestamp=record.timestamp + 300_000,
            reward=mean + dice.uniform(-0.3, 0.3),
        )
        found += [record, measured]
    return found


def consumed(records: Sequence[Decision]) -> str:
    """As ``goalstream consume`` prints records."""
    lines = [
        {"topic": "decisions", "partition": 0, "offset": offset, "key": "checkout", "record": each}
        for offset, each in enumerate(records)
    ]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def invoke(*arguments: object, **fields: Any) -> Result:
    return CliRunner().invoke(policy.app, [*map(str, arguments)], **fields)


def rows(result: Result) -> dict[str, list[str]]:
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    return {name: rest for name, *rest in cells}


def test_policies_are_judged_by_what_was_consumed() -> None:
    Path("log.jsonl").write_text(consumed(decisions(200)) + "\n")
    options = [word for name in ("greedy", "always:b") for word in ("--policy", name)]
    result = invoke("log.jsonl", *options, "--json", "figures.json")
    found = rows(result)
    assert set(found) == {"greedy", "always:b"}
    assert "200 measured decisions, 0 without a reward" in result.stdout
    figures = json.loads(Path("figures.json").read_text())
    better, logged = figures["always:b"], figures["greedy"]["logged"]
    assert better["doubly_robust"] == pytest.approx(0.6, abs=0.1)
    assert better["lower"] > logged
    assert found["always:b"] == [
        "200",
        *(f"{better[key]:+.3f}" for key in ("logged", "ips", "snips", "doubly_robust")),
        f"{better['effective_samples']:.1f}",
        f"{better['low']:+.3f} to {better['high']:+.3f}",
        f"{better['lower']:+.3f}",
    ]


def test_greedy_and_uniform_are_judged_if_no_policy_is_named() -> None:
    plain = "".join(msgspec.json.encode(each).decode() + "\n" for each in decisions(60))
    assert set(rows(invoke("-", input=plain))) == {"greedy", "uniform"}


def test_several_files_are_one_log() -> None:
    records = decisions(60)
    Path("first.jsonl").write_text(consumed(records[:80]))
    Path("second.jsonl").write_text(consumed(records[80:]))
    assert rows(invoke("first.jsonl", "second.jsonl"))["greedy"][0] == "60"


def test_estimates_with_too_little_support_are_not_shown() -> None:
    Path("log.jsonl").write_text(consumed(decisions(32)))
    found = rows(invoke("log.jsonl", "--policy", "always:b"))["always:b"]
    assert found[2:5] == ["-", "-", "-"]
    assert found[5].startswith("need 10, have ")


def failed(*arguments: object, **fields: Any) -> BaseException:
    result = invoke(*arguments, **fields)
    assert result.exit_code != 0
    assert result.exception is not None
    return result.exception


def test_too_few_decisions_are_refused_with_need_and_have() -> None:
    Path("log.jsonl").write_text(consumed(decisions(12)))
    error = failed("log.jsonl")
    assert isinstance(error, InvalidRecord)
    assert "need 30, have 12" in error.remedy
    assert rows(invoke("log.jsonl", "--min-samples", 12))["greedy"][0] == "12"


def test_a_line_that_is_no_decision_is_named() -> None:
    for line in ("{", "[]", '{"record": {"entity_id": 1}}', '{"reason": "no_schema"}'):
        Path("log.jsonl").write_text(consumed(decisions(1)) + line + "\n")
        error = failed("log.jsonl")
        assert isinstance(error, InvalidRecord)
        assert error.field == "log.jsonl:3"


def test_an_unknown_policy_or_file_is_named() -> None:
    Path("log.jsonl").write_text(consumed(decisions(30)))
    assert isinstance(failed("log.jsonl", "--policy", "best"), UnknownName)
    assert isinstance(failed("missing.jsonl"), ConfigError)
    assert isinstance(failed("log.jsonl", "--json", "missing/figures.json"), ConfigError)


def test_it_fits_below_another_command() -> None:
    whole = typer.Typer()
    whole.add_typer(policy.app, name="policy")
    result = CliRunner().invoke(whole, ["policy", "evaluate", "--help"])
    assert result.exit_code == 0
    assert "--min-samples" in result.stdout
