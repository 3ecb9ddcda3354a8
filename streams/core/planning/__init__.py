"""From a goal to a plan: candidates, order, moment, score."""
