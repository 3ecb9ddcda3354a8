"""What an act is expected to change, and what it did change."""
