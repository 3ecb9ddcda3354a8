"""What every feature stands on: batches, emissions, ids, stored entities, turns, timers."""

from streams.core.kernel.commands import Arguments, CommandSpec, NoArguments
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn

__all__ = [
    "Arguments",
    "CommandSpec",
    "Feature",
    "Handler",
    "NoArguments",
    "Slice",
    "Turn",
    "View",
]
