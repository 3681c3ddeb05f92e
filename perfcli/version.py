"""The versions of digipal-perf and of the Python that it runs on, as results hold them."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.2.0"
"""Of digipal-perf; pyproject.toml reads it from here."""


def python_version() -> str:
    """Implementation and version: "CPython 3.11.9"."""
    import platform  # every command imports this module, and few ask

    return f"{platform.python_implementation()} {platform.python_version()}"
