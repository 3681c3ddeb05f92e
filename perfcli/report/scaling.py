"""The report of throughput over load, as blocks: the answer in a sentence, each load, the law in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.metrics.distribution import is_thin
from perfcli.report.blocks import DOUBTFUL, QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.operations import THIN
from perfcli.report.wording import (
    HINT,
    UNKNOWN,
    answer,
    counted,
    engine_words,
    environment_words,
    figure,
    name,
    one_line,
    percent,
    share,
)
from perfcli.usl.experiment import SoFar
from perfcli.usl.scaling_result import (
    ENOUGH_LOADS,
    LEAST_BLOCKS,
    LEAST_LOADS,
    MOST_RESIDUAL,
    Constant,
    Law,
    LoadPoint,
    ScalingResult,
)

_FIGURES: Final = ("throughput", "p50", "p95", "p99", "fit", "residual")
_FIRST_TO_GO: Final = ("p50", "p99", "fit")
_LEAST_OK: Final = 30
"""Operations in a block, below which it counts whole ones more than it measures a rate."""

_SINGULAR: Final = {"vus": "vu", "processes": "process"}
_SHARED: Final = {
    "threads": (
        "vus are threads of one process, and take turns holding Python's interpreter lock (GIL)",
        "threads pass the interpreter lock (GIL) back and forth",
    ),
    "processes": (
        "processes take turns as SQLite's only writer",
        "processes retry while another one writes, and share the CPUs",
    ),
    "sessions": (
        "MCP sessions take turns in the server's event loop",
        "MCP sessions wait for one another in the server's event loop",
    ),
}
"""Where σ and κ come from."""


def scaling_document(result: ScalingResult) -> list[Section]:
    """The report of one experiment."""
    what_ran = dict(_what_ran(result))
    in_brief = [(label, what_ran[label]) for label in ("runs", "engine")]
    reasons = [Text(one_line(reason)) for reason in result.reasons]
    sections = [
        Section("verdict", [answer(result.verdict, result.scenario, _answer(result), reasons)]),
        Section("loads", list(_loads(result))),
        Section("the law", list(_law(result))),
        Section("notes", [Notes(notes)] if (notes := list(_notes(result))) else []),
        Section("what ran", [Facts([*what_ran.items()])], brief=[Facts(in_brief)]),
    ]
    return [section for section in sections if section.blocks]


def scaling_so_far(so_far: SoFar, blocks_planned: int, of: str) -> str:
    """A line while it goes on."""
    done, elapsed_ns = so_far.share_done, so_far.elapsed_ns
    left = f", about {about(elapsed_ns * (1 - done) / done)} left" if done else ""
    where = f"block {so_far.block} of {blocks_planned}, {_counted(so_far.load, of)}"
    dropped = f"; {counted(so_far.starved, 'starved block')} dropped" if so_far.starved else ""
    return f"{where}: {done:.0%} in {about(elapsed_ns)}{left}{dropped}"


def about(ns: float) -> str:
    """A time that is known roughly: "40 s", "1 min 30 s"."""
    seconds = max(1, round(ns / units.NS_PER_S))
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(round(seconds / 10) * 10, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _answer(result: ScalingResult) -> str:
    if result.law is None:
        why = f"{counted(result.blocks, 'complete block')} of {result.planned_blocks}, {LEAST_BLOCKS} are needed"
        if len(result.loads) < LEAST_LOADS:
            why = f"{counted(len(result.loads), 'load')}, {LEAST_LOADS} are needed"
        return f"no law is fitted: {why}" + (f"; {_best(result)}" if result.points else "")
    return f"{_scaling_in_words(result, result.law)}; {_best(result)}"


def _scaling_in_words(result: ScalingResult, law: Law) -> str:
    most = result.points[-1].load
    if not law.holds:
        return f"does not follow the law: residual {share(law.residual)}, limit {share(MOST_RESIDUAL)}"
    peak = result.peak
    if law.sigma.lower >= 1 or (peak and peak.value == 1):
        return f"peak at 1 {_SINGULAR[result.of]}: a second one lowers throughput"
    if peak is None or peak.value is None:
        return f"no peak within {_counted(most, result.of)}"
    if peak.value > most:
        return f"no peak within {_counted(most, result.of)}; the law puts it at {_with_interval(peak, _plain)}"
    return f"peak at {_plain(peak.value)} {result.of} {_interval(peak, _plain)}"


def _best(result: ScalingResult) -> str:
    best = max(result.points, key=lambda point: point.throughput_per_s)
    return f"highest measured {units.format_rate(best.throughput_per_s)} at {_counted(best.load, result.of)}"


def _loads(result: ScalingResult) -> Iterator[Block]:
    if not result.points:
        return
    rows = [_row(point) for point in result.points]
    columns = (Column(result.of), *map(Column, _FIGURES))
    yield Table(columns, rows, "loads", first_to_go=_FIRST_TO_GO, legend=[THIN])
    if result.law is None and result.blocks < result.planned_blocks:
        yield Line(Text("means of all runs until then", QUIET))


def _row(point: LoadPoint) -> list[Text]:
    times = {"p50": point.p50_ns, "p95": point.p95_ns, "p99": point.p99_ns}
    residual = "" if point.residual is None else percent(1 + point.residual)
    return [
        Text(units.format_count(point.load)),
        Text(units.format_rate(point.throughput_per_s)),
        *(_latency(statistic, ns, point.ok) for statistic, ns in times.items()),
        Text() if point.fit_per_s is None else Text(units.format_rate(point.fit_per_s)),
        Text(residual, DOUBTFUL if abs(point.residual or 0) > MOST_RESIDUAL else ""),
    ]


def _latency(statistic: str, ns: float | None, count: int) -> Text:
    hint = HINT if ns is not None and is_thin(statistic, count) else ""
    return figure(ns, lambda value: f"{hint}{units.format_duration(value)}")


def _law(result: ScalingResult) -> Iterator[Block]:
    law = result.law
    if law is None:
        return
    constants = (
        ("λ", law.lambda_per_s, units.format_rate, f"throughput of one {_SINGULAR[result.of]}"),
        ("σ", law.sigma, units.format_number, _sigma_in_words(law, _SINGULAR[result.of])),
        ("κ", law.kappa, units.format_number, _kappa_in_words(law.kappa, result.of)),
    )
    residual = f"{share(law.residual)} (root mean square), limit {share(MOST_RESIDUAL)}"
    facts = [
        (sign, Text(_with_interval(constant, write) + (f": {words}" if law.holds else "")))
        for sign, constant, write, words in constants
    ]
    yield Facts([*facts, ("residual", Text(residual, "" if law.holds else DOUBTFUL))])
    if law.holds and (causes := list(_causes(result, law))):
        yield Notes(causes)
    yield Line(Text("fit: X(N) = λN / (1 + σ(N - 1) + κN(N - 1)); in brackets 95% intervals", QUIET))


def _causes(result: ScalingResult, law: Law) -> Iterator[Text]:
    contention, coherency = _SHARED[_kind(result)]
    if law.sigma.value:
        yield Text(f"σ: {contention}")
    if law.kappa.lower:
        yield Text(f"κ: {coherency}")


def _kind(result: ScalingResult) -> str:
    if result.of == "processes":
        return "processes"
    return "threads" if result.in_process else "sessions"


def _sigma_in_words(law: Law, one: str) -> str:
    value = law.sigma.value or 0.0
    if value >= 1:
        return f"a second {one} lowers throughput"
    if not value:
        return f"no {one} waits for another"
    doubt = " (or none of it)" if not law.sigma.lower else ""
    # with a peak, κ is what limits it
    most = f", at most {units.format_number(1 / value)} times the throughput of one {one}"
    return f"{share(value)} of the work{doubt} runs one at a time{'' if law.kappa.value else most}"


def _kappa_in_words(kappa: Constant, of: str) -> str:
    if kappa.lower:
        return f"{of} slow one another down: each further one costs more"
    return f"{of} do not measurably slow one another down"


def _notes(result: ScalingResult) -> Iterator[Text]:
    if result.starved and result.law:
        yield Text(
            f"{counted(len(result.starved), 'starved block')} dropped: {one_line(result.starved[-1].partition(';')[0])}"
        )
    few = [point for point in result.points if point.ok < _LEAST_OK * len(point.blocks_per_s)]
    if few:
        where = ", ".join(f"{point.load:,}" for point in few)
        yield Text(f"fewer than {_LEAST_OK} operations per block at {where} {result.of}: raise --duration")
    failed = sum(point.failed for point in result.points)
    if failed:
        yield Text(f"{counted(failed, 'operation')} failed; throughput excludes them")
    if result.law and not result.law.holds:
        yield Text("σ and κ are meaningless: the engine does not follow the law")
    if result.law and result.law.holds and len(result.points) < ENOUGH_LOADS:
        few_loads = f"{len(result.points)} loads hardly show whether the engine follows the law"
        yield Text(f"{few_loads}, as three constants are fitted to them: measure {ENOUGH_LOADS} or more")


def _what_ran(result: ScalingResult) -> Iterator[tuple[str, Text]]:
    version = result.environment.engine_version if result.environment else ""
    engine = engine_words(result.engine, version, result.commit, modified=result.engine_modified)
    numbers = ", ".join(f"{load:,}" for load in result.loads)
    blocks_run = f"{counted(result.blocks, 'block')} of {numbers} {result.of} in random order"
    yield "runs", Text(f"{blocks_run}, {about(result.duration_ns)} · seed {result.seed}")
    yield "load", name(result.plan)
    yield "engine", name(engine)
    if result.machines:
        yield "machines", name(", ".join(machine.name for machine in result.machines))
    if result.environment:
        yield "machine", name(environment_words(result.environment))


def _counted(number: int, of: str) -> str:
    return counted(number, _SINGULAR[of], of)


def _plain(value: float) -> str:
    """A load to one decimal."""
    return f"{value:,.1f}"


def _with_interval(constant: Constant, write: Callable[[float], str]) -> str:
    value = UNKNOWN if constant.value is None else write(constant.value)
    return f"{value} {_interval(constant, write)}"


def _interval(constant: Constant, write: Callable[[float], str]) -> str:
    upper = "unbounded" if constant.upper is None else write(constant.upper)
    return f"({write(constant.lower)} to {upper})"
