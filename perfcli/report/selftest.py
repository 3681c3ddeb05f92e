"""The report of a self-test as blocks: whether the gate can be trusted, its false alarms, its power, its resolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.ab.selftest import Planted, SelftestResult
from perfcli.errors import Verdict
from perfcli.inference.estimates import lower_bound, upper_bound
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Column, Facts, Section, Table
from perfcli.report.blocks import Verdict as Answer
from perfcli.report.wording import answer, counted, engine_words, figure, name, one_line, share

_COLUMNS: Final = (
    Column("candidate", "word"),
    *map(Column, ("regressions", "pairs")),
    Column("at 95% confidence", "prose", least=26),
)
_UNSEEN: Final = "no gate completed"


def selftest_document(result: SelftestResult) -> list[Section]:
    """The report of a self-test."""
    rows = [_row_of_same(result), *map(_row_of_planted, result.planted)]
    return [
        Section("verdict", [_verdict(result)]),
        Section("gates", [Table(_COLUMNS, rows, "gates", first_to_go=("pairs",))]),
        Section("findings", [Facts([("resolves", _resolves(result)), ("noise", _noise(result))])]),
        Section("what ran", [Facts(_what_ran(result))]),
    ]


def _what_ran(result: SelftestResult) -> list[tuple[str, Text]]:
    gates = result.gates_same + sum(planted.gates for planted in result.planted)
    took = f"{counted(gates, 'gate')} in {_seconds(result.duration_s)}, {_seconds(result.seconds_per_gate)} each"
    pinned = Text("both engines of a pair pinned to the same CPUs", QUIET)
    if not result.pinned:
        pinned = Text("not pinned to a CPU, which this system does not support: pairs are noisier", DOUBTFUL)
    engine = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    return [("scenario", name(result.scenario)), ("engine", name(engine)), ("gates", Text(took)), ("CPU", pinned)]


def _row_of_same(result: SelftestResult) -> list[Text]:
    gates, alarms = result.gates_same, result.false_alarms
    bound = f"at most {share(upper_bound(alarms, gates))} false alarms" if gates else _UNSEEN
    return [Text("the same engine"), _called(gates, alarms, BAD if alarms else GOOD), Text(), Text(bound)]


def _row_of_planted(planted: Planted) -> list[Text]:
    gates, found = planted.gates, planted.found
    bound = f"at least {share(lower_bound(found, gates))} found" if gates else _UNSEEN
    return [
        Text(f"made {share(planted.slowdown)} slower"),
        _called(gates, found, GOOD if found == gates else DOUBTFUL),
        figure(planted.pairs_median if gates else None, units.format_number),
        Text(bound),
    ]


def _called(gates: int, called: int, style: str) -> Text:
    """In how many of the gates the candidate was called a regression."""
    return Text(f"{units.format_count(called)} of {units.format_count(gates)}", style if gates else QUIET)


def _resolves(result: SelftestResult) -> Text:
    if result.smallest is None:
        return Text("unknown: 95% of gates would find none of the slowdowns tried", DOUBTFUL)
    return Text(f"a slowdown of {share(result.smallest)} is the smallest that 95% of gates would find here")


def _noise(result: SelftestResult) -> Text:
    if not result.pair_sd:
        return Text("not known", QUIET)
    noisiest = sorted(result.pair_sd.items(), key=lambda each: -each[1])
    deviations = Text(", ").join(Text.assemble(name(metric), f" {share(sd)}") for metric, sd in noisiest)
    return Text.assemble(deviations, (" (standard deviation of pairs of an engine with itself)", QUIET))


def _verdict(result: SelftestResult) -> Answer:
    verdict = Verdict.INTERRUPTED if result.interrupted else Verdict.PASS if result.passed else Verdict.FAIL
    advice = list(_what_to_do(result)) if verdict is Verdict.FAIL else []
    return answer(verdict, "selftest", _outcome(result), advice)


def _outcome(result: SelftestResult) -> str:
    if result.interrupted:
        return f"partial report: {one_line(result.interrupted)}"
    if result.passed:
        return "the gate is reliable on this machine"
    what = "is unreliable" if result.false_alarms else "missed slowdowns"
    return f"the gate {what} on this machine"


def _what_to_do(result: SelftestResult) -> Iterator[Text]:
    if result.false_alarms:
        yield Text("do not block merges on it here. A false alarm is a bug of the gate: please report it")
    if any(planted.found < planted.gates for planted in result.planted):
        yield Text("give each gate more time (--max-time), or a margin that this machine can resolve (--margin)")
    yield Text("stop other programs on this machine, and repeat")


def _seconds(seconds: float) -> str:
    return units.format_duration(seconds * units.NS_PER_S)
