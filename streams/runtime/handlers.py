"""Action handlers: what runs when an action is dispatched, found by the action's type."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points

from streams.core.planning.config import ActionSpec
from streams.errors import ConfigError

ENTRY_POINTS = "streams.handlers"
UNDO = "undo:"
"""Before the action type, it is the type of the action that undoes it."""

Run = Callable[[dict[str, str], str], object]


@dataclass(frozen=True, slots=True)
class Handler:
    """Carries out one type of action.

    ``run(params, goal_id)`` is a function or coroutine function. A mapping it returns may have
    the keys success, status, output, error, impact and metadata; anything else is the output of
    a success. A function without ``async`` runs in a thread, so it may block.
    """

    action_type: str
    run: Run
    idempotent: bool = False
    """Whether running the same action id again is harmless. If so, an action whose worker died
    is run again; if not, it ends as failure ``Interrupted``."""
    timeout_seconds: float | None = None
    """None: the worker's default."""
    undo: Run | None = None
    """Takes back what ``run`` did with the same params and goal_id; it runs for actions of type
    ``undo:<action_type>``, under the same timeout and promise of idempotence."""
    safe: bool = False
    """Whether it runs even while the kill switch is on: it only reads, or takes something back."""
    spec: ActionSpec | None = None
    """What the catalogue should know of the action type, for plans to choose it."""


class HandlerRegistry:
    """Handlers by action type."""

    def __init__(self, handlers: Iterable[Handler] = ()) -> None:
        self._handlers: dict[str, Handler] = {}
        for handler in handlers:
            self.register(handler)

    def register(self, handler: Handler) -> None:
        """Raises ConfigError when the action type, or that of its undo, is taken, or when the
        spec says otherwise about its undo."""
        made = [handler] if handler.undo is None else [handler, _undoing(handler, handler.undo)]
        for each in made:
            if each.action_type in self._handlers:
                raise ConfigError(
                    "two handlers for one action type",
                    field="action_type",
                    value=each.action_type,
                    remedy="register one of them under another type",
                )
        self._handlers |= {each.action_type: each for each in made}

    def find(self, action_type: str) -> Handler | None:
        return self._handlers.get(action_type)

    def names(self) -> list[str]:
        """Action types that can be carried out, those of undos included."""
        return sorted(self._handlers)

    def catalogue(self) -> Mapping[str, ActionSpec]:
        """What the handlers themselves tell of their action types, by type.

        A handler that has neither spec nor undo tells nothing.
        """
        found: dict[str, ActionSpec] = {}
        for name, handler in self._handlers.items():
            spec = handler.spec
            if handler.undo is not None:
                spec = replace(spec or ActionSpec(), undo=UNDO + name)
            if spec is not None:
                found[name] = spec
        return found


def _undoing(handler: Handler, undo: Run) -> Handler:
    """The handler of the actions that undo those of ``handler``."""
    undo_type = UNDO + handler.action_type
    spec = handler.spec
    if spec is not None and (spec.undo not in ("", undo_type) or not spec.reversible):
        raise ConfigError(
            "the spec of a handler contradicts its undo",
            field=f"{handler.action_type}.spec",
            value=f"undo={spec.undo!r}, reversible={spec.reversible}",
            remedy="leave both out of the spec, or leave out the handler's undo",
        )
    return replace(handler, action_type=undo_type, run=undo, undo=None, spec=None)


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
