"""Looks ahead at a series: publishes its forecast and the breach that it makes likely."""
