"""How good forecasts, predictions, alarms and choices are, on recorded series."""
