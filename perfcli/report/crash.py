"""The report of a crash test as blocks: what was lost after which kill, or how much was killed without a loss."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from rich.text import Text

from perfcli import units
from perfcli.crash import CrashResult
from perfcli.errors import Verdict
from perfcli.report import blocks
from perfcli.report.blocks import BAD, GOOD, QUIET, Facts, Notes, Section
from perfcli.report.wording import counted, engine_words, name, one_line, verdict_word


def crash_document(result: CrashResult) -> list[Section]:
    """The report of a crash test."""
    sections = [Section("verdict", [_verdict(result)]), Section("findings", [Facts(list(_findings(result)))])]
    if result.examples:
        sections.append(Section("examples", [Notes([Text(one_line(example)) for example in result.examples])]))
    return [*sections, Section("what ran", [Facts(list(_what_ran(result)))])]


def kills_so_far(result: CrashResult, kills: int) -> str:
    """A line while it goes on."""
    done = f"{result.kills} of {kills} kills" if kills else f"{result.kills} kills"
    return f"{done}, {units.format_count(result.acknowledged)} acknowledged writes checked"


def _verdict(result: CrashResult) -> blocks.Verdict:
    verdict = _word(result)
    return blocks.Verdict(
        verdict_word(verdict),
        name(result.scenario, "bold"),
        Text(_outcome(result)),
        list(_what_to_do(result)),
        passed=verdict is Verdict.PASS,
    )


def _word(result: CrashResult) -> Verdict:
    if result.interrupted:
        return Verdict.INTERRUPTED
    if result.failure:
        return Verdict.FAIL
    return Verdict.PASS if result.acknowledged and result.kills else Verdict.INVALID


def _outcome(result: CrashResult) -> str:
    if result.interrupted:
        return f"partial report: {one_line(result.interrupted)}"
    if result.failure:
        return f"{one_line(result.failure)}, after kill {result.kills}"
    if not result.kills:
        why = one_line(result.problem) or "nothing was tested"
        return f"the engine was never killed: {why}"
    if not result.acknowledged:
        return "no write was acknowledged: nothing was tested"
    return f"{counted(result.kills, 'kill')}, no acknowledged write lost"


def _what_to_do(result: CrashResult) -> Iterator[Text]:
    if result.failed_write is not None:
        yield Text(f"replay: --at-write {result.failed_write} --seed {result.failed_seed}")
    elif result.failed_seed is not None:
        yield Text(f"replay: --kills 20 --seed {result.failed_seed}")


def _findings(result: CrashResult) -> Iterator[tuple[str, Text]]:
    wrong = bool(result.failure)
    checked = f"{units.format_count(result.acknowledged)} acknowledged writes, checked after each kill"
    yield "writes", Text(checked, BAD if wrong else GOOD)
    yield "unknown", Text(f"{counted(result.unknown, 'operation')} in flight at a kill: neither lost nor duplicate")
    if result.down_ns:
        typical, longest = units.format_duration(median(result.down_ns)), units.format_duration(max(result.down_ns))
        yield "downtime", Text(f"median {typical}, max {longest}, from a kill to the next operation, including checks")
    yield "not tested", Text("a power loss, as the system's page cache survives a kill", QUIET)


def _what_ran(result: CrashResult) -> Iterator[tuple[str, Text]]:
    engine = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    yield "engine", name(engine)
    yield "seed", Text(str(result.seed))
