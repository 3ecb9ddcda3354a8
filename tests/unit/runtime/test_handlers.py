from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.runtime.handlers import Handler, HandlerRegistry, load_handlers


def run(params: dict[str, str], goal_id: str) -> None:
    return None


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("handlers_for_a_test")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_handlers_are_found_by_type() -> None:
    registry = HandlerRegistry([Handler("scale", run), Handler("restart", run)])
    assert registry.names() == ["restart", "scale"]
    found = registry.find("scale")
    assert found is not None
    assert (found.idempotent, found.timeout_seconds) == (False, None)
    assert registry.find("other") is None


def test_type_is_taken_once() -> None:
    with pytest.raises(ConfigError, match="two handlers for one action type.*'scale'"):
        HandlerRegistry([Handler("scale", run), Handler("scale", run)])


def test_handlers_of_modules(module: Any) -> None:
    module.HANDLERS = [Handler("scale", run)]
    assert "scale" in load_handlers([module.__name__]).names()


def test_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(ConfigError, match="'worker.handlers', value 'no.such.module'"):
        load_handlers(["no.such.module"])


def test_module_without_handlers_is_named(module: Any) -> None:
    with pytest.raises(ConfigError, match="'worker.handlers', value 'handlers_for_a_test'"):
        load_handlers([module.__name__])


def test_what_is_no_handler_is_refused(module: Any) -> None:
    module.HANDLERS = [run]
    with pytest.raises(ConfigError, match="'handlers_for_a_test.HANDLERS', value 'function'"):
        load_handlers([module.__name__])
