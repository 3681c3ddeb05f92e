"""digipal-perf: honest load tests for the DigiPal engine."""

__version__ = "0.1.0"
