"""Is it slower than before? Pairs of engines, kept runs, baselines and trends."""
