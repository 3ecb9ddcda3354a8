"""Forecasts per series: River models behind one batch-first protocol, with their errors kept.

``SeriesBank`` is what the engine uses; a forecaster of your own implements ``Forecaster`` and is
found by name through ``streams.core.forecasting.registry``.
"""
