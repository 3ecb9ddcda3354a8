"""A service whose units follow its load through goals, plans, actions and outcomes."""
