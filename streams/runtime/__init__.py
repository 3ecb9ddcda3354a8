"""The Faust edge: transport in batches, tables, checkpoints, recovery, handlers, the worker."""
