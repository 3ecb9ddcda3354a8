"""Kits for those who extend or judge the product; contract suites raise AssertionError."""

from streams.testing.feature_contract import check_feature
from streams.testing.forecaster_contract import check_forecaster
from streams.testing.predictor import Predictor, as_predictor

__all__ = ["Predictor", "as_predictor", "check_feature", "check_forecaster"]
