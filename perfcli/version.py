"""The version of digipal-perf; results hold it, and pyproject.toml repeats it."""

from typing import Final

VERSION: Final = "0.1.0"
