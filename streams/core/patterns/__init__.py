"""What recurs in the life of one entity, learned from its events one at a time.

``PatternLearner`` (``learner``) is the way in; ``PatternConfig`` (``config``) says what counts and
``PatternState`` (``state``) is all that is remembered. One module per type of pattern, each with
a ``Detector``: recurring tasks, daily spikes, weekdays, workflows, users' habits, correlated
metrics, anomalies.
"""
