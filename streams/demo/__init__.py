"""``goalstream demo``: real series replayed against a worker, with an operator that acts."""
