"""What the tool and the process on a machine that runs for it say to one another: a JSON object a line.

Only JSON comes back: a machine's answer is data, whatever runs there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from perfcli.errors import ExitCode, PerfError, UsageError
from perfcli.observer import Progress
from perfcli.pool.identity import EngineSource

ENGINES: Final = "engines"
"""The folder in which the process finds the engines, by their numbers."""

STOP: Final = "stop"
PROGRESS: Final = "progress"
DONE: Final = "done"
FAILED: Final = "failed"

Order = dict[str, Any]
"""Plain values: `do`, and what that needs; or `stop`, with the reason."""

_SENT: Final = (
    "scenario",
    "stage",
    "elapsed_ns",
    "phase",
    "iterations",
    "vus",
    "share_done",
    "ok",
    "failed",
    "rate_per_s",
    "rss_bytes",
)


@dataclass(frozen=True, slots=True)
class SentEngine:
    """An engine, as it is identified where it came from."""

    name: str
    digest: str
    head: str
    digest_at_head: str
    note: str

    @classmethod
    def of(cls, engine: EngineSource) -> SentEngine:
        """All of it but the place."""
        return cls(**{each.name: getattr(engine, each.name) for each in fields(cls)})

    def at(self, path: Path) -> EngineSource:
        """The same engine in another place."""
        return EngineSource(path, **asdict(self))


def written(message: Mapping[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Puts lines together from pieces."""

    def __init__(self) -> None:
        self._begun = b""

    def add(self, content: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete with this piece.

        Raises:
            PerfError: it is none.
        """
        *lines, self._begun = (self._begun + content).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError as error:
                raise PerfError(f"something else than a message arrived: {line[:80]!r}") from error
            if not isinstance(message, dict):
                raise PerfError(f"something else than a message arrived: {line[:80]!r}")
            yield message


def sent_progress(progress: Progress) -> dict[str, Any]:
    """What is sent of a progress: what is cheap to know."""
    return {name: getattr(progress, name) for name in _SENT}


def read_progress(given: Mapping[str, Any]) -> Progress:
    """The progress that was sent."""
    return Progress(**{name: given[name] for name in _SENT})


def sent_error(error: PerfError) -> dict[str, Any]:
    """What went wrong, for the tool to raise."""
    return {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}


def read_error(given: Mapping[str, Any]) -> PerfError:
    """What went wrong on a machine."""
    message, hint, code = str(given["message"]), str(given["hint"]), ExitCode(given["exit_code"])
    return UsageError(message, hint=hint) if code is ExitCode.USAGE else PerfError(message, hint=hint, exit_code=code)
