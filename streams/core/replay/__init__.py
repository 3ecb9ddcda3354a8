"""Recorded topics fed to the core again, and its decisions compared with those recorded."""
