"""The catalogue of actions: what handlers say of themselves, and the settings above that."""

from __future__ import annotations

import structlog

from streams.core.config import CoreConfig
from streams.runtime.handlers import HandlerRegistry
from streams.settings import Settings

log = structlog.get_logger(__name__)


def core_config(settings: Settings, handlers: HandlerRegistry) -> CoreConfig:
    """What the core is told; warns of actions of this worker that would fail without a handler."""
    config = settings.core(handlers.catalogue())
    known = set(handlers.names())
    missing = sorted(
        name for name, spec in config.actions.items() if name not in known and not spec.agent
    )
    if missing:
        log.warning("actions without a handler", actions=missing, remedy="register handlers")
    return config
