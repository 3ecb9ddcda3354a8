"""``goalstream demo``: real series replayed against a worker that sets goals and acts."""
