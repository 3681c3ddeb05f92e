"""Whether the engine kept what it acknowledged, once each: one line when all is well, else every trouble."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.figures.integrity import UNCHECKED
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD
from perfcli.report.figures import counted, name, why_not
from perfcli.results import Integrity, RunResult, SaveCounts


def describe_integrity(result: RunResult) -> Text:
    """What was acknowledged against what is stored, with examples of what is not the same."""
    integrity = result.integrity
    if integrity is None:
        return why_not(result, "checked")
    if troubles := list(_troubles(integrity)):
        examples = [Text.assemble("- ", name(example)) for example in integrity.examples]
        saves = [Text(words) for words in _saves(integrity.saves)]
        return Text("\n").join([*troubles, *saves, *examples])
    return _all_is_well(integrity)


def _all_is_well(integrity: Integrity) -> Text:
    of_load = integrity.acknowledged - integrity.set_up
    if not of_load:
        words, style = ["the load wrote nothing"], ""
    elif integrity.lost is None:
        words, style = [f"{counted(of_load, 'write')} acknowledged, none could be checked"], DOUBTFUL
    else:
        once = "" if integrity.duplicates is None else ", none stored twice"
        words, style = [f"{counted(integrity.acknowledged, 'write')} acknowledged: none lost{once}"], GOOD
    words += _saves(integrity.saves)
    if integrity.lost_updates is not None:
        words.append("every change adds up")
    if integrity.differences is not None:
        words.append("a new process reads what was answered")
    return Text("; ".join(words), style)


def _saves(saves: SaveCounts) -> Iterator[str]:
    """How many saves were looked at: what replaced the others before anything showed them may be right or not."""
    if not saves.acknowledged:
        return
    kinds = {"checked": saves.checked, "superseded": saves.superseded, "unchecked": saves.unchecked}
    parts = [
        f"{'all' if count == saves.acknowledged else units.format_count(count)} {kind}"
        for kind, count in kinds.items()
        if count
    ]
    why = f" ({UNCHECKED})" if saves.unchecked else ""
    yield f"{counted(saves.acknowledged, 'save')}: {', '.join(parts)}{why}"


def _troubles(integrity: Integrity) -> Iterator[Text]:
    if integrity.damaged:
        yield Text.assemble(("the database is damaged: ", BAD), name(integrity.damaged))
    if missing := (integrity.lost or 0) - integrity.stale_reads:
        of = counted(integrity.acknowledged, "acknowledged write")
        yield Text(f"{units.format_count(missing)} of {of} lost", BAD)
    for count, noun, plural in (
        (integrity.stale_reads, "read missed an acknowledged save", "reads missed an acknowledged save"),
        (integrity.duplicates, "write stored twice", "writes stored twice"),
        (integrity.lost_updates, "update of a pet lost", "updates of pets lost"),
        (integrity.differences, "field differs in a new process", "fields differ in a new process"),
        (integrity.torn, "torn read", "torn reads"),
    ):
        if count:
            yield Text(counted(count, noun, plural), BAD)
