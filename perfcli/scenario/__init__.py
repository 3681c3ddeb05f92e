"""Scenario files: their models, and the loader that reports every mistake with its line and column."""
