"""Goals that the engine sets itself: what it knows, one rule per kind, and which of them count."""
