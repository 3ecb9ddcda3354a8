"""The methods in the tables, by name, and others from ``module:attribute``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.quality.baselines import Naive, RiverHoltWinters, RiverSnarimax, SeasonalNaive
from benchmarks.quality.residual_alarm import ResidualAlarm
from streams.errors import UnknownName
from streams.testing.predictor import Predictor, as_predictor, largest_tail

Factory = Callable[[], Predictor]

DEFAULT = "shipped default"
METHODS: Mapping[str, Factory] = {
    "naive": Naive,
    "seasonal naive": SeasonalNaive,
    "River Holt-Winters": RiverHoltWinters,
    "River SNARIMAX": RiverSnarimax,
    DEFAULT: as_predictor,
}


def factory(name: str) -> Factory:
    """What makes a fresh predictor: of ``METHODS``, ``module:attribute``, ``file.py:attribute``.

    Raises UnknownName when there is none.
    """
    if name in METHODS:
        return METHODS[name]
    module, separator, attribute = name.rpartition(":")
    try:
        if not separator:
            raise AttributeError("it is no method and not written module:attribute")
        made = getattr(_imported(module), attribute)
    except (ImportError, AttributeError, OSError) as error:
        raise UnknownName(
            f"no such predictor: {error}",
            field="--extra",
            value=name,
            remedy=f"use module:attribute, file.py:attribute or one of {', '.join(METHODS)}",
        ) from error
    return lambda: _completed(made())


def _imported(module: str) -> Any:
    if not module.endswith(".py"):
        return importlib.import_module(module)
    file = Path(module).resolve()
    if file.stem in sys.modules:
        return sys.modules[file.stem]
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{module} cannot be loaded")
    found = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = found  # compiled code in it looks itself up there
    spec.loader.exec_module(found)
    return found


def _completed(predictor: Any) -> Predictor:
    """The predictor, with what it does not bring: ``breach``, ``step``."""
    whole = all(hasattr(predictor, name) for name in ("breach", "step"))
    return predictor if whole else _Completed(predictor)


class _Completed:
    """Breach from its own quantiles, anomalies by the rule of the baselines."""

    def __init__(self, predictor: Any) -> None:
        self._own = predictor
        self._alarm = ResidualAlarm()
        self._known = False
        self.learn = predictor.learn
        self.forecast = predictor.forecast
        self.next = predictor.next
        self.breach = getattr(predictor, "breach", self._tail)

    def _tail(self, threshold: float, h: int) -> float:
        return largest_tail(self.forecast(h), threshold)

    def step(self, ts: float, y: float) -> float:
        if hasattr(self._own, "step"):
            return self._own.step(ts, y)
        score = self._alarm.step(self.next(), y) if self._known else 0.0
        self._known = True
        self.learn(ts, y)
        return score
