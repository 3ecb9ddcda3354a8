"""The forecasting methods that requests may name, and which of them run here."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.forecasting.methods import CATALOGUE, NEEDS_LIBRARY, methods, resolve
from streams.errors import UnknownName
from streams.web.answers import Refused
from streams.web.forecast_messages import MethodAnswer, MethodsAnswer


class Methods:
    """Method names of requests over the forecasters that run. Made once: they do not change."""

    def __init__(self, running: Sequence[str]) -> None:
        self.running = tuple(running)
        self._about = {method.name: method.about for method in CATALOGUE}
        names = dict.fromkeys([*running, *self._about, *methods(), *NEEDS_LIBRARY])
        self._known = {name: self._described(name) for name in names}

    def answer(self) -> MethodsAnswer:
        """All that are known, those that run by default first."""
        return MethodsAnswer(default=self.running[0], methods=list(self._known.values()))

    def forecaster(self, method: str) -> str:
        """The running forecaster that a requested method stands for; "" for the default.

        Raises Refused, listing the methods that can be asked.
        """
        known = self._known.get(method)
        if not method:
            return ""
        if known is not None and known.running:
            return known.runs
        usable = ", ".join(name for name, found in self._known.items() if found.running)
        raise Refused(
            400,
            known.reason if known else "no such method",
            field="method",
            value=method,
            remedy=f"use one of {usable}" + (f"; or {known.remedy}" if known else ""),
        )

    def _described(self, name: str) -> MethodAnswer:
        about = self._about.get(name, "")
        try:
            runs = resolve(name, self.running)
        except UnknownName as error:
            return MethodAnswer(
                name=name,
                runs="",
                running=False,
                about=about,
                reason=error.message,
                remedy=error.remedy,
            )
        if runs in self.running:
            return MethodAnswer(name=name, runs=runs, running=True, about=about)
        return MethodAnswer(
            name=name,
            runs=runs,
            running=False,
            about=about,
            reason="this method does not run",
            remedy=f"add {runs} to forecasting.models",
        )
