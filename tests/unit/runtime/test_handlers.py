from __future__ import annotations

import dataclasses
import sys
import types
from typing import Any

import pytest

from streams.core.planning.config import ActionSpec
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


def test_undo_is_found_under_a_type_of_its_own() -> None:
    def take_back(params: dict[str, str], goal_id: str) -> None:
        return None

    registry = HandlerRegistry(
        [Handler("scale", run, idempotent=True, timeout_seconds=5.0, undo=take_back)]
    )
    assert registry.names() == ["scale", "undo:scale"]
    assert registry.find("undo:scale") == Handler(
        "undo:scale", take_back, idempotent=True, timeout_seconds=5.0
    )


def test_type_of_an_undo_is_taken_once() -> None:
    registry = HandlerRegistry([Handler("undo:scale", run)])
    with pytest.raises(ConfigError, match="two handlers for one action type.*'undo:scale'"):
        registry.register(Handler("scale", run, undo=run))
    assert registry.names() == ["undo:scale"]


def test_catalogue_has_what_handlers_tell() -> None:
    spec = ActionSpec(metrics=("cpu_usage",), effect={"cpu_usage": -10.0}, unattended=True)
    registry = HandlerRegistry(
        [
            Handler("scale", run, undo=run, spec=spec),
            Handler("restart", run, spec=ActionSpec(reversible=False)),
            Handler("drain", run, undo=run),
            Handler("notify", run),
        ]
    )
    assert registry.catalogue() == {
        "scale": dataclasses.replace(spec, undo="undo:scale"),
        "restart": ActionSpec(reversible=False),
        "drain": ActionSpec(undo="undo:drain"),
    }


@pytest.mark.parametrize("spec", [ActionSpec(undo="scale_in"), ActionSpec(reversible=False)])
def test_spec_that_contradicts_the_undo_is_refused(spec: ActionSpec) -> None:
    with pytest.raises(ConfigError, match="contradicts its undo.*'scale.spec'"):
        HandlerRegistry([Handler("scale", run, undo=run, spec=spec)])


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
