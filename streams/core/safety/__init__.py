"""What the engine may do by itself: modes, budgets, approval, breaker, rollout."""
