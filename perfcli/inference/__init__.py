"""Rank tests and estimates, pure Python, each named after its source."""
