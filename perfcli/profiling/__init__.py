"""Profiles of a scenario: for the developer who hunts. Their figures never count for thresholds or baselines."""
