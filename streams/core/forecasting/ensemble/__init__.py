"""The default forecaster: many plain forecasts of one series over plain rows, compiled."""
