"""One search for capacity as blocks: the load that holds, what bounds it, and every run as a point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.capacity.result import CapacityResult, LoadEnd, ProbeResult, ProbeVerdict
from perfcli.errors import Verdict
from perfcli.inference.logistic import LogisticFit
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Chart, Column, Facts, Section, Table
from perfcli.report.blocks import Verdict as Answer
from perfcli.report.wording import answer, counted, engine_words, figure, name, one_line, share

ENGINE_ROLES: Final = ("base", "candidate")
"""Of the first and the second engine."""

_COLUMNS: Final = (
    Column("load"),
    Column("", "word"),
    *map(Column, ("length", "service p50", "latency p99", "CPU")),
    Column("nearest limit, or reason", "prose", least=40),
    Column("seed"),
)
_FIRST_TO_GO: Final = ("seed", "CPU", "length", "service p50")
_STYLES: Final = {ProbeVerdict.HOLDS: GOOD, ProbeVerdict.FAILS: BAD}
_COLOURS: Final = {ProbeVerdict.HOLDS: "#1a9e4b", ProbeVerdict.FAILS: "#e02d3c"}
_VERDICTS: Final = {
    "never": Verdict.FAIL,
    "wrong": Verdict.FAIL,
    "generator": Verdict.INVALID,
    "invalid": Verdict.INVALID,
    "error": Verdict.ERROR,
}


def search_sections(results: Sequence[CapacityResult]) -> list[Section]:
    """The report of one engine, or of two that were searched in turns."""
    roles = ENGINE_ROLES if len(results) == 2 else ("",)
    sections = [
        replace(section, title=f"{role}: {section.title}" if role else section.title)
        for result, role in zip(results, roles, strict=True)
        for section in _sections(result, role)
    ]
    return [*sections, *_compared(results)]


def _sections(result: CapacityResult, role: str) -> Iterator[Section]:
    yield Section("verdict", [capacity_verdict(result, role)])
    yield Section("findings", [Facts(list(_findings(result)))])
    if result.probes:
        table = Table(_COLUMNS, [_row(result, probe) for probe in result.probes], "probes", first_to_go=_FIRST_TO_GO)
        chart = Chart("Every probe", lambda: _chart(result), Text(_CHART_NOTE))
        yield Section("probes", [table, chart], brief=(), detail=True)
    yield Section("what ran", [Facts(list(_what_ran(result)))])


def so_far(result: CapacityResult, load: float) -> str:
    """What is known while it goes on: `holds 1,600/s, fails 3,200/s, trying 2,260/s (run 9), 29 s`."""
    ends = [f"holds {load_text(result, result.holds.load)}"] if result.holds else []
    ends += [f"fails {load_text(result, result.fails.load)}"] if result.fails else []
    return ", ".join([*ends, f"trying {load_text(result, load)} (run {len(result.probes) + 1})", _seconds(result)])


def capacity_verdict(result: CapacityResult, role: str = "") -> Answer:
    """The answer in one sentence.

    Args:
        role: of the engine, if there are two.
    """
    title = f"{result.title} ({role})" if role else result.title
    told = [Text(one_line(reason)) for reason in reasons(result)]
    return answer(verdict_of(result), title, sentence(result), told)


def verdict_of(result: CapacityResult) -> Verdict:
    """The verdict that its exit code stands for, without `--strict`."""
    word = verdict_on_search(result)
    return Verdict.FAIL if word is Verdict.PASS and result.meets is False else word


def verdict_on_search(result: CapacityResult) -> Verdict:
    """The verdict on the search itself, whatever load was asked for."""
    if result.interrupted:
        return Verdict.INTERRUPTED
    return _VERDICTS.get(result.outcome, Verdict.INVALID if result.is_open else Verdict.PASS)


def sentence(result: CapacityResult) -> str:
    """The answer in a sentence."""
    match result.outcome:
        case "never":
            return f"fails at every load tried, down to {load_text(result, min(p.load for p in result.probes))}" + _why(
                result.fails
            )
        case "always":
            return f"{_end(result, 'holds', result.holds)}, the highest load tried"
        case "generator":
            return "no capacity: the load generator is the limit, not the engine"
        case "wrong" | "invalid" | "error":
            return one_line(result.reason)
    if result.holds is None:
        return "unknown so far" + (f": {_end(result, 'fails', result.fails)}" if result.fails else "")
    if result.fails is None:
        return f"{_end(result, 'holds', result.holds)}; no load has failed yet"
    below, above = result.holds, result.fails
    if 2 * below.held < below.runs or 2 * above.held > above.runs:
        # the curve through all runs says otherwise than the few at its half-point
        loads = f"{load_text(result, below.load)} ({below.held} of {below.runs})"
        loads += f" and {load_text(result, above.load)} ({above.held} of {above.runs} runs hold)"
        return f"not settled: the edge is between about {loads}{_why(above)}"
    return f"{_end(result, 'holds', below)}, {_end(result, 'fails', above)}{_why(above)}"


def _end(result: CapacityResult, verb: str, end: LoadEnd | None) -> str:
    if end is None:
        return ""
    runs = "" if verb == "fails" else " run" if end.runs == 1 else " runs"
    return f"{verb} {load_text(result, end.load)} ({end.held} of {end.runs}{runs})"


def _why(end: LoadEnd | None) -> str:
    return f": {one_line(end.words)}" if end and end.words else ""


def reasons(result: CapacityResult) -> Iterator[str]:
    """What else to know of the answer, a sentence each."""
    if result.interrupted:
        yield f"partial report: {result.interrupted}"
    if result.out_of_time:
        yield "--max-time ended the search before the edge was found: raise it, or start nearer with --from"
    if result.outcome == "generator":
        yield f"{result.reason}: the engine may take more: spread the vus over processes with pool.processes"
    if result.outcome == "always":
        yield f"raise --to above {load_text(result, result.holds.load if result.holds else 0)} to find the edge"
    if result.at_least is not None:
        words = {True: "is reached", False: "is not reached", None: "may be reached: it lies in the interval"}
        yield f"at_least {load_text(result, result.at_least)} {words[result.meets]}"
    if result.drift_per_run is not None:
        moved = f"the edge moved by {result.drift_per_run:+.1%} from run to run"
        yield f"{moved}: the machine or the engine changed during the search"
    if result.holds_again:
        again = load_text(result, result.holds_again.load)
        yield f"not monotone: thresholds hold again at {again}, above a load that fails"
    yield from _not_judged(result)


def _not_judged(result: CapacityResult) -> Iterator[str]:
    if starved := sum(probe.verdict is ProbeVerdict.STARVED for probe in result.probes):
        yield f"other processes starved {starved} of {counted(len(result.probes), 'run')}, which show nothing"
    if result.left_out:
        yield f"left out, as each run sets how much is done: {'; '.join(result.left_out)}"
    if unjudged := sorted({each for probe in result.probes for each in probe.not_judged}):
        yield f"not judged in runs this short: {'; '.join(unjudged)}"


def _findings(result: CapacityResult) -> Iterator[tuple[str, Text]]:
    if result.lower is not None or result.upper is not None:
        yield "interval", Text(f"{interval_text(result)}: half of the runs hold within it, at 90% confidence")
    if result.safe is not None:
        yield "safe", Text(f"{safe_text(result)}: 9 of 10 runs hold")
    if edge := result.edge:
        assert result.holds
        assert result.fails
        below = f"{share(edge.at_holds)} of its limit at {load_text(result, result.holds.load)}"
        above = f"{share(edge.at_fails)} at {load_text(result, result.fails.load)}"
        yield "edge", Text(one_line(f"{edge.kind}: {edge.threshold} is at {below}, {above}"))
    if result.knee is not None:
        knee = load_text(result, result.knee)
        yield "knee", Text(f"{knee}: median service time is 1.5 times that of the lowest load")
    if result.holds and result.outcome in ("found", "always", "unfinished"):
        bound = f"bound by {result.bound_by}" if result.bound_by else ""
        if words := "; ".join(filter(None, (one_line(result.holds.words), bound))):
            yield f"at {load_text(result, result.holds.load)}", Text(words)


def _what_ran(result: CapacityResult) -> Iterator[tuple[str, Text]]:
    all_of = "the threshold holds" if result.thresholds == 1 else f"all {result.thresholds} thresholds hold"
    raised = "rate of iterations" if result.of == "rate" else "number of vus"
    yield "search", Text(f"highest {raised} at which {all_of}")
    yield "runs", Text(f"{counted(len(result.probes), 'run')} in {_seconds(result)}; seed {result.seed}")
    words = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    yield "engine", name(words)
    if result.machines:
        yield "machines", name(", ".join(machine.name for machine in result.machines))


def _row(result: CapacityResult, probe: ProbeResult) -> list[Text]:
    return [
        Text(load_text(result, probe.load)),
        Text(probe.verdict.value, _STYLES.get(probe.verdict, DOUBTFUL)),
        Text(units.format_duration(probe.length_ns), QUIET),
        figure(probe.service_p50_ns, units.format_duration),
        figure(probe.latency_p99_ns, units.format_duration),
        figure(probe.cpu_mean, share),
        Text(one_line(probe.reason)),
        Text(str(probe.seed), QUIET),
    ]


def load_text(result: CapacityResult, load: float) -> str:
    """A load in its unit: 912/s, 4 vus."""
    if result.of == "rate":
        return f"{float(f'{load:.3g}'):,g}/s"
    whole = f"{load:,.0f}" if load >= 10 or load == int(load) else f"{load:.1f}"
    return f"{whole} {'vu' if load == 1 else 'vus'}"


def safe_text(result: CapacityResult) -> str:
    """The load at which 9 of 10 runs hold, of vus a whole number; empty if it is not known."""
    if result.safe is None:
        return ""
    return load_text(result, result.safe if result.of == "rate" or result.safe < 1 else math.floor(result.safe))


def interval_text(result: CapacityResult) -> str:
    """ "900 to 980/s"; a question mark for an end that is not known."""
    low, high = ("?" if end is None else load_text(result, end) for end in (result.lower, result.upper))
    sign = "/s" if result.of == "rate" else " vus"
    return f"{low.removesuffix(sign) if high.endswith(sign) else low} to {high}"


def _seconds(result: CapacityResult) -> str:
    return f"{result.seconds:.0f} s"


def _compared(results: Sequence[CapacityResult]) -> Iterator[Section]:
    if len(results) == 2 and (told := comparison(*results)):
        yield Section("compared", [Facts([("candidate", told)])])


def comparison(base: CapacityResult, candidate: CapacityResult) -> Text | None:
    """The half-point of a candidate beside that of its base; None if one is not known."""
    if not base.half or not candidate.half:
        return None
    ratio = candidate.half / base.half - 1
    apart = _is_above(base, candidate) or _is_above(candidate, base)
    difference = f"{abs(ratio):.1%} {'more' if ratio > 0 else 'less'} load than base"
    loads = f"half of the runs hold at {load_text(candidate, candidate.half)}, of base at {load_text(base, base.half)}"
    certainty = "the 90% intervals do not overlap" if apart else "the 90% intervals overlap, so this may be noise"
    style = (GOOD if ratio > 0 else BAD) if apart else QUIET
    return Text(f"{difference}: {loads}; {certainty}", style)


def _is_above(first: CapacityResult, second: CapacityResult) -> bool:
    return first.lower is not None and second.upper is not None and first.lower > second.upper


_CHART_NOTE: Final = "Each dot is a run: 1 holds, 0 fails. The line is the fitted share of runs that hold."
_CURVE_POINTS: Final = 60


def _chart(result: CapacityResult) -> dict[str, object]:
    from perfcli.report.html.chart import Drawing, axis, line, round_values

    traces = []
    for verdict, colour in _COLOURS.items():
        points = [
            (probe.load, float(verdict is ProbeVerdict.HOLDS), f"{load_text(result, probe.load)}: {probe.reason}")
            for probe in result.probes
            if probe.verdict is verdict
        ]
        marker = {"size": 10, "opacity": 0.6, "color": colour}
        traces.append(line(verdict.value, points, mode="markers", marker=marker, cliponaxis=False))
    if result.half and result.scale:
        fit = LogisticFit(result.half, result.scale, 0.0)
        shares = [(place + 0.5) / _CURVE_POINTS for place in range(_CURVE_POINTS)]
        curve_points = sorted((fit.load_at(each), each) for each in shares)
        curve = [(load, each, f"{each:.0%} hold at {load_text(result, load)}") for load, each in curve_points]
        traces.append(line("fit", curve))
    unit = "iterations/s" if result.of == "rate" else "vus"
    loads = [probe.load for probe in result.probes]
    marks = round_values(min(loads), max(loads))
    texts = [units.format_number(mark) for mark in marks]
    layout = {
        "xaxis": axis(unit, type="log", tickvals=marks, ticktext=texts),
        "yaxis": axis("share of runs that hold", tickformat=".0%", range=[-0.1, 1.1]),
    }
    return Drawing("Every probe", _CHART_NOTE, traces, layout).figure
