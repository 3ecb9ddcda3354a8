"""What an action is expected to change, and what it did change."""
