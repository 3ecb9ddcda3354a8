"""Action handlers: what runs when an action is dispatched, found by the action's type."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points

from streams.errors import ConfigError

ENTRY_POINTS = "streams.handlers"


@dataclass(frozen=True, slots=True)
class Handler:
    """Carries out one type of action.

    ``run(params, goal_id)`` is a function or coroutine function. A mapping it returns may have
    the keys success, status, output, error, impact and metadata; anything else is the output of
    a success. A function without ``async`` runs in a thread, so it may block.
    """

    action_type: str
    run: Callable[[dict[str, str], str], object]
    idempotent: bool = False
    """Whether running the same action id again is harmless. If so, an action whose worker died
    is run again; if not, it ends as failure ``Interrupted``."""
    timeout_seconds: float | None = None
    """None: the worker's default."""


class HandlerRegistry:
    """Handlers by action type."""

    def __init__(self, handlers: Iterable[Handler] = ()) -> None:
        self._handlers: dict[str, Handler] = {}
        for handler in handlers:
            self.register(handler)

    def register(self, handler: Handler) -> None:
        """Raises ConfigError when the action type is taken."""
        if handler.action_type in self._handlers:
            raise ConfigError(
                "two handlers for one action type",
                field="action_type",
                value=handler.action_type,
                remedy="register one of them under another type",
            )
        self._handlers[handler.action_type] = handler

    def find(self, action_type: str) -> Handler | None:
        return self._handlers.get(action_type)

    def names(self) -> list[str]:
        return sorted(self._handlers)


def load_handlers(modules: Iterable[str]) -> HandlerRegistry:
    """Handlers from entry points and from ``HANDLERS`` (an iterable of Handler) of ``modules``.

    Raises ConfigError naming the module that cannot be used.
    """
    registry = HandlerRegistry()
    for point in entry_points(group=ENTRY_POINTS):
        registry.register(_checked(point.load(), f"entry point {point.name}"))
    for module in modules:
        try:
            found = importlib.import_module(module).HANDLERS
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"handlers cannot be loaded: {error}",
                field="worker.handlers",
                value=module,
                remedy="name an importable module that has HANDLERS, a list of Handler",
            ) from error
        for handler in found:
            registry.register(_checked(handler, f"{module}.HANDLERS"))
    return registry


def _checked(handler: object, where: str) -> Handler:
    if not isinstance(handler, Handler):
        raise ConfigError(
            "not a handler",
            field=where,
            value=type(handler).__name__,
            remedy="use streams.runtime.handlers.Handler",
        )
    return handler
