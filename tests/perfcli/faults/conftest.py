"""The engine processes of these tests are forked, as those of `run` are."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _forked(forked_engines: None) -> None:
    """Start quickly."""
