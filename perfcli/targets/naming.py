"""Where an engine keeps its files, beside its database."""

from __future__ import annotations

from pathlib import Path


def assets_of(database: Path) -> Path:
    """The directory that an engine is told to keep its assets in."""
    return database.parent / "assets"
