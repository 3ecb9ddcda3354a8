"""Development programs: not part of the package."""
