"""What the gate did with engines whose difference was known: its false alarms, its power, and what it can resolve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.inference.proportion import lower_bound, upper_bound
from perfcli.regression.selftest_result import Planted, SelftestResult
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Column
from perfcli.report.figures import counted, engine_words, figure, name, one_line, share, verdict_word
from perfcli.report.layout import INDENT, FittingTable, Hanging, labelled, listed

_COLUMNS: Final = (
    Column("candidate", "prose", least=20),
    *map(Column, ("gates", "called regression", "pairs")),
    Column("so, at 95% confidence", "prose", least=24),
)
_FIRST_TO_GO: Final = ("pairs", "gates")
_UNSEEN: Final = "no gate was completed"


def render_selftest(result: SelftestResult) -> RenderableType:
    """All of a self-test: what was done, every kind of gate, what this machine can resolve, the verdict."""
    return Group(*_head(result), Text(), *_table(result), Text(), *_findings(result), Text(), *_verdict(result))


def _head(result: SelftestResult) -> Iterator[RenderableType]:
    yield Hanging(name("selftest", "bold").append(INDENT), name(result.scenario))
    gates = result.gates_same + sum(planted.gates for planted in result.planted)
    took = f"{counted(gates, 'gate')} in {_seconds(result.duration_s)}, {_seconds(result.seconds_per_gate)} each"
    pinned = Text("both engines of a pair pinned to the same CPUs", QUIET)
    if not result.pinned:
        pinned = Text("not pinned: this system does not let a process keep to a CPU, so pairs are noisier", DOUBTFUL)
    engine = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    yield from labelled([("engine", name(engine)), ("gates", Text(took)), ("CPU", pinned)])


def _table(result: SelftestResult) -> Iterator[RenderableType]:
    rows = [_row_of_same(result), *map(_row_of_planted, result.planted)]
    yield FittingTable(_COLUMNS, rows, first_to_go=_FIRST_TO_GO)


def _row_of_same(result: SelftestResult) -> list[Text]:
    gates, alarms = result.gates_same, result.false_alarms
    bound = f"at most {share(upper_bound(alarms, gates))} of gates are false alarms" if gates else _UNSEEN
    return [Text("the same engine"), *_counts(gates, alarms, BAD if alarms else GOOD), Text(), Text(bound)]


def _row_of_planted(planted: Planted) -> list[Text]:
    gates, found = planted.gates, planted.found
    bound = f"at least {share(lower_bound(found, gates))} of gates find it" if gates else _UNSEEN
    return [
        Text(f"made {share(planted.slowdown)} slower"),
        *_counts(gates, found, GOOD if found == gates else DOUBTFUL),
        figure(planted.pairs_median if gates else None, units.format_number),
        Text(bound),
    ]


def _counts(gates: int, called: int, style: str) -> list[Text]:
    return [Text(units.format_count(gates)), figure(called if gates else None, units.format_count, style)]


def _findings(result: SelftestResult) -> Iterator[RenderableType]:
    yield from labelled([("resolves", _resolves(result)), ("noise", _noise(result))])


def _resolves(result: SelftestResult) -> Text:
    if result.smallest is None:
        return Text("not known: none of the slowdowns tried would be found in 95% of gates", DOUBTFUL)
    return Text(f"a slowdown of {share(result.smallest)} is the smallest that 95% of gates would find here")


def _noise(result: SelftestResult) -> Text:
    if not result.pair_sd:
        return Text("not known", QUIET)
    noisiest = sorted(result.pair_sd.items(), key=lambda each: -each[1])
    said = ", ".join(f"{one_line(metric)} {share(sd)}" for metric, sd in noisiest)
    return Text.assemble(said, (" (standard deviation of pairs of an engine with itself)", QUIET))


def _verdict(result: SelftestResult) -> Iterator[RenderableType]:
    verdict = Verdict.INTERRUPTED if result.interrupted else Verdict.PASS if result.passed else Verdict.FAIL
    yield Hanging(verdict_word(verdict).append(INDENT), Text.assemble(("selftest", "bold"), INDENT, _outcome(result)))
    if verdict is Verdict.FAIL:
        yield from listed(list(_what_to_do(result)))


def _outcome(result: SelftestResult) -> str:
    if result.interrupted:
        return f"partial report: {one_line(result.interrupted)}"
    if result.passed:
        return "the gate can be trusted on this machine"
    what = "is not to be trusted" if result.false_alarms else "missed slowdowns"
    return f"the gate {what} on this machine"


def _what_to_do(result: SelftestResult) -> Iterator[Text]:
    if result.false_alarms:
        yield Text("do not block merges on it here; a false alarm is a fault of the gate: please report it")
    if any(planted.found < planted.gates for planted in result.planted):
        yield Text("give each gate more time (--max-time), or a margin that this machine can resolve (--margin)")
    yield Text("a quieter machine: end what else runs, and repeat")


def _seconds(seconds: float) -> str:
    return units.format_duration(seconds * units.NS_PER_S)
