"""Kits for the tests of those who extend the product; contract suites raise AssertionError."""

from streams.testing.forecaster_contract import check_forecaster

__all__ = ["check_forecaster"]
