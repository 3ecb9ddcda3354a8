"""goalstream: an event-streaming engine for goal-driven, self-improving systems on Kafka."""

__version__ = "0.1.0"
