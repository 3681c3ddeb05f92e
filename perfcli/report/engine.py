"""Which engine it was, in words: its name, the digest of its sources, and its commit or that it was modified."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from perfcli.pool.identity import EngineSource
from perfcli.report.blocks import QUIET, Column
from perfcli.report.figures import UNKNOWN, name, one_line
from perfcli.results import RunResult
from perfcli.streams import complain

_HASH_DIGITS: Final = 7
MODIFIED: Final = "modified"
VERSION = Column("engine", "word")
"""A column for the digest of an engine's sources."""


def announce(engine: EngineSource, role: str = "engine") -> None:
    """Say on stderr which engine is about to be imported, before anything imports it."""
    complain(f"{role}: {one_line(str(engine))}")


def engine_words(called: str, version: str, commit: str, *, modified: bool) -> str:
    """ "the working tree; sources 0f3a5c7e9b1d, commit 1a2b3c4"; what is not known is left out."""
    sources = [f"sources {version}"] if version else []
    sources += [f"commit {commit_word(commit)}"] if commit else [MODIFIED] if modified else []
    return "; ".join(filter(None, (called, ", ".join(sources))))


def engine_of(run: RunResult) -> str:
    """Which engine a run was of."""
    version = run.environment.engine_version
    return engine_words(run.engine, version, run.commit, modified=run.engine_modified)


def engine_in_brief(run: RunResult) -> str:
    """The same without the digest of its sources if a commit holds them."""
    version = "" if run.commit else run.environment.engine_version
    return engine_words(run.engine, version, run.commit, modified=run.engine_modified)


def commit_word(commit: str, *, modified: bool = False) -> str:
    """A commit, short; or that the sources are those of none."""
    return commit[:_HASH_DIGITS] or (MODIFIED if modified else "")


def version_cell(version: str) -> Text:
    """The digest of an engine's sources for a table."""
    return name(version) if version else Text(UNKNOWN, QUIET)


def commit_cell(commit: str, *, modified: bool) -> Text:
    """The same for a table, with the sign for what is not known."""
    return name(commit_word(commit, modified=modified) or UNKNOWN, "" if commit else QUIET)
