"""What is told of a command while it goes on: to a file of events, to a page in a browser, to a collector."""
