"""Goals: their arithmetic, their life, and those that a forecast gives rise to."""
