"""Saved runs: the store, baselines, comparing with them, trends."""
