"""Reports of a command while it goes on: a file of events, a page in a browser, metrics for a collector."""
