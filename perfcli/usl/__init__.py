"""The runs of `scaling`: points of load in blocks, and the Universal Scalability Law fitted to them."""
