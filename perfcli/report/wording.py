"""How a figure, a name, a verdict or an engine is written, the same in every table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, NAME, QUIET, Column
from perfcli.report.blocks import Verdict as Answer
from perfcli.streams import EMOJI_PARTS, complain

if TYPE_CHECKING:
    # `list` prints with these words, and must not wait for the models of results
    from perfcli.pool.identity import EngineSource
    from perfcli.results import Environment, OperationSource, RunResult, ThresholdResult

UNKNOWN: Final = "–"
"""What stands where nothing was measured; never 0."""

HINT: Final = "~"
"""What stands before a figure that rests on too few samples."""

_HASH_DIGITS: Final = 7
MODIFIED: Final = "modified"
VERSION = Column("engine", "word")
"""A column for the digest of an engine's sources."""

_VERDICT_STYLES: Final = {
    Verdict.PASS: f"bold {GOOD}",
    Verdict.FAIL: f"bold {BAD}",
    Verdict.ERROR: f"bold {BAD}",
    Verdict.INVALID: f"bold {DOUBTFUL}",
    Verdict.INTERRUPTED: f"bold {DOUBTFUL}",
}
_CHANGE_STYLES: Final = {
    "regression": f"bold {BAD}",
    "inconclusive": f"bold {DOUBTFUL}",
    "incomparable": f"bold {DOUBTFUL}",
    "improvement": f"bold {GOOD}",
    "no change": GOOD,
}
_ALOUD: Final = ("regression", "inconclusive")
A_FACTOR: Final = 11.0
"""The ratio from which on a change is written as a factor."""

FROM_ZERO: Final = "from 0"
_OUTCOME_STYLES: Final = {"fail": f"bold {BAD}", "miss": DOUBTFUL, "not judged": DOUBTFUL, "pass": GOOD}


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
    why = "the run ended too early" if result.duration_ns is None else "this run did not start the engine"
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


def answer(verdict: Verdict, of: str, text: str, reasons: Sequence[Text] = ()) -> Answer:
    """The answer of a report: the verdict on something named, on what it rests, and why."""
    return Answer(verdict_word(verdict), name(of, "bold"), Text(text), reasons, passed=verdict is Verdict.PASS)


def change_style(change: str) -> str:
    """The colour of a change, which never says more than its word does."""
    return _CHANGE_STYLES.get(change, QUIET)


def change_word(change: str) -> Text:
    """What holds up a merge, or may, is said aloud."""
    return Text(change.upper() if change in _ALOUD else str(change), change_style(change))


def percent(ratio: float) -> str:
    """ "+12.3%" for a ratio of 1.123, whole from twice on; from eleven times on a factor."""
    if math.isnan(ratio):
        return UNKNOWN
    if ratio == math.inf:
        return FROM_ZERO
    if ratio >= A_FACTOR:
        return f"{units.format_number(ratio)}x"
    written = f"{100 * (ratio - 1):+.{0 if ratio >= 2 else 1}f}%"
    return "0.0%" if written in ("+0.0%", "-0.0%") else written


def ratio_interval(lower: float | None, upper: float | None, *, certain: str) -> str:
    """ "+10.1 to +14.0%"; one bound if the other is not known.

    Args:
        certain: what to say if both are the same.
    """
    low, high = ("" if bound is None else percent(bound) for bound in (lower, upper))
    if low and high:
        if lower == upper:
            return certain
        return f"{low.removesuffix('%') if high.endswith('%') else low} to {high}"
    if low or high:
        return f"over {low}" if low else f"under {high}"
    return UNKNOWN


def one_line(text: str) -> str:
    """The text on one line, its emoji whole, without anything that a reader's screen would obey."""
    return " ".join("".join(char if char.isprintable() or char in EMOJI_PARTS else " " for char in text).split())


def without_surrogates(text: str) -> str:
    """The text as UTF-8 can write it: a replacement character for each half of a character."""
    return text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace")


def announce(engine: EngineSource, role: str = "engine") -> None:
    """Say on stderr which engine is about to be imported, before anything imports it."""
    complain(f"{role}: {one_line(str(engine))}")


def engine_words(called: str, version: str, commit: str, *, modified: bool) -> str:
    """ "the working tree; sources 0f3a5c7e9b1d, commit 1a2b3c4"; what is not known is left out."""
    sources = [f"sources {version}"] if version else []
    sources += [f"commit {commit_word(commit)}"] if commit else [MODIFIED] if modified else []
    return "; ".join(filter(None, (called, ", ".join(sources))))


def operation_files(files: Sequence[OperationSource]) -> list[tuple[str, Text]]:
    """The fact that names the files of own operations, with their digests; none if there are none."""
    return [("operations", name(", ".join(map(str, files))))] if files else []


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


def environment_words(where: Environment) -> str:
    """The machine and the versions that a result comes from."""
    cpu = f"{cpus_in_words(where)}, {where.cpu_model or where.machine}"
    return f"{where.system}, {cpu}, {where.python}, SQLite {where.sqlite}, digipal-perf {where.tool_version}"
