"""Whole experiments on the machines of a cluster: each run, pair or probe happens on one of them, as it would here."""
