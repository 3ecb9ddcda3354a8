"""The deterministic heart: state and a record in, state and records to emit out.

No Kafka, no Faust, no clock, no randomness and no I/O in here; time comes from the records,
ids from their positions, stored bytes through the ``StateReader`` that is passed in.
"""
