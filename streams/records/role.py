"""What people and services may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each role may do what those before it may, too."""

    VIEWER = "viewer"
    """Read."""
    OPERATOR = "operator"
    """Send values, ask for goals, stop things."""
    APPROVER = "approver"
    """Let plans begin that wait for a person."""
    ADMIN = "admin"
    """Let the engine do more by itself."""

    @property
    def rank(self) -> int:
        """0 for the role that may do least."""
        return list(Role).index(self)
