"""What every feature stands on: batches, emissions, ids, stored entities, turns, timers."""
