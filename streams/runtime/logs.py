"""Logging of the process: one line a record, as text or JSON, all libraries included."""

from __future__ import annotations

import logging
import sys

import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_CHATTY = ("faust", "mode", "aiokafka", "uvicorn", "httpx", "httpcore")

FAUST_LOGGER = logging.getLogger("faust.embedded")
"""For our subclasses of Faust's services, whose steps are Faust's news and not the worker's."""


def configure_logging(level: str, *, json_lines: bool) -> None:
    """Set up the root logger and structlog. ``level`` is a name such as INFO.

    Libraries that report each step at INFO are kept at WARNING unless DEBUG is asked for. Colours
    are for a terminal: a file or a pipe gets none.
    """
    stream = sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
            foreign_pre_chain=_SHARED,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel("DEBUG" if level == "DEBUG" else "WARNING")
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
