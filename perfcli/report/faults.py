"""What an engine withstands, as blocks: the faults of a run, and a crash test with what was lost after which kill."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Block, Column, Facts, Notes, Section, Table
from perfcli.report.wording import UNKNOWN, answer, counted, engine_words, name, one_line
from perfcli.results import FaultResult, PhaseResult, RunResult

if TYPE_CHECKING:
    # a run does not wait for what runs many
    from perfcli.crash import CrashResult

_MOST_ROWS = 20


def faults_section(result: RunResult) -> Iterator[Section]:
    """Each time that a fault was due; nothing if there was none."""
    if not result.faults:
        return
    counts_hits = any(fault.hits is not None for fault in result.faults)
    hits = ("hits",) if counts_hits else ()
    columns = map(Column, ("at", "lasted", *hits, "in flight", "failed", "outage", "recovery"))
    rows = [_row(fault, counts_hits=counts_hits) for fault in result.faults[:_MOST_ROWS]]
    left = len(result.faults) - len(rows)
    notes = [Text(f"{left} more are in the JSON")] if left else []
    notes += [Text(doubt, DOUBTFUL) for doubt in _doubts(result)]
    parts: list[Block] = [
        Table((Column("fault", "word"), *columns), rows, "faults", first_to_go=("in flight", "lasted", *hits, "at")),
        *([Notes(notes)] if notes else []),
    ]
    yield Section("faults", parts, brief=parts)


def _row(fault: FaultResult, *, counts_hits: bool) -> list[Text]:
    label = fault.name if fault.name == fault.kind else f"{fault.name} ({fault.kind})"
    at = Text(units.format_duration(fault.at_ns))
    if fault.lasted_ns is None:
        return [name(label), Text(UNKNOWN, BAD), *[Text(UNKNOWN)] * (6 if counts_hits else 5)]
    hits = Text(UNKNOWN if fault.hits is None else units.format_count(fault.hits))
    recovery = Text("never", BAD) if fault.recovery_ns is None else Text(units.format_duration(fault.recovery_ns))
    return [
        name(label),
        at,
        Text(units.format_duration(fault.lasted_ns)),
        *([hits] if counts_hits else []),
        Text(units.format_count(fault.in_flight)),
        Text(f"{units.format_count(fault.failed)} of {units.format_count(fault.operations)}", BAD * bool(fault.failed)),
        Text(units.format_duration(fault.outage_ns or 0)),
        recovery,
    ]


def _doubts(result: RunResult) -> Iterator[str]:
    """Where a load hides an outage, or makes one look longer than it is."""
    unseen = [fault for fault in result.faults if _blocked(fault) and not any(_arrivals(fault, result))]
    if unseen:
        names = ", ".join(dict.fromkeys(fault.name for fault in unseen))
        yield (
            f"{names}: each vu waits for its answer, so few operations show an outage: use an arrival rate to see "
            "every operation due"
        )
    crowded: dict[tuple[str, str], tuple[FaultResult, PhaseResult, float]] = {}
    for fault in result.faults:
        for phase, due in _arrivals(fault, result):
            # without a free vu all begin late; a few do on any busy machine
            if 0 < due - phase.vus <= 2 * fault.late.get(phase.name, 0):
                known = crowded.get((fault.name, phase.name))
                if known is None or known[2] < due:
                    crowded[fault.name, phase.name] = fault, phase, due
    for fault, phase, due in crowded.values():
        whose = f"{phase.name} has" if len(result.phases) > 1 else "there are"
        late = units.format_count(fault.late[phase.name])
        due_to = f"{due:,.0f} iterations were due meanwhile, and {whose} {phase.vus:,} vus"
        yield f"{fault.name}: {late} operations began late, waiting for a free vu: {due_to}. Add vus"


def _blocked(fault: FaultResult) -> bool:
    """Whether an operation waited for it."""
    return bool(fault.lasted_ns) and 2 * fault.longest_ns >= (fault.lasted_ns or 0)


def _arrivals(fault: FaultResult, result: RunResult) -> Iterator[tuple[PhaseResult, float]]:
    """The phases in which iterations were due during a fault, and how many."""
    for phase in result.phases:
        if phase.began_ns is None or phase.duration_ns is None or fault.lasted_ns is None:
            continue
        begins_ns = fault.at_ns - phase.began_ns
        if due := phase.due_between(begins_ns, min(begins_ns + fault.lasted_ns, phase.duration_ns)):
            yield phase, due


def crash_document(result: CrashResult) -> list[Section]:
    """The report of a crash test."""
    verdict = answer(_word(result), result.scenario, _outcome(result), list(_what_to_do(result)))
    sections = [Section("verdict", [verdict]), Section("findings", [Facts(list(_findings(result)))])]
    if result.examples:
        sections.append(Section("examples", [Notes([Text(one_line(example)) for example in result.examples])]))
    return [*sections, Section("what ran", [Facts(list(_what_ran(result)))])]


def kills_so_far(result: CrashResult, kills: int) -> str:
    """A line while it goes on."""
    done = f"{result.kills} of {kills} kills" if kills else f"{result.kills} kills"
    return f"{done}, {units.format_count(result.acknowledged)} acknowledged writes checked"


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
