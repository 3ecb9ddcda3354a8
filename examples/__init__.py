"""Programs that show what the engine does."""
