"""Errors and warnings that the engine logs: an engine that swallows an exception often says so there, and only there.

Records are counted where they are made, by the factory of the logging module. A handler at the root would miss
loggers that do not propagate, and would change what the engine prints: with one, neither logging.basicConfig nor the
handler of last resort does anything.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final

MOST_LOGGERS: Final = 50
OTHERS: Final = "(others)"
"""Where loggers beyond the first 50 are counted together."""

_LONGEST_EXAMPLE: Final = 200


@dataclass(slots=True)
class Logged:
    """What one logger was given."""

    logger: str
    errors: int = 0
    """Records of level ERROR and above."""

    warnings: int = 0
    """Records of level WARNING and above, but below ERROR."""

    example: str = ""
    """The first error; the first warning where there is none."""


class LogWatch:
    """Counts records by logger from `start` on; one that the logger's level holds back is never made, nor counted."""

    def __init__(self) -> None:
        self._logged: dict[str, Logged] = {}
        # a finalizer may log while this thread is in the middle of counting
        self._counting = RLock()

    def start(self) -> None:
        """Count from now on."""
        self._make_record = logging.getLogRecordFactory()
        self._factory = self._record
        logging.setLogRecordFactory(self._factory)

    def stop(self) -> None:
        """Count no more; a factory that was set meanwhile stays."""
        if logging.getLogRecordFactory() is self._factory:
            logging.setLogRecordFactory(self._make_record)

    def logged(self) -> list[Logged]:
        """What was counted so far, most errors first."""
        with self._counting:
            return sorted(self._logged.values(), key=lambda entry: (-entry.errors, -entry.warnings, entry.logger))

    def _record(self, name: str, level: int, *arguments: Any, **settings: Any) -> logging.LogRecord:
        record = self._make_record(name, level, *arguments, **settings)
        # logging.makeLogRecord has neither name nor level yet
        if isinstance(level, int) and level >= logging.WARNING:
            self._count(name, record, is_error=level >= logging.ERROR)
        return record

    def _count(self, name: str, record: logging.LogRecord, *, is_error: bool) -> None:
        with self._counting:
            entry = self._entry(name)
            is_first = not (entry.errors if is_error else entry.errors + entry.warnings)
            if is_error:
                entry.errors += 1
            else:
                entry.warnings += 1
        if is_first:
            # outside the lock: a message is put together by code of the engine
            entry.example = _text(record)

    def _entry(self, name: str) -> Logged:
        if name not in self._logged and len(self._logged) >= MOST_LOGGERS:
            name = OTHERS
        return self._logged.setdefault(name, Logged(name))


def _text(record: logging.LogRecord) -> str:
    """The message of a record, and the type of the exception it was logged with."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit, or cannot be printed: logging would tell of it, and go on
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    exception = record.exc_info[0] if record.exc_info else None
    return f"{message} ({exception.__name__})"[:_LONGEST_EXAMPLE] if exception else message[:_LONGEST_EXAMPLE]
