"""What can go wrong, how a run can end, and the exit code of each; what to write in place of an unknown name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from typing import Final


class ExitCode(IntEnum):
    """Exit codes of the command, each with one meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str = "") -> ExitCode:
        """A code and what it means to a reader of the documents."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    PASS = 0, "pass: every threshold held, or there was none"
    INTERNAL = 1, "error: the engine crashed, hung or failed after set-up, or the tool itself failed"
    USAGE = 2, "usage: an option or a scenario file is wrong; nothing ran"
    THRESHOLD_FAILED = (
        3,
        "fail: a threshold failed or had too few samples (a threshold can name its own code, 10 to 125), or "
        "the database is damaged",
    )
    INVALID = (
        4,
        "invalid: set-up failed, nothing was measured, the load was not delivered, or other processes took the CPU",
    )
    REGRESSION = (
        5,
        "regression: the candidate of `ab` is worse, or the run of `run --baseline` is slower; with `--strict` also if "
        "the comparison is inconclusive",
    )
    HANGUP = 129, "the terminal closed (SIGHUP); the report is partial. Under `nohup` the command goes on"
    INTERRUPTED = 130, "interrupted by Ctrl-C; the report is partial. A second Ctrl-C quits at once"
    TERMINATED = 143, "terminated by SIGTERM; the report is partial"


_MILDEST_FIRST = (
    ExitCode.PASS,
    ExitCode.REGRESSION,
    ExitCode.THRESHOLD_FAILED,
    ExitCode.INVALID,
    ExitCode.USAGE,
    ExitCode.INTERNAL,
    ExitCode.HANGUP,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)


def of_interrupt(reason: str) -> ExitCode:
    """The exit code of what was interrupted, by the words for the signal that did it."""
    by_name = {"SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.HANGUP}
    return next((code for name, code in by_name.items() if name in reason), ExitCode.INTERRUPTED)


def worst(codes: Iterable[int]) -> int:
    """The gravest of several exit codes; PASS when there are none. A threshold's own code outranks the common one."""
    return max(codes, key=_gravity, default=ExitCode.PASS)


def _gravity(code: int) -> float:
    known = code in _MILDEST_FIRST
    return _MILDEST_FIRST.index(ExitCode(code)) if known else _MILDEST_FIRST.index(ExitCode.THRESHOLD_FAILED) + 0.5


class Verdict(StrEnum):
    """How a run ended."""

    PASS = "pass"
    FAIL = "fail"
    INVALID = "invalid"
    INTERRUPTED = "interrupted"
    ERROR = "error"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code a run with this verdict gives."""
        return _EXIT_CODE_OF[self]


_EXIT_CODE_OF = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.THRESHOLD_FAILED,
    Verdict.INVALID: ExitCode.INVALID,
    Verdict.INTERRUPTED: ExitCode.INTERRUPTED,
    Verdict.ERROR: ExitCode.INTERNAL,
}


def describe_error(error: BaseException) -> str:
    """What an exception says; if a process has run out of file descriptors, with the limit that it met."""
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return f"{error}: the limit is {most_descriptors():,} file descriptors; raise it with ulimit -n"
    if isinstance(error, FileNotFoundError) and not error.filename:
        return "the working directory was removed: change to another one" if _is_homeless() else str(error)
    return str(error)


def _is_homeless() -> bool:
    """Whether this process's working directory is gone."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def most_descriptors() -> int:
    """How many file descriptors this process may hold: RLIMIT_NOFILE."""
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class PerfError(Exception):
    """A failure the user can act on: what happened, what to try next, and the exit code it gives."""

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.INTERNAL) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UsageError(PerfError):
    """A command or a scenario file that asks for something that cannot be (exit 2)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


class MachineLost(PerfError):  # noqa: N818 an event, like KeyboardInterrupt
    """A machine does not answer any more."""

    def __init__(self, machine: str, why: str) -> None:
        super().__init__(f"machine {machine} is lost: {why}", exit_code=ExitCode.INVALID)
        self.machine = machine


_MOST_LISTED: Final = 24
_LONGEST: Final = 80
"""Characters of a name that are compared: more take seconds."""


def nearest(written: str, known: Iterable[str]) -> str:
    """The known name that a typo most likely meant; "" if it is near to none."""
    from difflib import get_close_matches  # takes 5 ms, and only a mistake needs it

    return next(iter(get_close_matches(written[:_LONGEST], list(known), n=1, cutoff=0.6)), "")


def did_you_mean(written: Iterable[str], known: Iterable[str]) -> str:
    """ " (did you mean 'x'?)" for the first of `written` that is near a known name; else an empty text."""
    names = list(known)
    meant = next(filter(None, (nearest(word, names) for word in written)), "")
    return f" (did you mean {meant!r}?)" if meant else ""


def name_to_use(written: Iterable[str], known: Iterable[str]) -> str:
    """`did_you_mean`, or what else can be written, as `listed`.

    Args:
        written: the name, and other spellings of it.
    """
    names = list(known)
    return did_you_mean(written, names) or listed(names)


def listed(known: Sequence[str]) -> str:
    """ ": use one of a, b", with the first 24 names; an empty text if there is none."""
    more = ", …" if len(known) > _MOST_LISTED else ""
    return f": use {'one of ' if len(known) > 1 else ''}{', '.join(known[:_MOST_LISTED])}{more}" if known else ""
