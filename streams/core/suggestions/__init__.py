"""What to change next, said to whoever is about to act."""
