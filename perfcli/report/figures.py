"""How one figure, one name or one verdict is written, the same in every table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, NAME, QUIET
from perfcli.report.outside import on_one_line
from perfcli.results import Environment, RunResult, ThresholdResult

UNKNOWN: Final = "–"
"""What stands where nothing was measured; never 0."""

HINT: Final = "~"
"""What stands before a figure that rests on too few samples."""

_VERDICT_STYLES: Final = {
    Verdict.PASS: f"bold {GOOD}",
    Verdict.FAIL: f"bold {BAD}",
    Verdict.ERROR: f"bold {BAD}",
    Verdict.INVALID: f"bold {DOUBTFUL}",
    Verdict.INTERRUPTED: f"bold {DOUBTFUL}",
}
_OUTCOME_STYLES: Final = {"fail": f"bold {BAD}", "miss": DOUBTFUL, "not judged": DOUBTFUL, "pass": GOOD}


def one_line(text: str) -> str:
    """Text from a user's file or an engine's error on one line, without anything a terminal would obey."""
    return on_one_line(text)


def name(text: str, style: str = "") -> Text:
    """A name from outside: shown as it is written, rich markup included."""
    named = Text(one_line(text), style)
    named.stylize(NAME)
    return named


def name_as_is(line: str) -> Text:
    """A line of somebody else's output, its spaces kept."""
    return Text("".join(char if char.isprintable() else " " for char in line), QUIET)


def figure(value: float | None, write: Callable[[float], str], style: str = "") -> Text:
    """A measured value, or the sign for one that is not known."""
    return Text(UNKNOWN, QUIET) if value is None else Text(write(value), style)


def signed(write: Callable[[float], str]) -> Callable[[float], str]:
    """`write` for a change: a plus sign where it grew."""

    def write_change(value: float) -> str:
        written = write(value)
        return f"+{written}" if value > 0 and written[0] != "0" else written

    return write_change


def share(fraction: float) -> str:
    """A percentage to one decimal, for what is never known better: CPU use, margins, degradation.

    From ten times on it is a factor: nobody reads -3082297.7%.
    """
    if abs(fraction) >= 10:
        return f"{fraction:,.0f}x"
    return units.format_percentage(round(fraction, 3))


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "1 vu", "2 vus", "1,200 iterations"."""
    return f"{units.format_count(count)} {noun if count == 1 else plural or noun + 's'}"


def why_not(result: RunResult, done: str) -> Text:
    """Why something is not known: the run broke off, or it was an engine that only answers."""
    why = "the run did not get that far" if result.duration_ns is None else "the engine is none that this run started"
    return Text(f"not {done}: {why}", QUIET)


def cpus_in_words(where: Environment) -> str:
    """How many there are, and how many of them the run could use."""
    usable = where.cpu_count if where.usable_cpus is None else where.usable_cpus
    cores = counted(where.cpu_count, "core")
    return cores if usable == where.cpu_count else f"{units.format_number(usable)} of {cores}"


def outcome_word(threshold: ThresholdResult) -> Text:
    """The word on a threshold, in its colour."""
    return Text("FAIL" if threshold.outcome == "fail" else threshold.outcome, _OUTCOME_STYLES[threshold.outcome])


def verdict_word(verdict: Verdict) -> Text:
    """A pass is said quietly, anything else aloud."""
    word = verdict.value if verdict is Verdict.PASS else verdict.value.upper()
    return Text(word, _VERDICT_STYLES[verdict])
