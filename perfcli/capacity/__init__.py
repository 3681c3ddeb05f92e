"""The largest load at which a scenario's thresholds hold: the search, its probes, and the answer."""
