"""Requests and answers: what every route has in common, and knows of no worker."""
