"""The dashboard: one page that draws a series, its forecast and the interval in the browser."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from streams.web.answers import plain
from streams.web.requests import query

PAGE = files("streams.web").joinpath("static", "dashboard.html").read_text(encoding="utf-8")
"""Complete in itself: it loads nothing, and asks only the worker that it comes from."""


def _policy(page: str) -> str:
    """A content security policy under which the page's own script and style run, and no others."""
    allowed = {name: _hash_of(name, page) for name in ("script", "style")}
    rules = [f"{name}-src '{hash_}'" for name, hash_ in allowed.items()]
    return "; ".join(
        ["default-src 'none'", *rules, "connect-src 'self'", "base-uri 'none'",
         "form-action 'none'", "frame-ancestors 'none'"]
    )  # fmt: skip


def _hash_of(element: str, page: str) -> str:
    """Hash of the text of the page's one ``element``, in the form of a policy."""
    (text,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_HEADERS = {"Content-Security-Policy": _policy(PAGE)}


async def dashboard(request: Request) -> Response:
    """The page. It holds no data, so it is given without a token."""
    query(request, ("entity_id", "metric_name"))
    return plain(PAGE.encode(), "text/html; charset=utf-8", headers=_HEADERS)
